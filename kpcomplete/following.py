"""People in 3D frame by frame, as live recordings go on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from kpcomplete.camera import Camera
from kpcomplete.lifter import Stream
from kpcomplete.lifter.growing import Growing
from kpcomplete.lifter.sight import Sight
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.rows import Visits

LEAST = 3  # joints that must be given in a frame for its 3D to mean anything
ENOUGH = 150  # frames after which a body is measured
_PATIENCE = 81  # frames without anybody after which a seat's next person is somebody else


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """One person in 3D over T frames.

    Attributes:
        points: ``[T, J, 3]`` float32 metres in the camera's frame: x right, y down, z ahead; NaN
            where unknown.
        std: ``[T, J]`` float32 metres, of a joint's place relative to the middle of the shoulders,
            in each direction; NaN where unknown.
    """

    points: Array
    std: Array

    def __getitem__(self, frames: slice) -> "Solid":
        """Return a stretch of frames."""
        return Solid(points=self.points[frames], std=self.std[frames])


class Following:
    """Lifts each frame once, and measures bodies meanwhile.

    Args:
        stream: Of a lifter.
        camera: That records the people.
        rigid: Keep the lengths of bones.
    """

    def __init__(self, stream: Stream, camera: Camera, rigid: bool) -> None:
        self._stream, self._camera = stream, camera
        self._growing = Growing(ENOUGH) if rigid else None
        self._visits = Visits(_PATIENCE)

    @torch.inference_mode()
    def __call__(self, people: Mapping[str, PoseSequence]) -> dict[str, Solid]:
        """Return the next frame of those who were there of late.

        Args:
            people: Seat to the next frame.
        """
        known = {
            seat: np.count_nonzero(poses.visibility) >= LEAST for seat, poses in people.items()
        }
        names = self._visits(known)
        if not names:
            return {}
        sight = Sight.together([people[seat] for seat in names], self._camera)
        found = self._stream(sight, list(names.values()))
        points, std = found.points[:, 0].numpy(), found.std[:, 0].numpy()
        there = np.array([known[seat] for seat in names])
        if self._growing:
            usable = there & np.isfinite(points.sum(axis=(1, 2)))
            points = self._growing(points, std, usable, list(names.values()))
        points, std = points.astype(np.float32), std.astype(np.float32)
        points[~there], std[~there] = np.nan, np.nan
        return {
            seat: Solid(points=points[i : i + 1], std=std[i : i + 1])
            for i, seat in enumerate(names)
        }
