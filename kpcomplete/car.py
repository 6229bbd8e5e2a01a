"""The inside of a car, as far as anybody needs it who sees people there."""

import numpy as np
import numpy.typing as npt

FRONT = 0.36
"""Metres from the middle of the car to the middle of a front seat."""
SHOULDERS = np.array(
    [(FRONT, 0.13, 0.77), (-FRONT, 0.13, 0.77), (0.40, 1.02, 0.82), (-0.40, 1.02, 0.82)]
)
"""Where the middle of the shoulders of people who sit is, front seats first, metres in the car's
frame: x left, y back, z up, see `kpcomplete.camera.Camera`."""


def facing(position: npt.ArrayLike, target: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the rotation ``[3, 3]`` from the car's frame into that of a camera, upright.

    Args:
        position: Of the camera, metres in the car's frame.
        target: Point that it looks at, likewise; not straight above or below it.
    """
    forward = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
