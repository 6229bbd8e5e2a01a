"""The simple solids that a car is made of, each of which knows its surface."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import Self

from kpcomplete.cabin import mesh
from kpcomplete.cabin.mesh import Mesh

Array = NDArray[np.float64]


def _nowhere() -> Array:
    return np.zeros(3)


@dataclass(frozen=True, kw_only=True)
class Solid:
    """Something that was turned and shifted.

    Attributes:
        color: red, green, blue in 0..1.
        turn: rotation about the origin, shape (3, 3).
        shift: after it, metres, shape (3,).
    """

    color: tuple[float, float, float]
    turn: Array = field(default_factory=lambda: np.eye(3))
    shift: Array = field(default_factory=_nowhere)

    def moved(self, turn: ArrayLike | None = None, shift: ArrayLike = (0.0, 0.0, 0.0)) -> Self:
        """The same rotated by `turn` (3, 3) about the origin, then shifted (3,)."""
        turns = np.eye(3) if turn is None else np.asarray(turn, dtype=np.float64)
        away = turns @ self.shift + np.asarray(shift)
        return replace(self, turn=turns @ self.turn, shift=away)


@dataclass(frozen=True, kw_only=True)
class Block(Solid):
    """A box with rounded edges.

    Attributes:
        center: before it is turned, metres, shape (3,).
        size: full lengths, metres, shape (3,).
        edge: radius of the edges, metres.
        step: largest distance between vertices, metres (fine enough to show shadows).
    """

    center: Array
    size: Array
    edge: float
    step: float

    def mesh(self) -> Mesh:
        """The surface."""
        drawn = mesh.box(self.center, self.size, self.color, self.edge, self.step)
        return drawn.moved(self.turn, self.shift)


@dataclass(frozen=True, kw_only=True)
class Pipe(Solid):
    """A round tube.

    Attributes:
        path: before it is turned, metres, shape (N, 3).
        radius: metres.
    """

    path: Array
    radius: float

    def mesh(self) -> Mesh:
        """The surface."""
        return mesh.tube(self.path, self.radius, self.color).moved(self.turn, self.shift)


Shape = Block | Pipe


def box(
    center: ArrayLike, size: ArrayLike, color: Sequence[float], edge: float, step: float = 0.03
) -> Block:
    """A `Block`."""
    red, green, blue = color
    return Block(
        center=np.asarray(center, dtype=np.float64),
        size=np.asarray(size, dtype=np.float64),
        color=(red, green, blue),
        edge=edge,
        step=step,
    )


def tube(path: ArrayLike, radius: float, color: Sequence[float]) -> Pipe:
    """A `Pipe`."""
    red, green, blue = color
    points = np.asarray(path, dtype=np.float64)
    return Pipe(path=points, radius=radius, color=(red, green, blue))


def moved(shapes: Sequence[Shape], shift: ArrayLike) -> list[Shape]:
    """Shapes shifted by (3,) metres."""
    return [shape.moved(shift=shift) for shape in shapes]
