"""Hide whole parts of the body, as the steering wheel or another seat does."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded, check_share
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import CANONICAL, Skeleton

_SIDED = {
    "hand": ("pinky", "index", "thumb"),
    "forearm": ("elbow", "wrist", "pinky", "index", "thumb"),
    "arm": ("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
    "leg": ("knee", "ankle", "heel", "foot_index"),
}
_FACE = tuple(Skeleton.load(CANONICAL).joints[:11])  # nose, eyes, ears, mouth


def _both(part: str, *sides: str) -> tuple[str, ...]:
    return tuple(f"{side}_{joint}" for side in sides for joint in _SIDED[part])


PARTS = {
    "face": _FACE,
    "torso": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "hips": ("left_hip", "right_hip"),
    **{f"{side}_{part}": _both(part, side) for part in _SIDED for side in ("left", "right")},
    **{f"{part}s": _both(part, "left", "right") for part in _SIDED},
    "lower_body": ("left_hip", "right_hip", *_both("leg", "left", "right")),
}
"""Part name to canonical joints. A forearm is everything below the upper arm, elbow included."""


def part_masks(parts: Sequence[str], device: torch.device) -> Bool[Tensor, "part joint"]:
    """Return which joints belong to each part; the name of a joint is a part as well.

    Raises:
        SettingError: If no parts are given, or one is neither a part nor a joint.
    """
    skeleton = Skeleton.load(CANONICAL)
    unknown = [part for part in parts if part not in PARTS and part not in skeleton.joints]
    if unknown or not parts:
        raise SettingError(
            f"parts must be some of {', '.join(PARTS)} or joints of {skeleton.name!r}, "
            f"but got {unknown or list(parts)}"
        )
    masks = torch.zeros(len(parts), len(skeleton), dtype=torch.bool)
    for row, part in enumerate(parts):
        masks[row, skeleton.indices(PARTS.get(part, (part,)))] = True
    return masks.to(device)


@dataclass(kw_only=True)
class Parts(Seeded):
    """Hide one part of the body for the whole window, drawn anew for each window.

    Args:
        parts: Names of `PARTS` or of joints, equally likely.
        ratio: Share of windows that lose a part, 0..1.
        seed: Same seed, same masks.

    Raises:
        SettingError: If a part is unknown.
        ValueError: If ``ratio`` is out of range.
    """

    parts: Sequence[str]
    ratio: float = 1.0

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        part_masks(self.parts, torch.device("cpu"))

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        draw = self.uniform(2, len(batch), device=batch.device)
        masks = part_masks(self.parts, batch.device)
        part = masks[(draw[0] * len(masks)).long().clamp_max(len(masks) - 1)]
        hidden = part & (draw[1] < self.ratio)[:, None]
        return batch.hide(hidden[:, None].expand_as(batch.observed))
