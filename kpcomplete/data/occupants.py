"""Simulated occupants with classes: what cameras in the car see of them, and what they do."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import NONE, LabelledSet
from kpcomplete.data.take import Array, Take, takes

POSITIONS = ("in_position", "leaning_forward", "reclined", "leaning_sideways", "turned_rear",
             "phone", "feet_on_dash")  # fmt: skip
OCCUPANTS = ("infant_seat", "child", "adult_05", "adult_50", "adult_95")
TASKS = {"position": POSITIONS, "occupant": OCCUPANTS}


@dataclass(frozen=True, kw_only=True)
class Occupants:
    """Everybody in a file of ``kpcomplete simulate``, as each camera sees them.

    A joint that the camera does not see is missing; the others are a little off, as a detector's
    are. Postures beyond `POSITIONS` (getting in) have no class. An empty seat is no class either:
    seats tell it by themselves.

    Args:
        file: Written by ``kpcomplete simulate``.
        noise: Standard deviation of joints, as a share of the distance of nose and shoulders.
        lost: Share of the visible joints that the detector misses, for 10 frames each.
        seed: Of both.
    """

    file: str
    noise: float = 0.04
    lost: float = 0.05
    seed: int = 0

    def load(self) -> LabelledSet:
        """Return a clip for each person and camera.

        Raises:
            SourceError: If the file says nothing of cameras.
        """
        rng = np.random.default_rng(self.seed)
        found = list(takes(self.file))
        poses = PoseSet.from_clips(
            [torch.from_numpy(self._seen(take, rng)) for take in found],
            people=[take.person for take in found],
            views=[take.camera.name for take in found],
            fps=found[0].fps,
        )
        targets = {
            "position": torch.cat([numbers(take.posture, POSITIONS) for take in found]),
            "occupant": torch.cat(
                [numbers(np.full(len(t.posture), t.occupant), OCCUPANTS) for t in found]
            ),
        }
        return LabelledSet(poses=poses, tasks=TASKS, targets=targets)

    def _seen(self, take: Take, rng: np.random.Generator) -> Array:
        points = take.keypoints.copy()
        unit = np.nanmedian(np.linalg.norm(points[:, 0] - points[:, 11:13].mean(axis=1), axis=-1))
        points += rng.normal(0, self.noise * unit, points.shape)
        blocks = -(-len(points) // 10)
        gone = (rng.random((blocks, points.shape[1])) < self.lost).repeat(10, axis=0)
        points[~take.visible | gone[: len(points)]] = np.nan
        seen: Array = (points / take.camera.width).astype(np.float32)
        return seen


def numbers(words: Array, names: tuple[str, ...]) -> Tensor:
    """Return class numbers ``[N]`` of words ``[N]``, `NONE` for those that are no class."""
    numbers = np.full(len(words), NONE, dtype=np.int64)
    for number, name in enumerate(names):
        numbers[words == name] = number
    return torch.from_numpy(numbers)
