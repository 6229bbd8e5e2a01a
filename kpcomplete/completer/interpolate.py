"""A line or a curve through the sights of a joint."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.fitted import Weights
from kpcomplete.completer.gaps import Gaps, at, finish, round_covariance, unchanged
from kpcomplete.completer.motion import Variogram
from kpcomplete.errors import SettingError


@dataclass(kw_only=True, eq=False)
class Interpolate:
    """Goes from the last sight of a joint to the next; outside of them it stays.

    Args:
        kind: ``"linear"``, or ``"akima"`` for Akima's curve (doi 10.1145/321607.321609), which
            does not swing over as other cubic curves do.
        max_gap: Seconds. Longer gaps are not filled; outside of all sights, that long at most.
        weights: How far joints move in a time: gives the uncertainty.

    Raises:
        SettingError: If ``kind`` is unknown.
    """

    kind: str = "linear"
    max_gap: float = math.inf
    weights: Weights = "motion"
    causal: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "akima"):
            raise SettingError(f"interpolation is 'linear' or 'akima', but got {self.kind!r}")
        self._variogram = Variogram.read(self.weights)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.observed.numel():
            return unchanged(batch)
        gaps = Gaps.of(batch)
        inside = gaps.since.isfinite() & gaps.until.isfinite()
        edge = torch.minimum(gaps.since, gaps.until)
        gap = torch.where(inside, gaps.since + gaps.until, edge)
        mean = linear(batch.keypoints, gaps)
        if self.kind == "akima":
            mean = torch.where(inside[..., None], akima(batch), mean)
        since, until = (x.nan_to_num(posinf=0.0) for x in (gaps.since, gaps.until))
        variance = torch.where(inside, self._variogram.between(since, until), self._variogram(edge))
        known = gap.isfinite() & (gap <= self.max_gap)
        return finish(batch, mean, round_covariance(variance), known)


def linear(keypoints: Tensor, gaps: Gaps) -> Tensor:
    """Return straight lines between sights, and the nearest sight outside of them."""
    return blend(at(keypoints, gaps.before), at(keypoints, gaps.after), gaps)


def blend(first: Tensor, second: Tensor, gaps: Gaps) -> Tensor:
    """Return the way from ``first`` to ``second`` ``[B, T, J, ...]`` as far as time has gone."""
    share = gaps.since / (gaps.since + gaps.until)
    share = torch.where(gaps.since.isinf(), 1.0, share)
    share = torch.where(gaps.until.isinf(), 0.0, share).nan_to_num(0.0)  # a sight: 0 / 0
    return first + share.reshape(share.shape + (1,) * (first.ndim - 3)) * (second - first)


def akima(batch: PoseBatch) -> Tensor:
    """Return Akima's curves through the sights; ``[B, T, J, 2]``, of no meaning outside of them."""
    seen = batch.observed
    # sights of each joint moved to the front, so that neighbours in the array are neighbours
    order = (~seen).to(torch.int8).argsort(dim=1, stable=True)
    count = seen.sum(dim=1, keepdim=True)
    times = batch.times[..., None].expand(seen.shape)
    knots, values = times.gather(1, order), at(batch.keypoints, order)
    slope = _akima_slopes(knots, values, count)
    left = (seen.cumsum(dim=1) - 1).clamp_min(0)
    right = torch.minimum(left + 1, (count - 1).clamp_min(0))
    step = (knots.gather(1, right) - knots.gather(1, left)).clamp_min(1e-9)[..., None]
    share = (times - knots.gather(1, left))[..., None] / step
    first, second = at(values, left), at(values, right)
    rest = 1 - share
    return (
        (1 + 2 * share) * rest**2 * first
        + share * rest**2 * step * at(slope, left)
        + share**2 * (3 - 2 * share) * second
        - share**2 * rest * step * at(slope, right)
    )


def _akima_slopes(knots: Tensor, values: Tensor, count: Tensor) -> Tensor:
    """Return the curve's slope at each sight; two are made up beyond either end, as Akima does."""
    time = knots.shape[1]
    place = torch.arange(time + 3, device=knots.device)[None, :, None, None]
    last = count[..., None]
    rise = values.diff(dim=1) / knots.diff(dim=1).clamp_min(1e-9)[..., None]
    rise = torch.nn.functional.pad(rise, (0, 0, 0, 0, 2, 2))  # rise k lies at k + 2
    for k, a, b in ((1, 2, 3), (0, 1, 2)):
        rise[:, k] = torch.where(last[:, 0] > 2, 2 * rise[:, a] - rise[:, b], rise[:, 2])
    for k in (1, 2):  # sights 0 .. n - 1 have rises at 2 .. n
        beyond = 2 * rise.roll(1, dims=1) - rise.roll(2, dims=1)
        beyond = torch.where(last > 2, beyond, rise[:, 2:3])
        rise = torch.where(place == last + k, beyond, rise)
    one, two, three, four = (rise[:, i : i + time] for i in range(4))
    before, after = (four - three).abs(), (two - one).abs()
    total = before + after
    flat = total < 1e-9 * total.amax(dim=1, keepdim=True).clamp_min(1e-30)
    weighed = (before * two + after * three) / torch.where(flat, 1.0, total)
    return torch.where(flat, (two + three) / 2, weighed)
