"""Many balls and rods at once, as one mesh."""

from functools import cache

import numpy as np

from kpcomplete.cabin.mesh import Triangles, grid
from kpcomplete.pose import Array
from kpcomplete.scene.parts import Mesh, merge

_AROUND, _ALONG = 12, 8  # faces of a rod; so fine that it can be seen through, see `light.sieve`


def balls(
    centres: Array,
    radii: Array | float,
    colours: Array,
    *,
    fine: bool = True,
    lit: bool = True,
    rows: int = 6,
) -> Mesh:
    """Return a ball at each place.

    Args:
        centres: ``[N, 3]`` metres.
        radii: ``[N]`` metres, or one for all.
        colours: ``[N, 4]``.
        fine: Round; else with the 8 faces of an octahedron, for thousands of them.
        lit: Light falls on them.
        rows: Of faces, from pole to pole, of a round one.
    """
    if not len(centres):
        return merge([])
    shape, triangles = _ball(rows, 2 * rows) if fine else _octahedron()
    size = np.broadcast_to(np.asarray(radii, np.float64), len(centres))
    vertices = centres[:, None] + size[:, None, None] * shape
    return _copies(vertices, triangles, colours, lit)


def rods(
    starts: Array, ends: Array, radii: Array | float, colours: Array, *, lit: bool = True
) -> Mesh:
    """Return a round rod from each start to each end.

    Args:
        starts: ``[N, 3]`` metres.
        ends: ``[N, 3]`` metres.
        radii: ``[N]`` metres, or one for all.
        colours: ``[N, 4]``, or ``[N, 2, 4]`` of both ends.
        lit: Light falls on them.
    """
    if not len(starts):
        return merge([])
    along = np.asarray(ends, np.float64) - starts
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    axis = along / np.maximum(length, 1e-9)
    helper = np.where(np.abs(axis[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    first = np.cross(axis, helper)
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    second = np.cross(axis, first)
    ring, step, triangles = _rod()
    size = np.broadcast_to(np.asarray(radii, np.float64), len(starts))[:, None, None]
    across = ring[:, :1] * first[:, None] + ring[:, 1:] * second[:, None]  # [N, V, 3]
    vertices = starts[:, None] + step * along[:, None] + size * across
    if colours.ndim == 3:
        colours = colours[:, :1] * (1 - step) + colours[:, 1:] * step  # [N, V, 4]
    return _copies(vertices, triangles, colours, lit)


def _copies(vertices: Array, triangles: Triangles, colours: Array, lit: bool) -> Mesh:
    """Return N copies ``[N, V, 3]`` of a shape as one mesh."""
    count, corners = vertices.shape[:2]
    if colours.ndim == 2:
        colours = np.repeat(colours[:, None], corners, axis=1)
    every = triangles[None] + (np.arange(count) * corners)[:, None, None]
    return Mesh(
        vertices=vertices.reshape(-1, 3),
        triangles=every.reshape(-1, 3).astype(np.int32),
        colours=np.ascontiguousarray(colours.reshape(-1, 4), dtype=np.float32),
        lit=lit,
    )


@cache
def _ball(rows: int, around: int) -> tuple[Array, Triangles]:
    """Return vertices ``[V, 3]`` and triangles of a ball of radius 1."""
    polar = np.linspace(0, np.pi, rows + 1)[:, None]
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)[None]
    parts = (np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn)
    return np.stack(parts, axis=-1).reshape(-1, 3), grid(rows + 1, around, wrap=True)[:, ::-1]


@cache
def _octahedron() -> tuple[Array, Triangles]:
    vertices = np.concatenate([np.eye(3), -np.eye(3)])
    faces = [(0, 1, 2), (1, 3, 2), (3, 4, 2), (4, 0, 2), (1, 0, 5), (3, 1, 5), (4, 3, 5), (0, 4, 5)]
    return vertices, np.array(faces, np.int32)


@cache
def _rod() -> tuple[Array, Array, Triangles]:
    """Return where on the ring ``[V, 2]`` and along ``[V, 1]`` vertices are, and triangles."""
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    ring = np.tile(np.stack([np.cos(turn), np.sin(turn)], axis=-1), (_ALONG + 1, 1))
    step = np.repeat(np.linspace(0, 1, _ALONG + 1), _AROUND)[:, None]
    return ring, step, grid(_ALONG + 1, _AROUND, wrap=True)
