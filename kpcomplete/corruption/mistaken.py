"""Find hidden joints where others are, as a detector does that takes a hand for a knee."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(kw_only=True)
class Mistaken(Seeded):
    """Lose parts of the body for the whole window, but let some of their joints seem to be seen.

    Such a joint follows another one at some distance, for a while now and then. Joints that were
    not observed stay so.

    Args:
        parts: Names of parts or joints that are lost, see `kpcomplete.corruption.parts`.
        places: Canonical joints for which they are mistaken, equally likely.
        ratio: Share of windows in which that happens, 0..1.
        share: Share of the lost joints that seem to be seen, 0..1.
        distance: Standard deviation of how far off they are, in each direction, body units.
        hold: Frames after which they may come or go; they are there half of the time.
        seed: Same seed, same mistakes.

    Raises:
        SettingError: If a part is unknown.
        SkeletonError: If a place is no joint.
        ValueError: If a number is out of range.
    """

    parts: Sequence[str]
    places: Sequence[str]
    ratio: float = 1.0
    share: float = 0.3
    distance: float = 0.3
    hold: int = 20

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        check_share("share", self.share)
        check_hold(self.hold)
        part_masks(self.parts, torch.device("cpu"))
        Skeleton.load(CANONICAL).indices(self.places)
        if self.distance < 0 or not self.places:
            raise ValueError(
                f"joints must be mistaken for some other at a distance >= 0, but got places "
                f"{list(self.places)} and distance {self.distance}"
            )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time, joints = batch.observed.shape
        lost = part_masks(self.parts, batch.device).any(dim=0)
        lost = lost & (self.uniform(size, 1, device=batch.device) < self.ratio)
        place = self._places(size, joints, batch.device)
        throw = self.distance * self.normal(size, 1, joints, 2, device=batch.device)
        wrong = batch.keypoints.gather(2, place[:, None, :, None].expand_as(batch.keypoints))
        there = batch.observed.gather(2, place[:, None].expand_as(batch.observed))
        there = there & batch.observed & self._while(size, time, joints, batch.device)
        there = there & lost[:, None]
        moved = torch.where(there[..., None], wrong + throw.to(wrong.dtype), batch.keypoints)
        return replace(batch, keypoints=moved).hide(lost[:, None] & ~there)

    def _places(self, size: int, joints: int, device: torch.device) -> Tensor:
        choices = torch.tensor(Skeleton.load(CANONICAL).indices(self.places), device=device)
        draw = self.uniform(size, joints, device=device) * len(choices)
        return choices[draw.long().clamp_max(len(choices) - 1)]

    def _while(self, size: int, time: int, joints: int, device: torch.device) -> Tensor:
        """Return ``[B, T, J]`` when which joints seem to be seen."""
        blocks = -(-time // self.hold)
        some = self.uniform(size, 1, joints, device=device) < self.share
        spans = self.uniform(size, blocks, joints, device=device) < 0.5
        return some & spans.repeat_interleave(self.hold, dim=1)[:, :time]
