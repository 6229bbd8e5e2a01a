"""From where a scene is looked at, and how one turns, moves and zooms."""

from dataclasses import dataclass, replace

import numpy as np

from kpcomplete.pose import Array

_NEAREST, _FARTHEST = 0.15, 60.0  # metres from eye to target
_STEEPEST = np.radians(89.0)

Place = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class View:
    """An eye that looks at a target, upright; the world has x left, y back, z up.

    Attributes:
        eye: Metres.
        target: Metres.
        angle: Of the picture's height, degrees.
        hides: Layers that would stand in the way.
    """

    eye: Place
    target: Place
    angle: float = 45.0
    hides: frozenset[str] = frozenset()

    def turn(self) -> Array:
        """Return the rotation ``[3, 3]`` from the world into the view: x right, y down, z ahead."""
        ahead = np.subtract(self.target, self.eye)
        ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9)
        up = np.array([0.0, 0.0, 1.0]) if abs(ahead[2]) < 0.9999 else np.array([0.0, -1.0, 0.0])
        right = np.cross(ahead, up)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(ahead, right), ahead])

    def seen(self, points: Array) -> Array:
        """Return points ``[..., 3]`` of the world as the eye has them, metres."""
        found: Array = (np.asarray(points, np.float64) - self.eye) @ self.turn().T
        return found

    def focal(self, height: int) -> float:
        """Return the focal length in pixels of a picture that high."""
        return float(height / 2 / np.tan(np.radians(self.angle) / 2))

    def project(self, points: Array, size: tuple[int, int]) -> Array:
        """Return pixels ``[..., 2]`` of a picture of some width and height; NaN behind the eye."""
        seen = self.seen(points)
        depth = np.where(seen[..., 2:] > 1e-6, seen[..., 2:], np.nan)
        middle = (np.asarray(size) - 1) / 2
        pixels: Array = seen[..., :2] / depth * self.focal(size[1]) + middle
        return pixels

    def orbited(self, across: float, down: float) -> "View":
        """Return the view turned about its target, radians to the right and upwards."""
        away = np.subtract(self.eye, self.target)
        length = float(np.linalg.norm(away))
        heading = np.arctan2(away[1], away[0]) - across
        height = np.arcsin(np.clip(away[2] / length, -1, 1)) + down
        height = np.clip(height, -_STEEPEST, _STEEPEST)
        flat = length * np.cos(height)
        offset = (flat * np.cos(heading), flat * np.sin(heading), length * np.sin(height))
        return replace(self, eye=_place(np.add(self.target, offset)))

    def slid(self, right: float, down: float) -> "View":
        """Return the view moved by shares of the distance to the target."""
        away = np.linalg.norm(np.subtract(self.eye, self.target))
        turn = self.turn()
        shift = away * (right * turn[0] + down * turn[1])
        return replace(
            self, eye=_place(np.add(self.eye, shift)), target=_place(np.add(self.target, shift))
        )

    def zoomed(self, factor: float) -> "View":
        """Return the view from a distance to the target that is ``factor`` times as long."""
        away = np.subtract(self.eye, self.target)
        length = float(np.linalg.norm(away))
        wanted = float(np.clip(length * factor, _NEAREST, _FARTHEST))
        return replace(self, eye=_place(np.add(self.target, away * (wanted / length))))


def _place(point: Array) -> Place:
    x, y, z = (float(value) for value in point)
    return x, y, z
