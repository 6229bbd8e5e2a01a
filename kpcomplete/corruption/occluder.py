"""Hide what lies below a shape, as a hand, a bag or a head in front of the camera does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded, check_share
from kpcomplete.errors import SettingError

_SHAPES = ("box", "ellipse")


@dataclass(kw_only=True)
class Occluder(Seeded):
    """Put a shape before the person; joints below it are lost, whatever limb they belong to.

    It begins somewhere on the box around all that is observed in the window, turned by any angle,
    and stays there or moves straight on. The same in spirit as objects pasted into images, after
    Sarandi et al. 2018, arXiv 1808.09316.

    Args:
        ratio: Share of windows with an occluder, 0..1.
        smallest: Length of a side, unit of the batch (body units in training).
        largest: Sides are drawn evenly between the two.
        shapes: ``box`` or ``ellipse``, equally likely.
        speed: Standard deviation in each direction, the same unit per second; 0 stays.
        seed: Same seed, same shapes.

    Raises:
        SettingError: If a shape is unknown.
        ValueError: If a number is out of range.
    """

    ratio: float = 1.0
    smallest: float = 0.5
    largest: float = 2.0
    shapes: Sequence[str] = _SHAPES
    speed: float = 0.3

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        if not 0 < self.smallest <= self.largest or self.speed < 0:
            raise ValueError(
                "an occluder needs 0 < smallest <= largest and speed >= 0, but got "
                f"smallest={self.smallest}, largest={self.largest}, speed={self.speed}"
            )
        if not self.shapes or not set(self.shapes) <= set(_SHAPES):
            raise SettingError(
                f"shapes must be some of {', '.join(_SHAPES)}, but got {list(self.shapes)}"
            )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.observed.numel():
            return batch
        draw = self.uniform(7, len(batch), device=batch.device)
        pace = self.speed * self.normal(len(batch), 1, 2, device=batch.device)
        low, high = box(batch)
        start = low + draw[0:2].T * (high - low)
        since = batch.times - batch.times[:, :1]
        centre = start[:, None] + pace * since[..., None]
        apart = _turned(batch.keypoints - centre[:, :, None], draw[2] * math.pi)
        sides = self.smallest + draw[3:5].T * (self.largest - self.smallest)
        reach = apart.abs() / (sides / 2)[:, None, None]  # 1 at the edge of the shape
        kinds = torch.tensor([s == "box" for s in self.shapes], device=batch.device)
        is_box = kinds[(draw[5] * len(kinds)).long().clamp_max(len(kinds) - 1)]
        far = torch.where(is_box[:, None, None], reach.amax(dim=-1), reach.norm(dim=-1))
        there = (draw[6] < self.ratio)[:, None, None]
        return batch.hide(there & (far < 1) & batch.observed)


def box(batch: PoseBatch) -> tuple[Tensor, Tensor]:
    """Return the corners ``[B, 2]`` of the box around all that is observed; 0 if nothing is."""
    seen = batch.observed[..., None]
    low = batch.keypoints.masked_fill(~seen, torch.inf).amin(dim=(1, 2))
    high = batch.keypoints.masked_fill(~seen, -torch.inf).amax(dim=(1, 2))
    return low.nan_to_num(posinf=0.0), high.nan_to_num(neginf=0.0)


def _turned(points: Tensor, angle: Tensor) -> Tensor:
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    x, y = points.unbind(dim=-1)
    return torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1)
