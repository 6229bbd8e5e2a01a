"""Cut people off at the border of the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.occluder import box
from kpcomplete.corruption.seeded import Seeded, check_share
from kpcomplete.errors import SettingError

_SIDES = ("left", "right", "top", "bottom")


@dataclass(kw_only=True)
class Truncation(Seeded):
    """Lose what lies beyond the border of the image, which is drawn once for each window.

    Args:
        sides: Of the image: ``left``, ``right``, ``top``, ``bottom``, equally likely.
        most: Largest share of the box around all that is observed that may be cut off, 0..1; drawn
            evenly from 0.
        ratio: Share of windows that are cut, 0..1.
        seed: Same seed, same cuts.

    Raises:
        SettingError: If a side is unknown.
        ValueError: If a share is out of range.
    """

    sides: Sequence[str] = ("left", "right", "bottom")
    most: float = 0.5
    ratio: float = 1.0

    def __post_init__(self) -> None:
        check_share("most", self.most)
        check_share("ratio", self.ratio)
        if not self.sides or not set(self.sides) <= set(_SIDES):
            raise SettingError(
                f"sides must be some of {', '.join(_SIDES)}, but got {list(self.sides)}"
            )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.observed.numel():
            return batch
        draw = self.uniform(3, len(batch), device=batch.device)
        numbers = torch.tensor([_SIDES.index(s) for s in self.sides], device=batch.device)
        side = numbers[(draw[0] * len(numbers)).long().clamp_max(len(numbers) - 1)]
        low, high = box(batch)
        share = (self.most * draw[1])[:, None]
        near = low + share * (high - low)  # [B, 2]: of a cut from the left, from the top
        far = high - share * (high - low)
        x, y = batch.keypoints.unbind(dim=-1)
        near, far = near[:, None, None], far[:, None, None]
        beyond = torch.stack([x < near[..., 0], x > far[..., 0], y < near[..., 1], y > far[..., 1]])
        lost = beyond[side, torch.arange(len(batch), device=batch.device)]
        return batch.hide(lost & (draw[2] < self.ratio)[:, None, None] & batch.observed)
