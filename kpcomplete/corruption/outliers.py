"""Put joints in wrong places, as a detector does that mistakes one thing for another."""

from dataclasses import dataclass, replace

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.occluder import box
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share


@dataclass(kw_only=True)
class Outliers(Seeded):
    """Throw some observed joints far away; they stay observed.

    Args:
        ratio: Share of joints that are thrown, 0..1.
        distance: Standard deviation of the throw, as a share of the diagonal of the box around
            all that is observed in the window.
        hold: Frames for which a joint stays thrown, in the same direction.
        seed: Same seed, same throws.

    Raises:
        ValueError: If a number is out of range.
    """

    ratio: float
    distance: float = 0.3
    hold: int = 1

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        check_hold(self.hold)
        if self.distance < 0:
            raise ValueError(f"distance must not be negative, but got {self.distance}")

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time, joints = batch.observed.shape
        blocks = -(-time // self.hold)
        draw = self.uniform(size, blocks, joints, device=batch.device)
        throw = self.normal(size, blocks, joints, 2, device=batch.device)
        throw = throw.repeat_interleave(self.hold, dim=1)[:, :time].to(batch.keypoints.dtype)
        thrown = (draw < self.ratio).repeat_interleave(self.hold, dim=1)[:, :time]
        moved = batch.keypoints + throw * (self.distance * _diagonal(batch))[:, None, None, None]
        wrong = (thrown & batch.observed)[..., None]
        return replace(batch, keypoints=torch.where(wrong, moved, batch.keypoints))


def _diagonal(batch: PoseBatch) -> torch.Tensor:
    """``[B]``: of the box around what is observed; 0 where nothing is."""
    if not batch.observed[0:1].numel():
        return batch.keypoints.new_zeros(len(batch))
    low, high = box(batch)
    length: torch.Tensor = (high - low).norm(dim=-1)
    return length
