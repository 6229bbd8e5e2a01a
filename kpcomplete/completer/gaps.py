"""Where a joint was last seen and will next be seen, and how a completion is put together."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch, within_radius
from kpcomplete.normalize import TORSO


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaps:
    """The nearest frames that show a joint, on both sides of every frame.

    Attributes:
        before: ``[B, T, J]`` the last frame up to this one that shows the joint; 0 if none.
        after: ``[B, T, J]`` the first frame from this one that shows the joint; T - 1 if none.
        since: ``[B, T, J]`` seconds since ``before``; inf if none.
        until: ``[B, T, J]`` seconds to ``after``; inf if none.
    """

    before: Tensor
    after: Tensor
    since: Tensor
    until: Tensor

    @classmethod
    def of(cls, batch: PoseBatch) -> "Gaps":
        """Return the gaps of a batch of at least one frame."""
        last = batch.observed.shape[1] - 1
        place = torch.arange(last + 1, device=batch.device)[None, :, None]
        seen = batch.observed
        before = torch.where(seen, place, -1).cummax(dim=1).values
        after = torch.where(seen, place, last + 1).flip(1).cummin(dim=1).values.flip(1)
        times = batch.times[..., None].expand(seen.shape)
        since = times - times.gather(1, before.clamp_min(0))
        until = times.gather(1, after.clamp_max(last)) - times
        return cls(
            before=before.clamp_min(0),
            after=after.clamp_max(last),
            since=since.masked_fill(before < 0, torch.inf),
            until=until.masked_fill(after > last, torch.inf),
        )


def at(values: Tensor, frames: Tensor) -> Tensor:
    """Return ``values`` ``[B, T, J, 2]`` at other frames ``[B, T, J]`` of the same joint."""
    return values.gather(1, frames[..., None].expand(*frames.shape, values.shape[-1]))


def round_covariance(variance: Tensor) -> Tensor:
    """Return ``[..., 2, 2]`` covariances that are the same in every direction."""
    return variance[..., None, None] * torch.eye(2).to(variance)


def finish(batch: PoseBatch, mean: Tensor, covariance: Tensor, known: Tensor) -> PoseBatch:
    """Return the batch with its missing joints filled in, as the contract of completers asks.

    Args:
        batch: What came in.
        mean: ``[B, T, J, 2]`` where the joints are thought to be.
        covariance: ``[B, T, J, 2, 2]`` of that.
        known: ``[B, T, J]`` whether anything can be said; the rest stays missing.
    """
    filled = known & ~batch.observed
    confidence = batch.confidence.clone()
    confidence[filled] = within_radius(covariance[filled], CONFIDENCE_RADIUS * TORSO)
    return replace(
        batch,
        keypoints=torch.where(filled[..., None], mean, batch.keypoints),
        observed=batch.observed | filled,
        covariance=torch.where(filled[..., None, None], covariance, 0.0),
        confidence=confidence,
    )


def unchanged(batch: PoseBatch) -> PoseBatch:
    """Return a batch to which nothing can be added."""
    return replace(batch, covariance=batch.keypoints.new_zeros(*batch.observed.shape, 2, 2))
