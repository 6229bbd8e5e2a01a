"""From where a head hides its own landmarks."""

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.mesh import Mesh, Triangles
from kpcomplete.cabin.visibility import CLOTH, DEPTHS, Scene

Array = NDArray[np.float64]

FACE, ROWS = 11, 48  # landmarks of the head, the first of all; rows of the grid of directions
EARS = [NAMES.index("left_ear"), NAMES.index("right_ear")]
HAIR = (
    0.012  # metres that it stands off about the ears: so much less of the head may be before them
)


def profile(vertices: Array, head: Triangles, places: Array, gaps: Array) -> NDArray[np.bool_]:
    """Which landmarks of the head it hides itself, seen from directions of a grid.

    Args:
        vertices: of the body, metres, shape (V, 3).
        head: triangles of the head, shape (F, 3).
        places: of the landmarks, metres, shape (33, 3).
        gaps: how deep they lie below the skin, metres, shape (33,).

    Returns:
        Shape (FACE, ROWS, 2 ROWS).
    """
    joints, ways = places[:FACE], directions()
    scene = Scene({"head": Mesh(vertices, head, np.zeros_like(vertices))})
    ends = np.repeat(joints, len(ways), axis=0)
    start = ends + np.tile(ways, (FACE, 1))  # a metre away
    rays = np.concatenate([start, ends - start], axis=1).astype(np.float32)
    before = 1.0 - scene.rays.cast_rays(rays)["t_hit"].numpy().reshape(FACE, ROWS, 2 * ROWS)
    allowed = DEPTHS * gaps[:FACE] + CLOTH
    allowed[EARS] -= HAIR
    hidden: NDArray[np.bool_] = before > allowed[:, None, None]
    return hidden


def directions() -> Array:
    """Directions of a grid over the sphere, row by row from below, shape (2 ROWS^2, 3)."""
    up = (np.arange(ROWS) + 0.5) / ROWS * 2.0 - 1.0
    around = (np.arange(2 * ROWS) + 0.5) / ROWS * np.pi - np.pi
    z, angle = (grid.ravel() for grid in np.meshgrid(up, around, indexing="ij"))
    flat = np.sqrt(1.0 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)


def toward(ways: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the grid of `directions` that vectors (..., 3) point at."""
    up = ways[..., 2] / np.linalg.norm(ways, axis=-1)
    around = np.arctan2(ways[..., 1], ways[..., 0]) / np.pi + 1.0
    row = np.clip((up + 1.0) / 2.0 * ROWS, 0, ROWS - 1)
    return row.astype(np.int64), (around * ROWS).astype(np.int64) % (2 * ROWS)
