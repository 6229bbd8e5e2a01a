"""Daylight that falls into the car, with soft shadows, computed a vertex."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.reach import unit
from kpcomplete.cabin.visibility import Layers, Scene

Array = NDArray[np.float64]

GAMMA = 2.2


@dataclass(frozen=True)
class Light:
    """The sky around the car.

    Attributes:
        sun: direction towards the brightest part of the sky, shape (3,).
        strength: of that part against the rest.
        ambient: light that reaches every place by reflection, share of full daylight.
        exposure: factor on everything.
        directions: number of sky directions tried a vertex.
        lamp: where a lamp beside the camera is, metres in the vehicle frame; None if there is none.
        power: of the lamp.
        outside: how bright the world outside is, 0..1.
    """

    sun: tuple[float, float, float] = (0.30, -0.85, 0.42)
    strength: float = 3.5
    ambient: float = 0.24
    exposure: float = 1.25
    directions: int = 28
    lamp: tuple[float, float, float] | None = None
    power: float = 0.0
    outside: float = 1.0

    def sky(self) -> tuple[Array, Array]:
        """Directions towards the sky, shape (D, 3), and their brightness, shape (D,)."""
        count = 2 * self.directions
        index = np.arange(count) + 0.5
        z = 1.0 - 2.0 * index / count
        turn = index * np.pi * (1.0 + 5.0**0.5)
        flat = np.sqrt(1.0 - z**2)
        ball = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
        ball = ball[ball[:, 2] > -0.05]
        bright = 1.0 + self.strength * np.clip(ball @ unit(np.array(self.sun)), 0.0, 1.0) ** 3
        return ball, bright

    def falls(self, scene: Scene | Layers, points: Array, normals: Array) -> Array:
        """How much light reaches each vertex.

        Args:
            scene: everything that casts shadows.
            points: metres, shape (V, 3).
            normals: unit vectors away from the surface, shape (V, 3).

        Returns:
            Brightness, about 0..1, shape (V,).
        """
        directions, bright = self.sky()
        facing = np.clip(normals @ directions.T, 0.0, 1.0)
        start = np.repeat(points + 0.004 * normals, len(directions), axis=0)
        rays = np.concatenate([start, np.tile(directions, (len(points), 1))], axis=1)
        lit = facing.ravel() > 0.0
        open_ = np.zeros(len(rays))
        open_[lit] = ~scene.meets(rays[lit])
        direct = (facing * open_.reshape(facing.shape)) @ bright / (0.25 * bright.sum())
        sides: Array = self.ambient * (0.75 + 0.25 * normals[:, 2]) + direct
        return self.exposure * (sides + self._lamp(points, normals))

    def _lamp(self, points: Array, normals: Array) -> Array:
        """Light of the lamp; what stands in its way is not seen from where it is."""
        if self.lamp is None:
            return np.zeros(len(points))
        way = np.asarray(self.lamp) - points
        far = np.linalg.norm(way, axis=1)
        falls: Array = np.clip((normals * way).sum(axis=1) / far, 0.0, 1.0) / (0.15 + far**2)
        return self.power * falls

    def shade(self, colors: Array, brightness: Array) -> Array:
        """Colours under a brightness, with a soft shoulder instead of clipping, 0..1, (V, 3)."""
        linear = colors**GAMMA * brightness[:, None]
        shaded: Array = np.clip(linear / (1.0 + 0.25 * linear), 0.0, 1.0) ** (1.0 / GAMMA)
        return shaded
