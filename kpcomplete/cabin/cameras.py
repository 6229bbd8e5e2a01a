"""Where the cameras are in the car and what they see: pinhole projection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin.reach import unit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion; the centre of the first pixel is at (0, 0).

    Attributes:
        width, height: of the image, pixels.
        fx, fy: focal lengths, pixels.
        cx, cy: principal point, pixels.
        turn: vehicle frame -> camera frame (x right, y down, z forward), shape (3, 3).
        center: of the camera in the vehicle frame, metres, shape (3,).
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    turn: Array
    center: Array

    def view(self, points: ArrayLike) -> Array:
        """Points of the vehicle frame, shape (..., 3), in the camera frame, metres."""
        seen: Array = (np.asarray(points, dtype=np.float64) - self.center) @ self.turn.T
        return seen

    def project(self, seen: Array) -> Array:
        """Points of the camera frame, shape (..., 3), in the image, pixels, shape (..., 2)."""
        depth = np.maximum(seen[..., 2], 1e-6)
        return np.stack(
            [
                self.fx * seen[..., 0] / depth + self.cx,
                self.fy * seen[..., 1] / depth + self.cy,
            ],
            axis=-1,
        )

    def finer(self, factor: int) -> "Camera":
        """The same view with `factor` times as many pixels each way."""
        shift = (factor - 1) / 2.0
        return Camera(
            self.width * factor,
            self.height * factor,
            self.fx * factor,
            self.fy * factor,
            self.cx * factor + shift,
            self.cy * factor + shift,
            self.turn,
            self.center,
        )


def look_at(
    center: ArrayLike, target: ArrayLike, size: tuple[int, int], field_of_view: float
) -> Camera:
    """A camera at `center` whose optical axis meets `target`, upright.

    Args:
        center: of the camera, metres in the vehicle frame (x left, y back, z up), shape (3,).
        target: point looked at, likewise.
        size: width and height of the image, pixels.
        field_of_view: horizontal, degrees.

    Example:
        >>> camera = look_at((0.0, -1.0, 1.0), (0.0, 0.0, 1.0), (640, 480), 90.0)
        >>> camera.project(camera.view([0.0, 0.0, 1.0])).tolist()
        [319.5, 239.5]
    """
    forward = unit(np.asarray(target, dtype=np.float64) - np.asarray(center, dtype=np.float64))
    right = unit(np.cross(forward, [0.0, 0.0, 1.0]))
    turn = np.stack([right, np.cross(forward, right), forward])
    focal = size[0] / 2.0 / np.tan(np.radians(field_of_view) / 2.0)
    middle = ((size[0] - 1) / 2.0, (size[1] - 1) / 2.0)
    return Camera(
        *size, focal, focal, *middle, turn=turn, center=np.asarray(center, dtype=np.float64)
    )


def mirror(size: tuple[int, int] = (640, 480), field_of_view: float = 80.0) -> Camera:
    """A wide camera at the windscreen below the rear-view mirror that sees both front seats."""
    return look_at((0.0, -1.22, 1.08), (0.0, 0.0, 0.74), size, field_of_view)
