"""Layers that lie on each other: what stacked networks are built of."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError

BENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "gelu": nn.functional.gelu,
    "relu": nn.functional.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
"""How the values of a layer are bent."""


def check_bend(name: str, value: str, choices: Sequence[str] = tuple(BENDS)) -> None:
    """Raise SettingError unless a way to bend values is known."""
    if value not in choices:
        raise SettingError(f"{name} must be one of {', '.join(choices)}, but got {value!r}")


class Tied(nn.Module):
    """The way back through a linear layer: its weight transposed, a bias of its own.

    Args:
        source: The layer; it stays where it is.
        size: Leading inputs of the layer that are given back.
        bias: Whether there is one.
    """

    def __init__(self, source: nn.Linear, size: int, *, bias: bool = True) -> None:
        super().__init__()
        self._source = (source,)  # in a tuple, or its weight would be saved and averaged twice
        self.size = size
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self._source[0].weight.T[: self.size], self.bias)


@runtime_checkable
class Stacked(Protocol):
    """A network whose layers can be trained one after the other, from the input up."""

    @property
    def depth(self) -> int:
        """How many layers lie on each other."""
        ...

    def pair(self, layer: int) -> nn.ModuleList:
        """Return what is trained with a layer: the way in and the way back out."""
        ...

    def below(self, batch: PoseBatch, layer: int) -> Tensor:
        """Return ``[B, T, W]`` what a layer is given to read."""
        ...

    def again(self, values: Tensor, layer: int) -> Tensor:
        """Return what one layer alone makes of what it reads, there and back; see `target`."""
        ...

    def target(self, batch: PoseBatch, layer: int) -> tuple[Tensor, Tensor]:
        """Return what `again` should give for clean windows, and which of it is known."""
        ...
