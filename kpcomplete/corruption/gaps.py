"""Hide parts of the body for a while, as something in front of the camera does."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.corruption.seeded import Seeded


@dataclass(kw_only=True)
class Gaps(Seeded):
    """Hide parts for stretches of random length, at random places of the window.

    Args:
        parts: Names of `kpcomplete.corruption.parts.PARTS` or of joints, equally likely.
        shortest: Seconds.
        longest: Seconds; lengths are drawn evenly on a logarithmic scale.
        count: Gaps in each window; they may overlap.
        inside: Keep gaps away from both ends of the window where they are short enough, else
            they may be cut off by them.
        seed: Same seed, same masks.

    Raises:
        SettingError: If a part is unknown.
        ValueError: If the lengths are not ``0 < shortest <= longest``, or ``count`` is below 1.
    """

    parts: Sequence[str]
    shortest: float
    longest: float
    count: int = 1
    inside: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.shortest <= self.longest:
            raise ValueError(
                "gaps need 0 < shortest <= longest seconds, but got "
                f"shortest={self.shortest}, longest={self.longest}"
            )
        if self.count < 1:
            raise ValueError(f"count must be at least 1 gap, but got {self.count}")
        part_masks(self.parts, torch.device("cpu"))

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.times.shape[1]:
            return batch
        draw = self.uniform(3, len(batch), self.count, device=batch.device)
        masks = part_masks(self.parts, batch.device)
        part = masks[(draw[0] * len(masks)).long().clamp_max(len(masks) - 1)]  # [B, count, J]
        length = self.shortest * (self.longest / self.shortest) ** draw[1]
        start = self._start(batch.times, length, draw[2])
        times = batch.times[:, None]  # [B, 1, T]
        gone = (times >= start[..., None]) & (times < (start + length)[..., None])
        hidden = (gone[..., None] & part[:, :, None]).any(dim=1)
        return batch.hide(hidden)

    def _start(self, times: Tensor, length: Tensor, draw: Tensor) -> Tensor:
        """Return when gaps begin, ``[B, count]``."""
        first, last = times[:, :1], times[:, -1:]
        if self.inside:
            step = (last - first) / max(times.shape[1] - 1, 1)
            room = (last - first - step - length).clamp_min(0)
            return first + 0.5 * step + room * draw
        return first - length + (last - first + length) * draw
