"""Take left for right, as detectors do with people seen from the side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(kw_only=True)
class Swaps(Seeded):
    """Exchange joints with their mirror images for a while; both stay observed.

    A joint whose counterpart is not observed keeps its place.

    Args:
        parts: Names of parts or joints that are exchanged together, see
            `kpcomplete.corruption.parts`; equally likely.
        ratio: Share of the time with an exchange, 0..1.
        hold: Frames for which one lasts.
        seed: Same seed, same exchanges.

    Raises:
        SettingError: If a part is unknown.
        ValueError: If ``ratio`` or ``hold`` is out of range.
    """

    parts: Sequence[str]
    ratio: float = 0.1
    hold: int = 5

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        check_hold(self.hold)
        part_masks(self.parts, torch.device("cpu"))

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time = batch.observed.shape[:2]
        draw = self.uniform(2, size, -(-time // self.hold), device=batch.device)
        draw = draw.repeat_interleave(self.hold, dim=2)[:, :, :time]
        mirror = torch.from_numpy(Skeleton.load(CANONICAL).mirror).to(batch.device)
        masks = part_masks(self.parts, batch.device)
        masks = masks | masks[:, mirror]  # one arm is exchanged with the other
        part = masks[(draw[0] * len(masks)).long().clamp_max(len(masks) - 1)]
        swap = part & (draw[1] < self.ratio)[..., None]
        swap = swap & batch.observed & batch.observed[:, :, mirror]
        return replace(
            batch,
            keypoints=torch.where(swap[..., None], batch.keypoints[:, :, mirror], batch.keypoints),
            confidence=torch.where(swap, batch.confidence[:, :, mirror], batch.confidence),
        )
