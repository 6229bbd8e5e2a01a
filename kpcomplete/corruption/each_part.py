"""Hide parts of the body independently of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share


@dataclass(kw_only=True)
class EachPart(Seeded):
    """Hide each of several parts with the same probability; any number may be gone at once.

    Args:
        parts: Names of `kpcomplete.corruption.parts.PARTS` or of joints.
        ratio: Share of the time for which a part is hidden, 0..1.
        hold: Frames for which it stays hidden.
        seed: Same seed, same masks.

    Raises:
        SettingError: If a part is unknown.
        ValueError: If ``ratio`` or ``hold`` is out of range.
    """

    parts: Sequence[str]
    ratio: float
    hold: int = 1

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        check_hold(self.hold)
        part_masks(self.parts, torch.device("cpu"))

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time = batch.observed.shape[:2]
        masks = part_masks(self.parts, batch.device)
        draw = self.uniform(size, -(-time // self.hold), len(masks), device=batch.device)
        gone = (draw < self.ratio).repeat_interleave(self.hold, dim=1)[:, :time]
        return batch.hide((gone[..., None] & masks).any(dim=2))
