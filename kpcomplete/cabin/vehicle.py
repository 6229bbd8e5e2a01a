"""The vehicle: seats, dash, steering wheel, doors, pillars and the world outside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.clothes import mottle
from kpcomplete.cabin.mesh import Mesh, box, grid, merge, tube
from kpcomplete.cabin.reach import rotation

Array = NDArray[np.float64]

X, Y, Z = np.eye(3)
DARK, GREY, CLOTH, LIGHT, BLACK = (
    (0.20, 0.20, 0.22),
    (0.36, 0.36, 0.38),
    (0.56, 0.53, 0.49),
    (0.62, 0.60, 0.57),
    (0.11, 0.11, 0.12),
)


@dataclass(frozen=True)
class Wheel:
    """The steering wheel in the vehicle frame (x left, y back, z up).

    Attributes:
        center: metres.
        radius: of the rim's middle, metres.
        tilt: of the wheel away from upright, its top forwards, radians.
        grip: radius of the rim's tube, metres.
    """

    center: tuple[float, float, float] = (0.36, -0.43, 0.66)
    radius: float = 0.185
    tilt: float = 0.44
    grip: float = 0.016

    def rim(self, angle: float) -> tuple[Array, Array, Array]:
        """A point of the rim, its direction away from the hub, and the direction to the driver.

        Args:
            angle: radians, 0 = left in the car, pi / 2 = top.
        """
        plane = rotation(X, self.tilt)
        outwards = plane @ (np.cos(angle) * X + np.sin(angle) * Z)
        return np.asarray(self.center) + self.radius * outwards, outwards, plane @ Y

    def mesh(self, turn: float) -> Mesh:
        """The wheel turned by an angle in radians, positive to the right."""
        angles = np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)
        ring = self.radius * np.stack([np.cos(angles), 0.0 * angles, np.sin(angles)], axis=1)
        parts = [tube(ring, self.grip, (0.10, 0.10, 0.11), closed=True)]
        parts.append(box((0.0, -0.03, -0.01), (0.15, 0.06, 0.12), DARK, 0.03))
        for angle in (0.0, np.pi, -np.pi / 2.0):
            end = self.radius * np.array([np.cos(angle), 0.0, np.sin(angle)])
            spoke = np.linspace(0.3 * end + [0.0, -0.03, 0.0], end, 8)
            parts += [tube(spoke + shift * Z, 0.013, GREY) for shift in (-0.012, 0.012)]
        plane = rotation(X, self.tilt)
        return merge(parts).moved(plane @ rotation(-Y, turn), self.center)


def interior() -> Mesh:
    """Everything in the car that does not move, before lighting."""
    parts = [*_front_seat(0.36), *_front_seat(-0.36), *_rear(), *_dash(), *_shell()]
    mesh = merge(parts)
    grain = 1.0 + 0.07 * mottle(mesh.vertices, 0.03, 11) + 0.03 * mottle(mesh.vertices, 0.2, 12)
    return Mesh(mesh.vertices, mesh.triangles, np.clip(mesh.colors * grain[:, None], 0.0, 1.0))


def booster(x: float) -> Mesh:
    """A child's booster cushion on the front seat at `x`, metres."""
    return box((x, -0.08, 0.285), (0.42, 0.36, 0.10), (0.20, 0.22, 0.27), 0.04)


def backdrop(center: Array, radius: float = 30.0) -> Mesh:
    """Sky, trees and road around a point, to be drawn without lighting."""
    rows, columns = 100, 400
    up = np.radians(45.0 * np.linspace(-1.0, 1.0, rows) ** 3 + 15.0 * np.linspace(-1.0, 1.0, rows))
    around = np.linspace(0.0, 2.0 * np.pi, columns, endpoint=False)
    up, around = (array.ravel() for array in np.meshgrid(up, around, indexing="ij"))
    ball = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], axis=1)
    height = np.degrees(up)
    sky = np.array([0.93, 0.95, 0.98]) - np.clip(height / 45.0, 0.0, 1.0)[:, None] * [
        0.3,
        0.2,
        0.06,
    ]
    trees = np.array([0.42, 0.48, 0.38]) * (1.0 + 0.18 * mottle(ball, 0.03, 22)[:, None])
    road = np.tile([0.52, 0.52, 0.53], (len(ball), 1))
    circle = ball * [1.0, 1.0, 0.0]  # the tops of the trees depend on where one looks, not how high
    line = 5.5 + 2.5 * mottle(circle, 0.15, 21) + 1.5 * mottle(circle, 0.03, 23)
    colors = np.where((height > line)[:, None], sky, trees)
    colors = np.where((height < -2.0)[:, None], road, colors)
    return Mesh(center + radius * ball, grid(rows, columns, wrap=True), np.clip(colors, 0.0, 1.0))


def _front_seat(x: float) -> list[Mesh]:
    """Cushion, back rest with side bolsters, head rest."""
    back, seat = rotation(X, -0.33), rotation(X, -0.14)
    at = np.array([x, 0.17, 0.24])
    parts = [
        box((0.0, 0.0, 0.0), (0.40, 0.58, 0.15), CLOTH, 0.06).moved(seat, (x, -0.14, 0.155)),
        box((0.0, 0.06, 0.30), (0.36, 0.13, 0.62), CLOTH, 0.06).moved(back, at),
        box((0.0, 0.06, 0.74), (0.27, 0.10, 0.19), GREY, 0.05).moved(back, at),
    ]
    for side in (-1.0, 1.0):
        parts += [
            box((side * 0.20, 0.03, 0.28), (0.12, 0.17, 0.56), GREY, 0.05).moved(back, at),
            box((side * 0.22, 0.0, 0.02), (0.10, 0.56, 0.17), GREY, 0.05).moved(
                seat, (x, -0.14, 0.155)
            ),
            tube([(side * 0.06, 0.06, z) for z in (0.55, 0.62, 0.7)], 0.007, LIGHT).moved(back, at),
        ]
    return parts


def _rear() -> list[Mesh]:
    """The rear bench and what is behind it."""
    back = rotation(X, -0.35)
    parts = [
        box((0.0, 0.86, 0.25), (1.30, 0.52, 0.20), CLOTH, 0.07),
        box((0.0, 0.0, 0.30), (1.30, 0.14, 0.66), CLOTH, 0.06).moved(back, (0.0, 1.12, 0.24)),
        box((0.0, 1.55, 0.76), (1.36, 0.44, 0.05), DARK, 0.02),
    ]
    for x in (-0.40, 0.0, 0.40):
        parts.append(
            box((x, 0.0, 0.70), (0.25, 0.10, 0.16), GREY, 0.05).moved(back, (0.0, 1.12, 0.24))
        )
    return parts


def _dash() -> list[Mesh]:
    """Dash board, instruments' hood, centre screen, console."""
    screen = rotation(X, 0.15)
    return [
        box((0.0, -0.80, 0.52), (1.50, 0.46, 0.34), DARK, 0.09),
        box((0.36, -0.63, 0.68), (0.32, 0.15, 0.10), BLACK, 0.05),
        box((0.0, 0.0, 0.0), (0.22, 0.02, 0.12), BLACK, 0.01).moved(screen, (0.0, -0.575, 0.72)),
        box((0.0, -0.12, 0.24), (0.22, 1.05, 0.30), DARK, 0.05),
        box((0.0, 0.08, 0.42), (0.17, 0.34, 0.08), GREY, 0.03),
        tube([(0.0, -0.32, 0.36), (0.0, -0.33, 0.44), (0.0, -0.34, 0.50)], 0.012, BLACK),
        box((0.0, -0.34, 0.52), (0.05, 0.05, 0.07), BLACK, 0.02),
        tube([(0.37, -0.48, 0.63), (0.37, -0.58, 0.60), (0.37, -0.70, 0.56)], 0.035, BLACK),
    ]


def _shell() -> list[Mesh]:
    """Floor, doors, pillars, roof."""
    parts = [
        box((0.0, 0.3, 0.02), (1.5, 2.4, 0.04), DARK, 0.01, 0.08),
        box((0.0, 0.45, 1.32), (1.24, 2.1, 0.05), LIGHT, 0.02, 0.08),
    ]
    for side in (-1.0, 1.0):
        lean = rotation(Y, -0.22 * side)
        parts += [
            box((side * 0.76, 0.35, 0.42), (0.08, 2.5, 0.72), GREY, 0.03, 0.06),
            box((side * 0.71, -0.10, 0.56), (0.08, 0.50, 0.07), DARK, 0.03),
            box((side * 0.71, 0.85, 0.56), (0.08, 0.40, 0.07), DARK, 0.03),
            box((side * 0.75, 0.35, 0.785), (0.10, 2.5, 0.04), DARK, 0.02, 0.06),
            box((0.0, 0.0, 0.26), (0.06, 0.13, 0.60), LIGHT, 0.02).moved(
                lean, (side * 0.74, 0.30, 0.77)
            ),
            box((0.0, 0.0, 0.26), (0.07, 0.30, 0.62), LIGHT, 0.02).moved(
                lean, (side * 0.74, 1.45, 0.77)
            ),
            box((side * 0.63, 0.45, 1.30), (0.10, 2.1, 0.09), LIGHT, 0.04, 0.06),
        ]
    return parts
