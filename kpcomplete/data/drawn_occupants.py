"""Drawn occupants with classes, as the real detector saw them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kpcomplete import staged
from kpcomplete.cabin.postures import POSTURES
from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import LabelledSet
from kpcomplete.data.occupants import OCCUPANTS, POSITIONS, TASKS, numbers, thinning
from kpcomplete.errors import SourceError
from kpcomplete.frontal import frontal
from kpcomplete.staged import Scene


@dataclass(frozen=True, kw_only=True)
class DrawnOccupants:
    """Everybody in files of ``kpcomplete stage``; each person is in one clip.

    Classes are those of `kpcomplete.data.occupants`. Clips of a higher frame rate are thinned out.

    Args:
        files: Written by ``kpcomplete stage``.
        fps: Frames a second; a whole fraction of those of every clip.
        min_confidence: A joint of which the detector is less sure is missing.
        frontal: Show people as `kpcomplete.frontal` sees them, not as their cameras do.
    """

    files: Sequence[str]
    fps: float = 15.0
    min_confidence: float = 0.5
    frontal: bool = False

    def load(self) -> LabelledSet:
        """Return a clip for each person.

        Raises:
            SourceError: If a file was not written by ``kpcomplete stage``, was before it kept
                classes, or has another frame rate.
        """
        scenes = [(scene, self._every(scene, f)) for f in self.files for scene in staged.read(f)]
        poses = PoseSet.from_clips(
            [self._seen(scene)[::every] for scene, every in scenes],
            people=[scene.person for scene, _ in scenes],
            views=[scene.camera for scene, _ in scenes],
            fps=self.fps,
        )
        names = np.array(POSTURES)
        words = [(names[s.posture][::every], np.full(len(s.keypoints), s.occupant)[::every])
                 for s, every in scenes]  # fmt: skip
        targets = {
            "position": torch.cat([numbers(posture, POSITIONS) for posture, _ in words]),
            "occupant": torch.cat([numbers(kind, OCCUPANTS) for _, kind in words]),
        }
        return LabelledSet(poses=poses, tasks=TASKS, targets=targets, frontal=self.frontal)

    def _every(self, scene: Scene, file: str) -> int:
        if scene.posture is None or scene.occupant is None:
            raise SourceError(
                f"{file} should hold classes of people, but was written before `kpcomplete stage` "
                "kept them; draw it again"
            )
        return thinning(scene.fps, self.fps, f"{file}, {scene.person}")

    def _seen(self, scene: Scene) -> torch.Tensor:
        sure = (scene.confidence >= self.min_confidence)[..., None]
        seen = np.where(sure, scene.keypoints, np.nan)
        if self.frontal:
            shares = frontal(seen, scene.camera_in_car())
        else:
            shares = seen / scene.image_size[0]
        return torch.from_numpy(shares.astype(np.float32))
