"""Which stretches of recordings are worth a label next."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete.data.labels import Label
from kpcomplete.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of one person.

    Attributes:
        file: Name of the recording.
        seat: Of the person.
        start: First frame.
        end: Frame after the last.
    """

    file: str
    seat: str
    start: int
    end: int


def propose(
    features: Float[Tensor, "segment feature"],
    uncertainty: Float[Tensor, " segment"],
    known: Sequence[int],
    count: int,
) -> list[int]:
    """Return the segments to ask about, in order: uncertain, and unlike all that is known.

    Each is the one with the largest product of its uncertainty and its distance from the nearest
    segment that is labelled or already proposed (a weighted form of the core sets of Sener &
    Savarese 2018, arXiv 1708.00489).

    Args:
        features: What tells segments apart.
        uncertainty: 0..1; the same for all where there is no head yet.
        known: Segments that have a label.
        count: How many are wanted; fewer if there are no more.

    Raises:
        SettingError: If ``count`` is below 1.
    """
    if count < 1:
        raise SettingError(f"at least one segment must be proposed, but got {count}")
    scaled = (features - features.mean(dim=0)) / features.std(dim=0, correction=0).clamp_min(1e-6)
    open_ = torch.ones(len(features), dtype=torch.bool)
    open_[list(known)] = False
    nearest = torch.full((len(features),), torch.inf)
    for row in known:
        nearest = torch.minimum(nearest, (scaled - scaled[row]).norm(dim=1))
    chosen: list[int] = []
    for _ in range(min(count, int(open_.sum()))):
        far = torch.where(nearest.isinf(), 1.0, nearest)  # from nothing: all alike
        worth = torch.where(open_, far * (uncertainty + 1e-3), -1.0)
        row = int(worth.argmax())
        chosen.append(row)
        open_[row] = False
        nearest = torch.minimum(nearest, (scaled - scaled[row]).norm(dim=1))
    return chosen


def entropy(probabilities: Float[Tensor, "segment kind"]) -> Float[Tensor, " segment"]:
    """Return how unsure probabilities are, 0 certain to 1 even."""
    size = torch.tensor(float(probabilities.shape[1])).log()
    found: Tensor = -(probabilities * probabilities.clamp_min(1e-9).log()).sum(dim=1) / size
    return found


def answered(segments: Sequence[Segment], labels: Sequence[Label], task: str) -> list[int]:
    """Return the segments that overlap a label of the task."""
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for label in labels:
        if label.task == task:
            spans.setdefault((label.file, label.seat), []).append((label.start, label.end))
    return [
        i
        for i, s in enumerate(segments)
        if any(s.start < end and start < s.end for start, end in spans.get((s.file, s.seat), ()))
    ]
