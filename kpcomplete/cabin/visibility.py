"""Which joints a camera sees, and what hides the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.mesh import Mesh, Triangles
from kpcomplete.cabin.reach import frame, unit

Array = NDArray[np.float64]

VISIBLE, SELF, VEHICLE, OTHER = "visible", "self", "vehicle", "other"
OBJECT, OUTSIDE = "object", "outside"
CAUSES = (VISIBLE, SELF, VEHICLE, OTHER, OBJECT, OUTSIDE)

#: A joint lies `depth` below its own skin. Seen askew, the way through the own flesh is longer than
#: the shortest one; clothes and hair add to it. So the first hit on the own body still means
#: "visible" if it lies before the joint by at most
#: - MEETING * depth + CLOTH on a part of the body that meets at the joint (an elbow's forearm),
#: - DEPTHS * depth + CLOTH on any other part.
MEETING, DEPTHS, CLOTH = 3.5, 1.7, 0.02

#: Cells of the grid, each way, in which triangles that rays may meet are looked for; how far it
#: reaches beyond the rays, at depth 1; least share of a ray's way that is along the grid's normal.
_CELLS, _MARGIN, _AHEAD = 256, 1e-3, 0.3


class Scene:
    """Meshes that rays can hit, each with a name.

    Args:
        meshes: name -> mesh; a part of something is called WHOLE.PART ("vehicle.wheel").
    """

    def __init__(self, meshes: Mapping[str, Mesh]) -> None:
        self._names = list(meshes)
        counts = [len(mesh.triangles) for mesh in meshes.values()]
        self._owners = np.repeat(np.arange(len(counts)), counts)
        vertices = {
            id(mesh.vertices): mesh.vertices for mesh in meshes.values()
        }  # parts share them
        sizes = [len(points) for points in vertices.values()]
        starts = dict(zip(vertices, np.cumsum([0, *sizes[:-1]]), strict=True))
        self._vertices = np.concatenate(list(vertices.values()))
        self._triangles = np.concatenate(
            [mesh.triangles + starts[id(mesh.vertices)] for mesh in meshes.values()]
        )

    @cached_property
    def rays(self) -> Any:
        """The `open3d.t.geometry.RaycastingScene` of all triangles, made when first needed."""
        return _tree(self._vertices, self._triangles)

    def sorted(self) -> "Scene":
        """The same, all of its triangles sorted: worth it for what stands still."""
        assert self.rays is not None
        return self

    def first(self, origin: Array, targets: Array) -> tuple[Array, list[str | None]]:
        """First thing between an origin and each target.

        Few rays do not pay for sorting all triangles: where that was not done for something else,
        only those are sorted that any of the rays may meet.

        Args:
            origin: metres, shape (3,).
            targets: metres, shape (J, 3).

        Returns:
            Distance of the first hit from the origin, metres, infinite without one, shape (J,);
            and the names of what was hit.
        """
        ways = targets - origin
        rays = np.concatenate([np.broadcast_to(origin, ways.shape), ways], axis=1)
        owners, tree = self._owners, self.__dict__.get("rays")
        if tree is None:
            near = in_the_way(self._vertices - origin, self._triangles, ways)
            owners, tree = owners[near], _tree(self._vertices, self._triangles[near])
        hits = tree.cast_rays(rays.astype(np.float32))
        distance = hits["t_hit"].numpy() * np.linalg.norm(ways, axis=1)
        met = hits["primitive_ids"].numpy()
        names = [
            self._names[owners[which]] if np.isfinite(far) else None
            for which, far in zip(met, distance, strict=True)
        ]
        return distance, names

    def meets(self, rays: Array) -> NDArray[np.bool_]:
        """Whether rays, origin and direction, shape (N, 6), hit anything, shape (N,)."""
        met: NDArray[np.bool_] = self.rays.test_occlusions(rays.astype(np.float32)).numpy()
        return met


def in_the_way(vertices: Array, triangles: Triangles, ways: Array) -> NDArray[np.bool_]:
    """Which triangles rays from the origin may meet: all that they do, and some more.

    Args:
        vertices: metres, shape (V, 3).
        triangles: shape (F, 3).
        ways: directions of the rays, shape (J, 3).

    Returns:
        Shape (F,).
    """
    middle = unit(unit(ways).mean(axis=0))
    plane = frame(middle, np.roll(middle, 1))
    ahead, seen = ways @ plane, vertices @ plane
    if (ahead[:, 0] < _AHEAD * np.linalg.norm(ways, axis=1)).any():
        return np.ones(len(triangles), bool)
    flat = ahead[:, 1:] / ahead[:, :1]
    low, size = flat.min(axis=0) - _MARGIN, np.ptp(flat, axis=0) + 2.0 * _MARGIN
    marks = np.zeros((_CELLS + 1, _CELLS + 1), np.int32)
    column, row = ((flat - low) / size * _CELLS).astype(np.int64).T
    np.add.at(marks, (row + 1, column + 1), 1)
    counts = marks.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32).ravel()
    behind = seen[:, 0] < 1e-3
    place = (seen[:, 1:] / np.where(behind, 1.0, seen[:, 0])[:, None] - low) * (_CELLS / size)
    edges = []
    for cell in np.clip(place, -1.0, _CELLS).T.astype(np.int32):
        a, b, c = (cell.take(corner) for corner in triangles.T)
        least, most = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        edges.append((np.maximum(least, 0), np.minimum(most + 1, _CELLS)))
    (left, right), (top, bottom) = edges
    upper, lower = top * (_CELLS + 1), bottom * (_CELLS + 1)
    rays = counts.take(lower + right) - counts.take(upper + right)  # in the triangle's cells
    rays += counts.take(upper + left) - counts.take(lower + left)
    met: NDArray[np.bool_] = rays > 0
    if behind.any():
        met |= behind[triangles].any(axis=1)
    return met


def _tree(vertices: Array, triangles: Triangles) -> Any:
    """A `RaycastingScene` of triangles."""
    import open3d

    o3d: Any = open3d
    tree: Any = o3d.t.geometry.RaycastingScene()
    used, corners = np.unique(triangles, return_inverse=True)
    points = vertices[used] if len(used) else np.zeros((3, 3))
    corners = corners.reshape(-1, 3) if len(used) else np.array([[0, 1, 2]])
    tree.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(points, dtype=np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(corners, dtype=np.uint32)),
    )
    return tree


@dataclass(frozen=True)
class Layers:
    """Scenes one over the other: what stands still need not be made anew for what moves.

    Attributes:
        scenes: at least one.
    """

    scenes: Sequence[Scene]

    def first(self, origin: Array, targets: Array) -> tuple[Array, list[str | None]]:
        """As `Scene.first`."""
        found = [scene.first(origin, targets) for scene in self.scenes]
        nearest = np.argmin([distance for distance, _ in found], axis=0)
        distance = np.min([distance for distance, _ in found], axis=0)
        return distance, [found[layer][1][i] for i, layer in enumerate(nearest)]

    def meets(self, rays: Array) -> NDArray[np.bool_]:
        """As `Scene.meets`."""
        return np.asarray(np.any([scene.meets(rays) for scene in self.scenes], axis=0))


@dataclass(frozen=True)
class Joints:
    """What is known of a person's joints.

    Attributes:
        person: name of the person in the scene.
        places: in the vehicle frame, metres, shape (J, 3).
        depth: how deep each joint lies below the skin, metres, shape (J,) or one for all.
        flesh: parts of the body that meet at each joint, shape (J,) of any lengths.
    """

    person: str
    places: Array
    depth: ArrayLike
    flesh: Sequence[Sequence[str]] | None = None


def causes(scene: Scene | Layers, camera: Camera, people: Sequence[Joints]) -> list[list[str]]:
    """Why each joint of each person is seen or not.

    Args:
        scene: everything that hides. Names say whose it is: the person's own body is `person` or
            `person.PART`, the vehicle `vehicle` or `vehicle.PART`, a thing `object.WHAT`, and all
            else is other people.
        camera: that looks.
        people: of whom.

    Returns:
        One of `CAUSES` a joint and person.
    """
    places = np.concatenate([joints.places for joints in people])
    distance, names = scene.first(camera.center, places)
    found, start = [], 0
    for joints in people:
        end = start + len(joints.places)
        found.append(_judge(camera, joints, distance[start:end], names[start:end]))
        start = end
    return found


def _judge(
    camera: Camera, joints: Joints, distance: Array, names: Sequence[str | None]
) -> list[str]:
    """Why joints are seen or not, from how far away and what is the first thing on the way."""
    seen = camera.view(joints.places)
    inside = camera.holds(seen)
    before = np.linalg.norm(seen, axis=1) - distance
    depths = np.broadcast_to(np.asarray(joints.depth, dtype=np.float64), before.shape)
    found = []
    for i, name in enumerate(names):
        owner, _, part = (name or "").partition(".")
        meets = joints.flesh is not None and part in joints.flesh[i]
        tolerance = (MEETING if meets else DEPTHS) * depths[i] + CLOTH
        if not inside[i]:
            found.append(OUTSIDE)
        elif not owner or before[i] <= (tolerance if owner == joints.person else 0.0):
            found.append(VISIBLE)
        else:
            causes = {joints.person: SELF, "vehicle": VEHICLE, "object": OBJECT}
            found.append(causes.get(owner, OTHER))
    return found
