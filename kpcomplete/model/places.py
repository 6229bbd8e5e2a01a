"""Where a joint may be, by time and by memory; the geometry that the completer weighs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kpcomplete.model.timeline import NEVER, Timeline

KEEPS = 0.25  # seconds in which a velocity dies away
_BEND = 0.3  # seconds on which velocities at the ends bend a curve, at most


def places_in_time(timeline: Timeline) -> tuple[Tensor, ...]:
    """Return where time alone says a joint may be, other than on the straight line."""
    before, after = timeline.before, timeline.after
    gone, coming = (
        (KEEPS * -torch.expm1(-seconds.clamp_max(10.0) / KEEPS))[..., None]
        for seconds in (timeline.since, timeline.until)
    )
    return (
        before,
        after,
        timeline.average,
        before + timeline.arriving * gone,
        after + timeline.leaving * coming,
        curve(timeline),
    )


def curve(timeline: Timeline) -> Tensor:
    """Return a cubic Hermite spline between observations; the line where there is only one.

    Velocities that would swing a long gap far out are shortened.
    """
    both = torch.maximum(timeline.since, timeline.until) < NEVER
    whole = timeline.since + timeline.until
    u = torch.where(both, timeline.since / whole.clamp_min(1e-9), 0.0)[..., None]
    reach = whole.clamp_max(_BEND)[..., None]
    step = u.square() * (3 - 2 * u)
    bent = timeline.before + step * (timeline.after - timeline.before)
    bent = bent + reach * timeline.arriving * u * (1 - u).square()
    bent = bent + reach * timeline.leaving * u.square() * (1 - u)
    return torch.where(both[..., None], bent, timeline.base)


def moved_along(timeline: Timeline, anchors: Sequence[int]) -> Tensor:
    """Return where the person usually has a joint, moved along with head and shoulders."""
    memory = timeline.memory[:, None]
    both = (timeline.seen & timeline.remembered[:, None])[:, :, anchors, None]
    shift = torch.where(both, (timeline.base - memory)[:, :, anchors], 0.0)
    return memory + shift.sum(dim=2, keepdim=True) / both.sum(dim=2, keepdim=True).clamp_min(1)


def weighted_mean(places: Tensor, logits: Tensor, allowed: Tensor) -> Tensor:
    """Return the weighted mean ``[..., 2]`` of places ``[..., K, 2]`` that are allowed."""
    weights = logits.masked_fill(~allowed, -1e4).softmax(dim=-1)
    return (weights[..., None] * places).sum(dim=-2)


def earlier(values: Tensor, frames: int) -> Tensor:
    """Return the values of some frames earlier; the first ones are repeated."""
    index = torch.arange(values.shape[1], device=values.device) - frames
    return values[:, index.clamp_min(0)]


def age(seconds: Tensor) -> Tensor:
    """Return times on a scale on which frames and minutes can be told apart; 0..2."""
    grown: Tensor = torch.log1p(seconds / 0.05) / 4
    return torch.where(seconds < NEVER, grown.clamp_max(2.0), 2.0)
