"""Drawn people whom the real detector saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from kpcomplete import staged
from kpcomplete.detected.clips import DetectedSet
from kpcomplete.detected.mending import Mending
from kpcomplete.errors import SourceError
from kpcomplete.pose import Array
from kpcomplete.staged import Scene


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """People of files of ``kpcomplete stage``, whom the real detector saw.

    Args:
        files: Written by ``kpcomplete stage``.
        mending: What is done to them.
        found: Share of a clip's frames in which the detector must have found the person; who is
            not found teaches nothing.
        roll: Degrees, see `DetectedSet`.
        reverse: Likewise.
    """

    files: Sequence[str]
    mending: Mending
    found: float = 0.5
    roll: float = 7.0
    reverse: float = 0.3

    def material(self) -> "DetectedSet":
        """Return a clip for each person.

        Raises:
            SourceError: If a file was not written by ``kpcomplete stage``, or before it kept 3D,
                or if nobody was found often enough.
        """
        scenes = [s for file in self.files for s in _solid(file) if _share(s) >= self.found]
        if not scenes:
            raise SourceError(
                f"{', '.join(self.files)} should show somebody who was found in {self.found:.0%} "
                "of the frames, but nobody was"
            )
        people = ((s.poses(), s.camera_in_car(), _points(s)) for s in scenes)
        clips = tqdm(self.mending.clips(people), "drawn people", total=len(scenes))
        return DetectedSet.of(list(clips), roll=self.roll, reverse=self.reverse)


def _solid(file: str) -> tuple[Scene, ...]:
    scenes = staged.read(file)
    if any(scene.solid is None or scene.eye is None for scene in scenes):
        raise SourceError(
            f"{file} should hold people in 3D, but was written before `kpcomplete stage` kept "
            "that; draw it again"
        )
    return scenes


def _points(scene: Scene) -> Array:
    assert scene.solid is not None
    return scene.solid


def _share(scene: Scene) -> float:
    """Return the share of frames in which the detector found anything."""
    return float(np.isfinite(scene.keypoints[..., 0]).any(axis=1).mean())
