"""Where the cameras are in the car and what they see."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from kpcomplete.car import facing
from kpcomplete.errors import SettingError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A camera with radial distortion as OpenCV counts; the centre of the first pixel is (0, 0).

    Attributes:
        width, height: of the image, pixels.
        fx, fy: focal lengths, pixels.
        cx, cy: principal point, pixels.
        turn: vehicle frame -> camera frame (x right, y down, z forward), shape (3, 3).
        center: of the camera in the vehicle frame, metres, shape (3,).
        k1: what the lens makes of a point at distance r from the axis at depth 1: it comes to lie
            at r (1 + k1 r^2); negative for wide lenses.
        name: kind of the camera.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    turn: Array
    center: Array
    k1: float = 0.0
    name: str = "camera"

    def view(self, points: ArrayLike) -> Array:
        """Points of the vehicle frame, shape (..., 3), in the camera frame, metres."""
        seen: Array = (np.asarray(points, dtype=np.float64) - self.center) @ self.turn.T
        return seen

    def project(self, seen: Array) -> Array:
        """Points of the camera frame, shape (..., 3), in the image, pixels, shape (..., 2).

        Points behind the camera, and those so far outside that the lens' polynomial folds back,
        lie somewhere outside of the image.
        """
        flat = seen[..., :2] / np.maximum(seen[..., 2:], 1e-6)
        square = np.minimum((flat**2).sum(axis=-1, keepdims=True), self.fold**2)
        pixels: Array = flat * (1.0 + self.k1 * square) * [self.fx, self.fy] + [self.cx, self.cy]
        return pixels

    def holds(self, seen: Array) -> NDArray[np.bool_]:
        """Whether points of the camera frame, shape (..., 3), are in the image, shape (...)."""
        image, last = self.project(seen), np.array([self.width, self.height]) - 0.5
        inside: NDArray[np.bool_] = ((image > -0.5) & (image < last)).all(axis=-1)
        far = np.linalg.norm(seen[..., :2], axis=-1) < self.fold * seen[..., 2]
        return np.asarray(inside & far & (seen[..., 2] > 0.0))

    @property
    def fold(self) -> float:
        """Distance from the axis at depth 1 beyond which the lens' polynomial turns back."""
        return float((-3.0 * self.k1) ** -0.5) if self.k1 < 0.0 else 1e6

    def finer(self, factor: int) -> "Camera":
        """The same view with `factor` times as many pixels each way."""
        shift = (factor - 1) / 2.0
        return replace(
            self,
            width=self.width * factor,
            height=self.height * factor,
            fx=self.fx * factor,
            fy=self.fy * factor,
            cx=self.cx * factor + shift,
            cy=self.cy * factor + shift,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, named as those of `kpcomplete.camera.Camera`."""
        return {
            "name": self.name, "width": self.width, "height": self.height,
            "fx": self.fx, "fy": self.fy, "cx": self.cx, "cy": self.cy,
            "distortion": [self.k1, 0.0, 0.0, 0.0],
            "turn": self.turn.tolist(), "shift": (-self.turn @ self.center).tolist(),
        }  # fmt: skip


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
    focal = size[0] / 2.0 / np.tan(np.radians(field_of_view) / 2.0)
    middle = ((size[0] - 1) / 2.0, (size[1] - 1) / 2.0)
    return Camera(
        *size, focal, focal, *middle, turn=facing(center, target),
        center=np.asarray(center, dtype=np.float64),
    )  # fmt: skip


def mirror(size: tuple[int, int] = (640, 480), field_of_view: float = 80.0) -> Camera:
    """A wide camera at the windscreen below the rear-view mirror that sees both front seats."""
    return look_at((0.0, -1.22, 1.08), (0.0, 0.0, 0.74), size, field_of_view)


#: Kind of camera -> where it is and what it looks at, metres in the vehicle frame, and its
#: horizontal field of view without distortion, degrees, from and to.
CAMERAS = {
    "mirror": ((0.0, -1.20, 1.08), (0.0, 0.0, 0.74), (70.0, 105.0)),
    "dash": ((0.30, -0.86, 0.86), (0.33, 0.10, 0.72), (60.0, 90.0)),
    "pillar": ((0.62, -0.82, 1.06), (0.12, 0.05, 0.70), (70.0, 110.0)),
    "door": ((-0.62, -0.82, 1.06), (-0.12, 0.05, 0.70), (70.0, 110.0)),
    "roof": ((0.0, -0.70, 1.24), (0.0, 0.05, 0.55), (95.0, 140.0)),
}


def draw_camera(kind: str, size: tuple[int, int], rng: Generator, dash: float = 0.0) -> Camera:
    """A camera of one of the `CAMERAS`, a little off: centimetres, degrees and its lens.

    The wider the lens, the more its corners may be drawn inwards, by up to 12 %.

    Args:
        kind: of the camera.
        size: width and height of the image, pixels.
        rng: draws what is off.
        dash: metres by which the dash is nearer to the people, and the camera with it.

    Raises:
        SettingError: If there is no such kind.
    """
    if kind not in CAMERAS:
        raise SettingError(f"a camera must be one of {sorted(CAMERAS)}, but got {kind!r}")
    center, target, (narrow, wide) = CAMERAS[kind]
    angle = float(rng.uniform(narrow, wide))
    camera = look_at(
        np.asarray(center) + rng.normal(0.0, 0.04, 3) + [0.0, dash, 0.0],
        np.asarray(target) + rng.normal(0.0, 0.05, 3),
        size,
        angle,
    )
    corner = np.hypot(*size) / 2.0 / camera.fx
    bent = float(rng.uniform(-0.12, 0.01)) * (angle - 60.0) / 65.0
    return replace(camera, k1=bent / corner**2, name=kind)
