"""A small view of people in 3D, from the side, drawn with lines."""

from collections.abc import Mapping

import cv2
import numpy as np

from kpcomplete.draw import DARK, LEFT, MIDDLE, RIGHT
from kpcomplete.pose import Array, Visibility
from kpcomplete.skeleton import Skeleton

_PITCH = np.radians(14)  # the view looks down a little
_ROOM = 1.3  # m, at least, that the view shows from left to right
_SLOWNESS = 0.92  # of the old middle and scale, a frame
_GRID = 0.25  # m
_SHIFT = 4


class Solids:
    """Draws joints in the camera's frame, turned so that depth is seen.

    Args:
        skeleton: Joints and bones.
        size: Width and height of the picture in pixels.

    Attributes:
        yaw: Radians by which the view is turned about the vertical.
    """

    def __init__(self, *, skeleton: Skeleton, size: int) -> None:
        self.yaw = np.radians(-55.0)
        self._size = size
        self._bones = skeleton.bone_indices
        parts = [set(joint.split("_")) for joint in skeleton.joints]
        sides = np.array([1 if "left" in p else 2 if "right" in p else 0 for p in parts])
        ends = sides[self._bones]
        self._sides = np.where(ends[:, 0] == ends[:, 1], ends[:, 0], 0)
        self._middle: Array | None = None
        self._width = _ROOM

    def draw(self, people: Mapping[str, tuple[Array, Array]]) -> Array:
        """Return a picture ``[size, size, 3]`` BGR.

        Args:
            people: Seat to joints ``[J, 3]`` in metres and their state ``[J]``.
        """
        canvas = np.full((self._size, self._size, 3), 30, dtype=np.uint8)
        solid = {
            seat: (points, state)
            for seat, (points, state) in people.items()
            if np.isfinite(points[state > 0]).all() and (state > 0).any()
        }
        if not solid:
            return canvas
        everything = np.concatenate([points[state > 0] for points, state in solid.values()])
        self._follow(everything)
        self._floor(canvas, everything)
        for points, state in solid.values():
            self._person(canvas, points, state)
        return canvas

    def _follow(self, points: Array) -> None:
        low, high = np.percentile(points, 2, axis=0), np.percentile(points, 98, axis=0)
        middle, width = (low + high) / 2, max(_ROOM, 1.25 * float(np.linalg.norm(high - low)))
        if self._middle is None:
            self._middle, self._width = middle, width
        self._middle = _SLOWNESS * self._middle + (1 - _SLOWNESS) * middle
        self._width = _SLOWNESS * self._width + (1 - _SLOWNESS) * width

    def _place(self, points: Array) -> Array:
        """Return pixels, as cv2's fixed-point numbers, of points ``[..., 3]``."""
        x, y, z = np.moveaxis(points - self._middle, -1, 0)
        right = np.cos(self.yaw) * x + np.sin(self.yaw) * z
        back = -np.sin(self.yaw) * x + np.cos(self.yaw) * z
        down = np.cos(_PITCH) * y - np.sin(_PITCH) * back
        pixels = np.stack([right, down], axis=-1) * self._size / self._width + self._size / 2
        fixed: Array = np.rint(np.clip(pixels, -8000, 8000) * (1 << _SHIFT)).astype(np.int32)
        return fixed

    def _floor(self, canvas: Array, points: Array) -> None:
        assert self._middle is not None
        reach = np.arange(-3, 4) * _GRID
        x0, z0 = (np.round(self._middle[i] / _GRID) * _GRID for i in (0, 2))
        level = np.full(7, np.percentile(points[:, 1], 98))
        across = np.stack([np.stack([np.full(7, x0 + side * reach[-1]), level, z0 + reach], -1)
                           for side in (-1, 1)], 1)  # fmt: skip
        along = np.stack([np.stack([x0 + reach, level, np.full(7, z0 + side * reach[-1])], -1)
                          for side in (-1, 1)], 1)  # fmt: skip
        lines = self._place(np.concatenate([across, along]))
        cv2.polylines(canvas, list(lines), False, (70, 70, 70), 1, cv2.LINE_AA, _SHIFT)

    def _person(self, canvas: Array, points: Array, state: Array) -> None:
        known = (state[self._bones] > 0).all(axis=1)
        seen = (state[self._bones] == Visibility.OBSERVED).all(axis=1)
        lines = self._place(points[self._bones])
        width = max(1, self._size // 130)
        for side, colour in ((0, MIDDLE), (1, LEFT), (2, RIGHT)):
            of = known & (self._sides == side)
            cv2.polylines(canvas, list(lines[of & seen]), False, colour, width + 1,
                          cv2.LINE_AA, _SHIFT)  # fmt: skip
            dim = tuple(round(0.55 * c + 0.45 * d) for c, d in zip(colour, DARK, strict=True))
            cv2.polylines(canvas, list(lines[of & ~seen]), False, dim, width, cv2.LINE_AA, _SHIFT)
