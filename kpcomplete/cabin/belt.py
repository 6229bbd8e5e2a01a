"""Seat belts, laid over a body as it moves."""

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.mesh import Mesh, grid
from kpcomplete.cabin.reach import unit
from kpcomplete.cabin.visibility import Scene

Array = NDArray[np.float64]

#: Width of the webbing, how far it lies off the clothes, metres; points along the chest.
WIDTH, OFF, POINTS = 0.048, 0.007, 40
COLOR = (0.23, 0.23, 0.25)


def belt(torso: Mesh, shoulders: Array, hips: Array, side: float) -> Mesh:
    """The shoulder belt from the pillar over the outer shoulder and the chest to the buckle.

    Args:
        torso: what the belt lies on, in the vehicle frame (x left, y back, z up).
        shoulders: the outer and the inner one, metres, shape (2, 3).
        hips: likewise.
        side: 1 for a seat on the left, -1 on the right.
    """
    outer, inner = shoulders
    start = outer + 0.27 * (inner - outer) + [0.0, 0.0, 0.05]
    end = hips[1] + [-0.07 * side, 0.0, 0.02]
    share = np.linspace(0.0, 1.0, POINTS)[:, None]
    line = start + share * (end - start)
    across = unit(np.cross(end - start, [0.0, 1.0, 0.0])) * WIDTH / 2.0
    edges = np.stack([line - across, line + across], axis=1)
    edges[..., 1] = _front(torso, edges) - OFF
    pillar = np.array([side * 0.66, 0.30, max(0.98, start[2] + 0.06)])
    width = np.array([[0.0, 0.0, WIDTH / 2.0], [0.0, 0.0, -WIDTH / 2.0]])
    if across[2] > 0.0:
        width = width[::-1]
    top = edges[0] + [0.0, 0.07, 0.02]
    path = np.concatenate([[pillar + width, top], edges])
    vertices = path.reshape(-1, 3)
    return Mesh(vertices, grid(len(path), 2), np.tile(COLOR, (len(vertices), 1)))


def _front(torso: Mesh, points: Array) -> Array:
    """How far in front (smallest y) the torso is at each point's x and z, smoothed along axis 0."""
    start = points.copy()
    start[..., 1] -= 1.0
    rays = np.concatenate([start, np.broadcast_to([0.0, 1.0, 0.0], points.shape)], axis=-1)
    scene = Scene({"torso": torso})
    hits = scene.rays.cast_rays(rays.reshape(-1, 6).astype(np.float32))["t_hit"].numpy()
    front = hits.reshape(points.shape[:-1]) + start[..., 1]
    for edge in front.T:
        known = np.isfinite(edge)
        if known.any():
            edge[:] = np.interp(np.arange(len(edge)), np.flatnonzero(known), edge[known])
    known = np.isfinite(front)
    front = np.where(known, front, points[..., 1])
    padded = np.pad(front, ((2, 2), (0, 0)), mode="edge")
    smooth: Array = np.minimum(front, sum(padded[i : i + len(front)] for i in range(5)) / 5.0)
    return smooth
