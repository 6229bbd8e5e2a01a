"""The world outside the windows."""

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.clothes import mottle
from kpcomplete.cabin.mesh import Mesh, grid

Array = NDArray[np.float64]


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
