"""When each joint was observed last and will be next, and the straight line between."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kpcomplete.batch import PoseBatch

NEVER = 1e4  # seconds; stands for an observation that does not exist


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """What neighbouring frames know of a joint, body units and seconds.

    Attributes:
        base: Straight line between the last and the next observation; at the ends, and
            everywhere when causal, the one there is; 0 if there is none.
        since: Time since the last observation, 0 where observed; `NEVER` if there was none.
        until: Time until the next one; `NEVER` if there is none, and everywhere when causal.
        average: Mean of what is observed in the window, when causal so far; 0 if nothing is.
        seen: Whether ``base`` exists.
        observed: Whether the joint is observed in this frame.
        causal: Whether only the past was looked at.
    """

    base: Float[Tensor, "batch time joint 2"]
    since: Float[Tensor, "batch time joint"]
    until: Float[Tensor, "batch time joint"]
    average: Float[Tensor, "batch time joint 2"]
    seen: Bool[Tensor, "batch time joint"]
    observed: Bool[Tensor, "batch time joint"]
    causal: bool

    @classmethod
    def of(cls, batch: PoseBatch, *, causal: bool) -> "Timeline":
        """Return the timeline of windows; hidden values are not looked at."""
        keypoints = torch.where(batch.observed[..., None], batch.keypoints, 0.0)
        before, since = _nearest(keypoints, batch.observed, batch.times)
        average = _average(keypoints, batch.observed, causal)
        if causal:
            until = torch.full_like(since, NEVER)
            base = before
        else:
            after, until = (
                x.flip(1)
                for x in _nearest(keypoints.flip(1), batch.observed.flip(1), -batch.times.flip(1))
            )
            share = (since / (since + until).clamp_min(1e-9))[..., None]
            between = before + share * (after - before)
            only = torch.where((since < NEVER)[..., None], before, after)
            base = torch.where(((since < NEVER) & (until < NEVER))[..., None], between, only)
        return cls(
            base=base,
            since=since,
            until=until,
            average=average,
            seen=torch.minimum(since, until) < NEVER,
            observed=batch.observed,
            causal=causal,
        )

    @property
    def wait(self) -> Float[Tensor, "batch time joint"]:
        """Seconds that uncertainty grew over: as of a Brownian bridge between observations."""
        bridge = self.since * self.until / (self.since + self.until).clamp_min(1e-9)
        one_sided = torch.minimum(self.since, self.until)
        both = torch.maximum(self.since, self.until) < NEVER
        return torch.where(both, bridge, one_sided)


def _nearest(keypoints: Tensor, observed: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last observation of each joint at each frame, and the time since."""
    if not times.shape[1]:
        return keypoints, keypoints[..., 0]
    frames = torch.arange(times.shape[1], device=times.device)[:, None]
    last = torch.where(observed, frames, -1).cummax(dim=1).values
    place = last.clamp_min(0)
    value = keypoints.gather(1, place[..., None].expand_as(keypoints))
    then = times[..., None].expand(observed.shape).gather(1, place)
    since = torch.where(last >= 0, times[..., None] - then, NEVER).clamp_max(NEVER)
    return torch.where((last >= 0)[..., None], value, 0.0), since


def _average(keypoints: Tensor, observed: Tensor, causal: bool) -> Tensor:
    count = observed.to(keypoints.dtype)[..., None]
    if causal:
        return keypoints.cumsum(dim=1) / count.cumsum(dim=1).clamp_min(1)
    mean = keypoints.sum(dim=1, keepdim=True) / count.sum(dim=1, keepdim=True).clamp_min(1)
    return mean.expand_as(keypoints)
