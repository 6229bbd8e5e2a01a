"""Networks from files, made with no more memory than their files fill."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as hooks

_SLACK = 1_000_000  # numbers that a network may hold beyond those of its file
_ALWAYS = 256  # sizes up to it are no reason to look


@contextmanager
def frugal(arguments: Mapping[str, Any], stored: int) -> Iterator[None]:
    """Stop making a network that becomes much larger than its file.

    A few bytes could ask for a network that no memory holds.

    Args:
        arguments: Of the network, as the file has them.
        stored: How many numbers the file's tensors have.

    Raises:
        ValueError: If an argument is too large for a network of so many numbers, or the network
            gets more than four times as many.
    """
    largest = max(_ALWAYS, 16 * math.isqrt(stored))
    for number in _numbers(arguments):
        if not abs(number) <= largest:
            raise ValueError(
                f"with {stored} numbers no argument is above {largest}: {number!s:.40}"
            )
    count = 0

    def add(owner: nn.Module, name: str, tensor: Tensor | None) -> None:
        nonlocal count
        count += 0 if tensor is None else tensor.numel()
        if count > 4 * stored + _SLACK:
            raise ValueError(f"a network of more than {count} numbers, where {stored} are stored")

    handles = [
        hooks.register_module_parameter_registration_hook(add),
        hooks.register_module_buffer_registration_hook(add),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _numbers(values: Any) -> Iterator[float]:
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from _numbers(value)
    elif isinstance(values, int | float):
        yield values
