"""The vehicle: seats, dash, steering wheel, doors and pillars."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin import mesh
from kpcomplete.cabin.clothes import mottle
from kpcomplete.cabin.mesh import Mesh
from kpcomplete.cabin.reach import rotation
from kpcomplete.cabin.shapes import Block, Shape, box, moved, tube
from kpcomplete.car import FRONT

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
        rim = mesh.tube(ring, self.grip, (0.10, 0.10, 0.11), closed=True)
        inner = [shape.mesh() for shape in self.inner()]
        return mesh.merge([rim, *inner]).moved(self.plane(turn), self.center)

    def inner(self) -> list[Shape]:
        """Hub and spokes, straight, about the wheel's middle."""
        parts: list[Shape] = [box((0.0, -0.03, -0.01), (0.15, 0.06, 0.12), DARK, 0.03)]
        for angle in (0.0, np.pi, -np.pi / 2.0):
            end = self.radius * np.array([np.cos(angle), 0.0, np.sin(angle)])
            spoke = np.linspace(0.3 * end + [0.0, -0.03, 0.0], end, 8)
            parts += [tube(spoke + shift * Z, 0.013, GREY) for shift in (-0.012, 0.012)]
        return parts

    def plane(self, turn: ArrayLike) -> Array:
        """Rotation of the wheel turned by angles in radians (...), shape (..., 3, 3)."""
        return np.asarray(rotation(X, self.tilt) @ rotation(-Y, turn))


@dataclass(frozen=True, kw_only=True)
class FrontSeat:
    """How one front seat is set.

    Attributes:
        slide: metres to the back.
        recline: of the back rest, radians.
    """

    slide: float = 0.0
    recline: float = 0.33


@dataclass(frozen=True, kw_only=True)
class Car:
    """Sizes of a car's inside, and how its front seats are set.

    Drawn cars lie within the ranges of passenger cars: 1.30 to 1.60 m of shoulder room in front
    and 0.93 to 1.05 m from hip point to roof (makers' W3 and H61 of SAE J1100).

    Attributes:
        dash: metres by which the dash is nearer to the people than usual.
        high: metres by which the dash is higher than usual.
        wide: metres by which each door is farther from the middle than usual.
        roof: metres by which the roof is higher than usual.
        console: metres by which the console is higher than usual.
        left, right: the front seats.
    """

    dash: float = 0.0
    high: float = 0.0
    wide: float = 0.0
    roof: float = 0.0
    console: float = 0.0
    left: FrontSeat = FrontSeat()
    right: FrontSeat = FrontSeat()

    def shapes(self, wheel: Wheel) -> list[Shape]:
        """Everything that does not move."""
        return [*self.furniture(wheel), *self.shell()]

    def furniture(self, wheel: Wheel) -> list[Shape]:
        """Seats, dash and console."""
        shift = np.array([0.0, self.dash, self.high])
        dash = [*moved(_dash(), shift), *_instruments(wheel, shift)]
        console = moved(_console(), (0.0, 0.0, self.console))
        seats = [*_front_seat(FRONT, self.left), *_front_seat(-FRONT, self.right)]
        return [*seats, *_rear(), *dash, *console]

    def mesh(self, wheel: Wheel, extra: Sequence[Shape] = ()) -> Mesh:
        """The surface of all `shapes` and some more, before lighting."""
        whole = mesh.merge([shape.mesh() for shape in (*self.shapes(wheel), *extra)])
        grain = 1.0 + 0.07 * mottle(whole.vertices, 0.03, 11)
        grain += 0.03 * mottle(whole.vertices, 0.2, 12)
        return replace(whole, colors=np.clip(whole.colors * grain[:, None], 0.0, 1.0))

    def to_dash(self, points: Array) -> Array:
        """How far points (..., 3) are from the dash's surface, metres, shape (...)."""
        panel = _dash()[0]
        assert isinstance(panel, Block)
        center = panel.center + np.array([0.0, self.dash, self.high])
        core = np.abs(points - center) - (panel.size / 2.0 - panel.edge)
        outside = np.linalg.norm(np.maximum(core, 0.0), axis=-1)
        return np.asarray(np.maximum(outside - panel.edge, 0.0))

    def shell(self) -> list[Shape]:
        """Floor, doors, pillars, roof."""
        parts: list[Shape] = [
            box((0.0, 0.3, 0.02), (1.5, 2.4, 0.04), DARK, 0.01, 0.08),
            box(
                (0.0, 0.45, 1.32 + self.roof),
                (1.24 + 2.0 * self.wide, 2.1, 0.05),
                LIGHT,
                0.02,
                0.08,
            ),
        ]
        for side in (-1.0, 1.0):
            lean = rotation(Y, -0.22 * side)
            parts += [
                box((side * (0.76 + self.wide), 0.35, 0.42), (0.08, 2.5, 0.72), GREY, 0.03, 0.06),
                box((side * (0.71 + self.wide), -0.10, 0.56), (0.08, 0.50, 0.07), DARK, 0.03),
                box((side * (0.71 + self.wide), 0.85, 0.56), (0.08, 0.40, 0.07), DARK, 0.03),
                box((side * (0.75 + self.wide), 0.35, 0.785), (0.10, 2.5, 0.04), DARK, 0.02, 0.06),
                box((0.0, 0.0, 0.26), (0.06, 0.13, 0.60), LIGHT, 0.02).moved(
                    lean, (side * (0.74 + self.wide), 0.30, 0.77)
                ),
                box((0.0, 0.0, 0.26), (0.07, 0.30, 0.62), LIGHT, 0.02).moved(
                    lean, (side * (0.74 + self.wide), 1.45, 0.77)
                ),
                box(
                    (side * (0.63 + self.wide), 0.45, 1.30 + self.roof),
                    (0.10, 2.1, 0.09),
                    LIGHT,
                    0.04,
                    0.06,
                ),
            ]
        return parts


def _front_seat(x: float, way: FrontSeat) -> list[Shape]:
    """Cushion, back rest with side bolsters, head rest."""
    back, seat = rotation(X, -way.recline), rotation(X, -0.14)
    at, cushion = np.array([x, 0.17 + way.slide, 0.24]), (x, -0.14 + way.slide, 0.155)
    parts: list[Shape] = [
        box((0.0, 0.0, 0.0), (0.40, 0.58, 0.15), CLOTH, 0.06).moved(seat, cushion),
        box((0.0, 0.06, 0.30), (0.36, 0.13, 0.62), CLOTH, 0.06).moved(back, at),
        box((0.0, 0.06, 0.74), (0.27, 0.10, 0.19), GREY, 0.05).moved(back, at),
    ]
    for side in (-1.0, 1.0):
        parts += [
            box((side * 0.20, 0.03, 0.28), (0.12, 0.17, 0.56), GREY, 0.05).moved(back, at),
            box((side * 0.22, 0.0, 0.02), (0.10, 0.56, 0.17), GREY, 0.05).moved(seat, cushion),
            tube([(side * 0.06, 0.06, z) for z in (0.55, 0.62, 0.7)], 0.007, LIGHT).moved(back, at),
        ]
    return parts


def _rear() -> list[Shape]:
    """The rear bench and what is behind it."""
    back = rotation(X, -0.35)
    parts: list[Shape] = [
        box((0.0, 0.86, 0.25), (1.30, 0.52, 0.20), CLOTH, 0.07),
        box((0.0, 0.0, 0.30), (1.30, 0.14, 0.66), CLOTH, 0.06).moved(back, (0.0, 1.12, 0.24)),
        box((0.0, 1.55, 0.76), (1.36, 0.44, 0.05), DARK, 0.02),
    ]
    for x in (-0.40, 0.0, 0.40):
        parts.append(
            box((x, 0.0, 0.70), (0.25, 0.10, 0.16), GREY, 0.05).moved(back, (0.0, 1.12, 0.24))
        )
    return parts


def _dash() -> list[Shape]:
    """Dash board first, then the centre screen."""
    return [
        box((0.0, -0.80, 0.52), (1.50, 0.46, 0.34), DARK, 0.09),
        box((0.0, 0.0, 0.0), (0.22, 0.02, 0.12), BLACK, 0.01).moved(
            rotation(X, 0.15), (0.0, -0.575, 0.72)
        ),
    ]


def _instruments(wheel: Wheel, shift: Array) -> list[Shape]:
    """The hood over the instruments, and the column from the dash to the wheel's hub."""
    x, y, z = wheel.center
    hub = np.array([x, y, z])
    start, end = hub + np.array([0.01, -0.05, -0.03]), np.array([x + 0.01, -0.70, 0.56]) + shift
    return [
        box((0.0, -0.63, 0.68), (0.32, 0.15, 0.10), BLACK, 0.05).moved(
            shift=shift + np.array([x, 0.0, 0.0])
        ),
        tube(start + np.linspace(0.0, 1.0, 3)[:, None] * (end - start), 0.035, BLACK),
    ]


def _console() -> list[Shape]:
    """Between the seats: console, arm rest, gear lever."""
    return [
        box((0.0, -0.12, 0.24), (0.22, 1.05, 0.30), DARK, 0.05),
        box((0.0, 0.08, 0.42), (0.17, 0.34, 0.08), GREY, 0.03),
        tube([(0.0, -0.32, 0.36), (0.0, -0.33, 0.44), (0.0, -0.34, 0.50)], 0.012, BLACK),
        box((0.0, -0.34, 0.52), (0.05, 0.05, 0.07), BLACK, 0.02),
    ]
