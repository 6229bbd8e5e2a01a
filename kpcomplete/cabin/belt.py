"""Seat belts, laid over a body as it moves."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from kpcomplete.cabin.mesh import Mesh, grid
from kpcomplete.cabin.reach import unit
from kpcomplete.cabin.visibility import Scene

Array = NDArray[np.float64]

#: Width of the webbing, how far it lies off the clothes, metres; points along the chest.
WIDTH, OFF, POINTS = 0.048, 0.007, 40
COLOR = (0.23, 0.23, 0.25)
PILLAR_Y = 0.30  # metres, of the pillar beside the front seats
PILLAR = 2  # vertices at the pillar, which stay there


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
    behind = max(PILLAR_Y, hips[0, 1] + 0.22)  # the rear seats' belts come from behind them
    pillar = np.array([side * 0.66, behind, max(0.98, start[2] + 0.06)])
    width = np.array([[0.0, 0.0, WIDTH / 2.0], [0.0, 0.0, -WIDTH / 2.0]])
    if across[2] > 0.0:
        width = width[::-1]
    top = edges[0] + [0.0, 0.07, 0.02]
    path = np.concatenate([[pillar + width, top], edges])
    vertices = path.reshape(-1, 3)
    return Mesh(vertices, grid(len(path), 2), np.tile(COLOR, (len(vertices), 1)))


@dataclass(frozen=True)
class Worn:
    """A belt that moves with the clothes on which it lay when it was put on.

    Attributes:
        mesh: of the belt then.
        points: of the clothes that are nearest to its vertices, shape (V,); -1 at the pillar.
        off: from these points to the vertices, metres, shape (V, 3).
    """

    mesh: Mesh
    points: NDArray[np.int64]
    off: Array

    @classmethod
    def put_on(cls, mesh: Mesh, surface: Array) -> "Worn":
        """A belt on clothes whose vertices are (V, 3), metres."""
        _, points = KDTree(surface).query(mesh.vertices)
        points[:PILLAR] = -1
        return cls(mesh, points, mesh.vertices - surface[points])

    def moved(self, surface: Array) -> Mesh:
        """The belt on the same clothes elsewhere."""
        carried = surface[self.points] + self.off
        vertices = np.where((self.points < 0)[:, None], self.mesh.vertices, carried)
        return replace(self.mesh, vertices=vertices)


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
