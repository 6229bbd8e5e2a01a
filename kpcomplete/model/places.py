"""Where a joint may be, by time and by memory; the geometry that the completer weighs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kpcomplete.model.layers import softmax
from kpcomplete.model.timeline import NEVER, Timeline

KEEPS = 0.25  # seconds in which a velocity dies away
LEAST = 0.01  # body units that any joint may be off its line
BEND = 0.3  # seconds on which velocities at the ends bend a stiff curve, at most


def places_in_time(timeline: Timeline) -> tuple[Tensor, ...]:
    """Return where time alone says a joint may be, other than on the straight line."""
    before, after = timeline.before, timeline.after
    gone, coming = (_fading(seconds) for seconds in (timeline.since, timeline.until))
    return (
        before,
        after,
        timeline.average,
        before + timeline.arriving * gone,
        after + timeline.leaving * coming,
        free_curve(timeline),
        stiff_curve(timeline),
    )


def stiff_curve(timeline: Timeline) -> Tensor:
    """Return a cubic Hermite spline between observations; the line where there is only one.

    For noisy points: velocities are those over some frames, and shortened where they would swing
    a long gap far out.
    """
    return _curve(timeline, timeline.arriving, timeline.leaving, BEND)


def free_curve(timeline: Timeline) -> Tensor:
    """Return the same with the velocities of single frames, never shortened: for smooth motion."""
    return _curve(timeline, timeline.arriving_now, timeline.leaving_now, NEVER)


def _curve(timeline: Timeline, arriving: Tensor, leaving: Tensor, bend: float) -> Tensor:
    both = torch.maximum(timeline.since, timeline.until) < NEVER
    whole = timeline.since + timeline.until
    u = torch.where(both, timeline.since / whole.clamp_min(1e-9), 0.0)[..., None]
    long = torch.where(both, whole, 0.0).clamp_max(bend)[..., None]
    bent = timeline.before + u.square() * (3 - 2 * u) * (timeline.after - timeline.before)
    bent = bent + long * arriving * u * (1 - u).square() + long * leaving * u.square() * (1 - u)
    return torch.where(both[..., None], bent, timeline.base)


def reach(timeline: Timeline) -> Tensor:
    """Return ``[B, T, J]`` how far off its straight line a joint may well be, body units.

    Joints that rest are where they were; those that move leave the line by about as much as they
    move anyway.
    """
    before, after = timeline.before, timeline.after
    gone, coming = (_fading(seconds) for seconds in (timeline.since, timeline.until))
    apart = (
        0.5 * (after - before),
        0.5 * (before - timeline.average),
        0.5 * (after - timeline.average),
        timeline.arriving * gone,
        timeline.leaving * coming,
    )
    squared = sum(part.square().sum(dim=-1) for part in apart)
    assert isinstance(squared, Tensor)
    return LEAST + (squared + 1e-9).sqrt()


def yardstick(timeline: Timeline) -> Tensor:
    """Return ``[B, T, J]`` how far off a joint may well be, body units, as errors are counted."""
    return 0.05 + 0.5 * reach(timeline)


def _fading(seconds: Tensor) -> Tensor:
    """Return seconds of a velocity that dies away."""
    return (KEEPS * -torch.expm1(-seconds.clamp_max(10.0) / KEEPS))[..., None]


def moved_along(timeline: Timeline, anchors: Sequence[int]) -> Tensor:
    """Return where the person usually has a joint, moved along with head and shoulders."""
    memory = timeline.memory[:, None]
    both = (timeline.seen & timeline.remembered[:, None])[:, :, anchors, None]
    shift = torch.where(both, (timeline.base - memory)[:, :, anchors], 0.0)
    return memory + shift.sum(dim=2, keepdim=True) / both.sum(dim=2, keepdim=True).clamp_min(1)


def weighted_mean(places: Tensor, logits: Tensor, allowed: Tensor) -> Tensor:
    """Return the weighted mean ``[..., 2]`` of places ``[..., K, 2]`` that are allowed."""
    weights = softmax(logits.masked_fill(~allowed, -1e4))
    return (weights[..., None, :] @ places)[..., 0, :]


def earlier(values: Tensor, frames: int) -> Tensor:
    """Return the values of some frames earlier; the first ones are repeated."""
    index = torch.arange(values.shape[1], device=values.device) - frames
    return values[:, index.clamp_min(0)]


def age(seconds: Tensor) -> Tensor:
    """Return times on a scale on which frames and minutes can be told apart; 0..2."""
    grown: Tensor = torch.log1p(seconds / 0.05) / 4
    return torch.where(seconds < NEVER, grown.clamp_max(2.0), 2.0)
