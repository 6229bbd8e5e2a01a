"""A pinhole camera with the lens distortion of OpenCV: from points to pixels and back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kpcomplete.errors import SettingError

Array = npt.NDArray[Any]
_COUNTS = (0, 4, 5, 8)  # of distortion coefficients that are understood
_ROUNDS = 30  # of the iteration that removes distortion


@dataclass(frozen=True, kw_only=True)
class Camera:
    """One camera; its frame has x to the right, y down and z ahead, in metres.

    Attributes:
        width: Of the image, pixels.
        height: Of the image, pixels.
        fx: Focal length across, pixels.
        fy: Focal length down, pixels.
        cx: Principal point, pixels from the middle of the leftmost pixel.
        cy: Principal point, pixels from the middle of the uppermost pixel.
        distortion: ``k1, k2, p1, p2[, k3[, k4, k5, k6]]`` as OpenCV counts; none is a pinhole.
        turn: ``[3, 3]`` from the world's (the car's) frame into the camera's; None if not known.
        shift: ``[3]`` metres, so that a point of the world is ``turn @ point + shift`` for the
            camera; None if not known.
        assumed: Nobody calibrated it: the field of view is a guess.
        name: Of the camera, where a file has several.
        in_car: The world is the car: x left, y back, z up, its origin on the floor in the middle,
            between the hips of people in front (which are at x = ±0.36, y = 0.06, z = 0.35 m).

    Raises:
        SettingError: If a number is not finite, no camera has such intrinsics, they do not fit the
            image, or a camera in the car is nowhere in it.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    turn: Array | None = None
    shift: Array | None = None
    assumed: bool = False
    name: str = "camera"
    in_car: bool = False

    def __post_init__(self) -> None:
        numbers = [self.fx, self.fy, self.cx, self.cy, *self.distortion]
        if not np.isfinite(numbers).all() or min(self.fx, self.fy) <= 0:
            raise SettingError(
                f"{self.name!r} needs finite numbers and focal lengths > 0, but has "
                f"fx={self.fx}, fy={self.fy}, cx={self.cx}, cy={self.cy}, "
                f"distortion={list(self.distortion)}"
            )
        if len(self.distortion) not in _COUNTS:
            raise SettingError(
                f"{self.name!r} must have 0, 4, 5 or 8 distortion coefficients (k1, k2, p1, p2, "
                f"k3, k4, k5, k6), but has {len(self.distortion)}"
            )
        inside = 0 <= self.cx < self.width and 0 <= self.cy < self.height
        if not inside or not 0.1 < max(self.fx, self.fy) / max(self.width, self.height) < 50:
            raise SettingError(
                f"intrinsics of {self.name!r} do not fit an image of {self.width} x {self.height}: "
                f"fx={self.fx:.6g}, fy={self.fy:.6g}, cx={self.cx:.6g}, cy={self.cy:.6g}"
            )
        if self.turn is not None and not _is_rotation(np.asarray(self.turn)):
            raise SettingError(f"turn of {self.name!r} must be a rotation, but is {self.turn}")
        shift = np.zeros(3) if self.shift is None else np.asarray(self.shift)
        if shift.shape != (3,) or not np.isfinite(shift).all():
            raise SettingError(f"shift of {self.name!r} must be 3 finite metres, but is {shift}")
        if self.in_car:
            self._pose()

    @classmethod
    def from_field_of_view(
        cls, image_size: tuple[int, int], degrees: float, *, assumed: bool = True
    ) -> "Camera":
        """Return a camera with square pixels that looks through the middle of its image.

        Args:
            image_size: Width, height in pixels.
            degrees: Along the longer side of the image.
            assumed: Nobody knows whether that is so.

        Raises:
            SettingError: If it is not between 0 and 180 degrees.
        """
        if not 0 < degrees < 180:
            raise SettingError(f"a field of view lies between 0 and 180 degrees, but got {degrees}")
        width, height = image_size
        focal = max(image_size) / 2 / math.tan(math.radians(degrees) / 2)
        return cls(width=width, height=height, fx=focal, fy=focal, cx=(width - 1) / 2,
                   cy=(height - 1) / 2, assumed=assumed)  # fmt: skip

    @property
    def field_of_view(self) -> float:
        """Degrees along the longer side, without distortion."""
        across, down = self.width / self.fx, self.height / self.fy
        return math.degrees(2 * math.atan(max(across, down) / 2))

    def project(self, points: Array) -> Array:
        """Return where points of the camera's frame are in the image.

        Args:
            points: ``[..., 3]`` metres; NaN where unknown.

        Returns:
            ``[..., 2]`` pixels; NaN where unknown or not before the camera.
        """
        points = np.asarray(points, np.float64)
        depth = np.where(points[..., 2] > 1e-6, points[..., 2], np.nan)
        x, y = self._distort(points[..., 0] / depth, points[..., 1] / depth)
        return np.stack([self.fx * x + self.cx, self.fy * y + self.cy], axis=-1)

    def rays(self, pixels: Array) -> Array:
        """Return the directions in which pixels look.

        Args:
            pixels: ``[..., 2]``; NaN where unknown.

        Returns:
            ``[..., 3]`` float64 of length 1; NaN where unknown, or so far outside of the image
            that no direction is seen there through this lens.
        """
        pixels = np.asarray(pixels, np.float64)
        a, b = (pixels[..., 0] - self.cx) / self.fx, (pixels[..., 1] - self.cy) / self.fy
        x, y = self._undistort(a, b) if any(self.distortion) else (a, b)
        rays: Array = np.empty((*x.shape, 3))
        rays[..., 0], rays[..., 1], rays[..., 2] = x, y, 1.0
        rays /= np.sqrt(x * x + y * y + 1)[..., None]
        return rays

    @property
    def mounting(self) -> Array:
        """``[3, 4]`` float32 turn and shift from the car's frame into the camera's.

        0 where it is not known where in the car the camera is.
        """
        if not self.in_car:
            return np.zeros((3, 4), np.float32)
        turn, shift = self._pose()
        found: Array = np.column_stack([turn, shift]).astype(np.float32)
        return found

    def require_car(self, why: str) -> None:
        """Make sure that it is known where in the car the camera is.

        Raises:
            SettingError: If it is not; says ``why`` it must be.
        """
        if not self.in_car:
            raise SettingError(
                f"{why}, but it is not known where in the car {self.name!r} is: set camera.position"
                " and camera.looks_at, or camera.in_car=true with a calibration that says it"
            )

    def as_in_car(self) -> "Camera":
        """Return the camera whose world is the car, if it is known where it is."""
        return replace(self, in_car=self.turn is not None)

    def to_world(self, points: Array) -> Array:
        """Return points ``[..., 3]`` of the camera's frame in the world's (the car's) frame.

        Raises:
            SettingError: If nobody said where the camera is.
        """
        turn, shift = self._pose()
        found: Array = (np.asarray(points) - shift) @ turn
        return found

    def to_camera(self, points: Array) -> Array:
        """Return points ``[..., 3]`` of the world's (the car's) frame in the camera's frame.

        Raises:
            SettingError: If nobody said where the camera is.
        """
        turn, shift = self._pose()
        found: Array = np.asarray(points) @ turn.T + shift
        return found

    def _pose(self) -> tuple[Array, Array]:
        if self.turn is None or self.shift is None:
            raise SettingError(f"where {self.name!r} is in the car is not known")
        return np.asarray(self.turn), np.asarray(self.shift)

    def as_dict(self) -> dict[str, Any]:
        """Return the camera in plain values, as it is stored in files."""
        pose = {"turn": self.turn, "shift": self.shift}
        return {
            "name": self.name, "width": self.width, "height": self.height,
            "fx": self.fx, "fy": self.fy, "cx": self.cx, "cy": self.cy,
            "distortion": list(self.distortion), "assumed": self.assumed, "in_car": self.in_car,
            **{k: None if v is None else np.asarray(v).tolist() for k, v in pose.items()},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Camera":
        """Return the camera that `as_dict` wrote.

        Raises:
            SettingError: If it describes none, as that of a file that somebody changed.
        """
        try:
            pose = {
                k: None if values[k] is None else np.asarray(values[k], np.float64)
                for k in ("turn", "shift")
            }
            return cls(**{**values, **pose, "distortion": tuple(values["distortion"])})
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, SettingError):
                raise
            raise SettingError(
                f"{values} should describe a camera, but does not: {error}"
            ) from error

    def _distort(self, x: Array, y: Array) -> tuple[Array, Array]:
        k1, k2, p1, p2, k3, k4, k5, k6 = self._coefficients()
        r = x * x + y * y
        radial = (1 + r * (k1 + r * (k2 + r * k3))) / (1 + r * (k4 + r * (k5 + r * k6)))
        return (
            x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x),
            y * radial + p1 * (r + 2 * y * y) + 2 * p2 * x * y,
        )

    def _undistort(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Newton's method with the radial part's slope; NaN where it does not come to rest."""
        x, y = a.copy(), b.copy()
        step = 1e-5
        with np.errstate(all="ignore"):
            for _ in range(_ROUNDS):
                u, v = self._distort(x, y)
                ux, vx = self._distort(x + step, y)
                uy, vy = self._distort(x, y + step)
                xx, yx, xy, yy = (ux - u) / step, (vx - v) / step, (uy - u) / step, (vy - v) / step
                flat = xx * yy - xy * yx
                x = x - ((u - a) * yy - (v - b) * xy) / flat
                y = y - ((v - b) * xx - (u - a) * yx) / flat
            u, v = self._distort(x, y)
            # beyond the fold of the polynomial the same pixel has several directions
            good = (np.hypot(u - a, v - b) < 1e-6) & (flat > 0)
        return np.where(good, x, np.nan), np.where(good, y, np.nan)

    def _coefficients(self) -> Sequence[float]:
        return (*self.distortion, *[0.0] * (8 - len(self.distortion)))


def _is_rotation(turn: Array) -> bool:
    return (
        turn.shape == (3, 3)
        and np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
        and bool(np.linalg.det(turn) > 0)
    )
