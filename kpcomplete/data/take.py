"""Simulated people as one camera sees them: 3D, pixels, what hides them, and labels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kpcomplete.camera import Camera
from kpcomplete.data.simulated import read_tensors
from kpcomplete.errors import SourceError

Array = npt.NDArray[Any]
_OF_FRAMES = ("cabin", "points", "keypoints", "cause", "posture", "dash")


@dataclass(frozen=True, kw_only=True, eq=False)
class Take:
    """One simulated person in one camera for T frames, canonical skeleton; nothing is missing.

    Attributes:
        person: Name; the same person may be in many takes. Split by it.
        seat: ``driver``, ``passenger``, ``rear_left`` or ``rear_right``.
        occupant: Class of the person, see `kpcomplete.cabin.anthropometry`.
        theme: What is done often.
        motion: Where the motion is from, see `kpcomplete.data.simulated.Contents.motions`.
        car: Name of the car.
        ride: Number of the ride; all takes of a ride show the same moments.
        fps: Frames per second.
        camera: With its lens and where it is in the car; its name is its kind.
        cabin: ``[T, 33, 3]`` metres in the car: x left, y back, z up.
        points: ``[T, 33, 3]`` metres before the camera: x right, y down, z ahead.
        keypoints: ``[T, 33, 2]`` pixels; NaN behind the camera, else maybe outside the image.
        cause: ``[T, 33]`` words: ``visible``, or what hides the joint.
        posture: ``[T]`` words, see `kpcomplete.cabin.postures`.
        dash: ``[T]`` metres from the nose to the dash.
    """

    person: str
    seat: str
    occupant: str
    theme: str
    motion: str
    car: str
    ride: int
    fps: float
    camera: Camera
    cabin: Array
    points: Array
    keypoints: Array
    cause: Array
    posture: Array
    dash: Array

    @property
    def visible(self) -> Array:
        """``[T, 33]`` whether the camera sees the joint."""
        return np.asarray(self.cause == "visible")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, frames: slice) -> "Take":
        """Return some of the frames; a step lowers the frame rate."""
        arrays = {name: getattr(self, name)[frames] for name in _OF_FRAMES}
        return replace(self, **arrays, fps=self.fps / (frames.step or 1))


def takes(file: str | Path) -> Iterator[Take]:
    """Yield every clip of a file as each of its cameras sees it.

    Args:
        file: Written by ``kpcomplete simulate``.

    Raises:
        SourceError: If it was not, or has no cameras because an old version wrote it.
    """
    tensors, about = read_tensors(file)
    if not about.cameras or not {"causes", "posture", "dash"} <= set(tensors):
        raise SourceError(
            f"{file} should say what cameras see, but has joints only: make it anew with "
            "`kpcomplete simulate`"
        )
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    causes, postures = np.array(about.causes), np.array(about.postures)
    ends = np.cumsum(about.lengths)
    for i, end in enumerate(ends):
        rows = slice(end - about.lengths[i], end)
        cabin = arrays["joints"][rows].astype(np.float32)
        for view, described in enumerate(about.cameras[i]):
            camera = Camera.from_dict(described)
            points = camera.to_camera(cabin.astype(np.float64))
            yield Take(
                person=about.people[i],
                seat=about.seats[i],
                occupant=about.occupants[i],
                theme=about.themes[i],
                motion=about.motions[i] if about.motions else "reach",
                car=about.cars[i],
                ride=about.rides[i],
                fps=about.fps,
                camera=camera,
                cabin=cabin,
                points=points.astype(np.float32),
                keypoints=camera.project(points).astype(np.float32),
                cause=causes[arrays["causes"][rows, view]],
                posture=postures[arrays["posture"][rows]],
                dash=arrays["dash"][rows],
            )
