"""Move every joint a little."""

from dataclasses import dataclass, replace

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded


@dataclass(kw_only=True)
class Gaussian(Seeded):
    """Add independent Gaussian noise to what is observed.

    Args:
        std: Standard deviation in each direction, unit of the batch (body units in training).
        seed: Same seed, same noise.

    Raises:
        ValueError: If ``std`` is negative.
    """

    std: float

    def __post_init__(self) -> None:
        if self.std < 0:
            raise ValueError(f"std must not be negative, but got {self.std}")

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        noise = self.normal(*batch.keypoints.shape, device=batch.device) * self.std
        moved = batch.keypoints + noise.to(batch.keypoints.dtype)
        keypoints = torch.where(batch.observed[..., None], moved, batch.keypoints)
        return replace(batch, keypoints=keypoints)
