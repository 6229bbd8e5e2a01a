"""Vertex-coloured triangle meshes and the simple shapes a car is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Triangles = NDArray[np.int32]


@dataclass(frozen=True)
class Mesh:
    """Triangles with a colour a vertex.

    Attributes:
        vertices: metres, shape (V, 3).
        triangles: vertex indices, counter-clockwise from outside, shape (F, 3).
        colors: red, green, blue in 0..1, before lighting, shape (V, 3).
    """

    vertices: Array
    triangles: Triangles
    colors: Array

    def moved(self, turn: ArrayLike | None = None, shift: ArrayLike = (0.0, 0.0, 0.0)) -> "Mesh":
        """The mesh rotated by `turn` (3, 3) about the origin, then shifted (3,)."""
        vertices = self.vertices if turn is None else self.vertices @ np.asarray(turn).T
        return replace(self, vertices=vertices + np.asarray(shift))

    def normals(self) -> Array:
        """Unit normals of the vertices, weighted by area, shape (V, 3)."""
        return vertex_normals(self.vertices, self.triangles)


def vertex_normals(vertices: Array, triangles: Triangles) -> Array:
    """Unit normals of the vertices, weighted by area, shape (V, 3)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    faces = np.cross(b - a, c - a)
    corners = triangles.ravel()
    weights = np.repeat(faces, 3, axis=0)
    total = np.stack(
        [np.bincount(corners, weights[:, i], minlength=len(vertices)) for i in range(3)], axis=1
    )
    normals: Array = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return normals


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
        ).astype(np.int32),
        np.concatenate([mesh.colors for mesh in meshes]),
    )


def grid(rows: int, columns: int, wrap: bool = False) -> Triangles:
    """Triangles of a grid of vertices stored row by row; `wrap` joins last and first column."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if wrap:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    return np.asarray(triangles, dtype=np.int32)


def box(
    center: ArrayLike, size: ArrayLike, color: ArrayLike, round_: float = 0.02, step: float = 0.03
) -> Mesh:
    """A box with rounded edges.

    Args:
        center: metres, shape (3,).
        size: full lengths, metres, shape (3,).
        color: red, green, blue in 0..1.
        round_: radius of the edges, metres.
        step: largest distance between vertices, metres (fine enough to show shadows).
    """
    half = np.asarray(size, dtype=np.float64) / 2.0
    radius = min(round_, float(half.min()) * 0.98)
    sides = [_side(axis, sign, half, step) for axis in range(3) for sign in (-1, 1)]
    mesh = merge(sides)
    core = np.clip(mesh.vertices, -(half - radius), half - radius)
    out = mesh.vertices - core
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    vertices = core + radius * out + np.asarray(center)
    return Mesh(vertices, mesh.triangles, np.tile(np.asarray(color, float), (len(vertices), 1)))


def _side(axis: int, sign: int, half: Array, step: float) -> Mesh:
    """One side of a box as a grid whose outside faces along `sign` times `axis`."""
    u, v = (axis + 1) % 3, (axis + 2) % 3
    counts = [max(4, int(np.ceil(2.0 * half[i] / step)) + 1) for i in (u, v)]
    lines = [_line(half[i], count) for i, count in zip((u, v), counts, strict=True)]
    first, second = np.meshgrid(*lines, indexing="ij")
    vertices = np.zeros((first.size, 3))
    vertices[:, axis], vertices[:, u], vertices[:, v] = sign * half[axis], first.flat, second.flat
    triangles = grid(counts[0], counts[1])
    if sign > 0:
        triangles = triangles[:, ::-1].copy()
    return Mesh(vertices, triangles, np.zeros_like(vertices))


def _line(half: float, count: int) -> Array:
    """Points from -half to half, denser towards the ends, where boxes are round."""
    even = np.linspace(-1.0, 1.0, count)
    line: Array = half * (0.6 * even + 0.4 * np.sin(even * np.pi / 2.0))
    return line


def tube(path: ArrayLike, radius: float, color: ArrayLike, closed: bool = False) -> Mesh:
    """A round tube along a path of points, shape (N, 3); `closed` joins its ends to a ring."""
    points, around = np.asarray(path, dtype=np.float64), 12
    if closed:
        along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    helper = np.where(np.abs(along[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    if closed:  # the plane's normal never meets the path: no twist
        helper = np.tile(np.cross(along[0], along[len(along) // 4]), (len(points), 1))
    first = np.cross(along, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    angle = np.linspace(0.0, 2.0 * np.pi, around, endpoint=False)
    ring = np.cos(angle)[:, None] * first[:, None] + np.sin(angle)[:, None] * second[:, None]
    vertices = (points[:, None] + radius * ring).reshape(-1, 3)
    triangles = grid(len(points), around, wrap=True)
    if closed:
        seam = np.concatenate([np.arange(around) + (len(points) - 1) * around, np.arange(around)])
        triangles = np.concatenate([triangles, seam[grid(2, around, wrap=True)]])
    colors = np.tile(np.asarray(color, dtype=np.float64), (len(vertices), 1))
    return Mesh(vertices, triangles, colors)
