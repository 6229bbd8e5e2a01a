"""What a lens makes of a picture that was drawn without one."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.cameras import Camera

Array = NDArray[np.float64]
_ROUNDS = 40  # of Newton's iteration that removes the distortion


class Lens:
    """Bends pictures of a pinhole camera as the lens of a camera does.

    Args:
        camera: whose lens it is.

    Attributes:
        pinhole: a camera without distortion whose picture holds all that the camera sees.
    """

    def __init__(self, camera: Camera) -> None:
        u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
        bent = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy], axis=-1)
        straight = bent * _stretch(np.linalg.norm(bent, axis=-1), camera.k1)[..., None]
        focal = np.array([camera.fx, camera.fy])
        reach = np.ceil(np.abs(straight * focal).max(axis=(0, 1))).astype(int) + 1
        width, height = 2 * reach
        self.pinhole = replace(
            camera, width=int(width), height=int(height), cx=reach[0] - 0.5, cy=reach[1] - 0.5,
            k1=0.0,
        )  # fmt: skip
        if camera.k1 == 0.0:
            self.pinhole = camera
        middle = [self.pinhole.cx, self.pinhole.cy]
        self._map = (straight * focal + middle).astype(np.float32) if camera.k1 else None

    def bend(self, picture: Array) -> Array:
        """What the camera sees, shape (height, width, 3), of what the pinhole camera sees."""
        import cv2

        if self._map is None:
            return picture
        bent: Array = cv2.remap(picture, self._map, None, cv2.INTER_LINEAR)
        return bent


def _stretch(radius: Array, k1: float) -> Array:
    """How many times as far from the axis a point is without the lens, by Newton's method."""
    straight = radius.copy()
    for _ in range(_ROUNDS):
        gap = straight * (1.0 + k1 * straight**2) - radius
        straight = straight - gap / np.maximum(1.0 + 3.0 * k1 * straight**2, 1e-3)
    return np.asarray(straight / np.maximum(radius, 1e-9))
