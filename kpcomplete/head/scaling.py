"""Probabilities that can be trusted, from people who taught nothing."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kpcomplete.data.labelled import NONE
from kpcomplete.head.several import Several
from kpcomplete.head.trees import Trees

_WIDTH = 2.0
"""Standard deviation that shifts of classes are expected to have: rare classes say little."""


def scale(
    network: Several, logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]
) -> dict[str, float]:
    """Set the temperature of each task, and shift its classes to how frequent they are.

    Layers learn from all classes alike; without the shift rare ones would be announced too often
    (vector scaling with one slope, Guo et al. 2017, arXiv 1706.04599). The shift becomes part of
    the last layer's bias. Trees learn how frequent classes are, give rare ones somewhat more on
    purpose, and are not shifted.

    Args:
        network: Whose heads gave the logits.
        logits: Task to ``[N, C]`` of windows of people who were not trained on.
        targets: Task to classes ``[N]``, `NONE` where not known.

    Returns:
        ``TASK_temperature`` of each task of which a class is known.
    """
    found = {}
    for i, (task, values) in enumerate(logits.items()):
        known = targets[task] != NONE
        if not known.any():
            continue
        head = network.heads[task]
        trees = isinstance(head, Trees)
        temperature, shift = fitted(values[known], targets[task][known], shifted=not trees)
        network.temperature[i] = temperature
        if not trees:
            last = head[-1] if isinstance(head, nn.Sequential) else head
            assert isinstance(last, nn.Linear)
            with torch.no_grad():
                last.bias.copy_(last.bias + temperature * shift)
        found[f"{task}_temperature"] = temperature
    return found


def fitted(logits: Tensor, target: Tensor, *, shifted: bool = True) -> tuple[float, Tensor]:
    """Return what to divide logits ``[N, C]`` by, and what to add to each class after that.

    Args:
        logits: Of windows whose classes are known.
        target: ``[N]`` these.
        shifted: Whether anything is to be added.

    Example:
        >>> logits = torch.zeros(100, 2)
        >>> _, shift = fitted(logits, (torch.arange(100) < 20).long())
        >>> bool(shift[0] > shift[1])
        True
    """
    slope = torch.zeros((), requires_grad=True)
    shift = torch.zeros(logits.shape[1], requires_grad=shifted)
    free = [slope, shift] if shifted else [slope]
    optimizer = torch.optim.LBFGS(free, max_iter=100, line_search_fn="strong_wolfe")
    logits = logits.detach()

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(logits * slope.exp() + shift, target)
        loss = loss + (shift / _WIDTH).square().sum() / (2 * len(target))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimizer.step(step)  # type: ignore[no-untyped-call]
    # windows that all look alike say nothing of slopes
    temperature = float((-slope.detach()).exp().clamp(0.05, 20.0))
    return temperature, (shift - shift.mean()).detach()
