"""Which joints a camera sees, and what hides the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.mesh import Mesh

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


class Scene:
    """Meshes that rays can hit, each with a name.

    Args:
        meshes: name -> mesh; a part of something is called WHOLE.PART ("vehicle.wheel").

    Attributes:
        rays: the `open3d.t.geometry.RaycastingScene`, which also casts shadows.
    """

    def __init__(self, meshes: Mapping[str, Mesh]) -> None:
        import open3d

        o3d: Any = open3d
        self.rays: Any = o3d.t.geometry.RaycastingScene()
        self.names: dict[int, str] = {}
        for name, mesh in meshes.items():
            vertices = o3d.core.Tensor(np.ascontiguousarray(mesh.vertices, dtype=np.float32))
            triangles = o3d.core.Tensor(np.ascontiguousarray(mesh.triangles, dtype=np.uint32))
            self.names[int(self.rays.add_triangles(vertices, triangles))] = name

    def first(self, origin: Array, targets: Array) -> tuple[Array, list[str | None]]:
        """First thing between an origin and each target.

        Args:
            origin: metres, shape (3,).
            targets: metres, shape (J, 3).

        Returns:
            Distance of the first hit from the origin, metres, infinite without one, shape (J,);
            and the names of what was hit.
        """
        ways = targets - origin
        rays = np.concatenate([np.broadcast_to(origin, ways.shape), ways], axis=1)
        hits = self.rays.cast_rays(rays.astype(np.float32))
        distance = hits["t_hit"].numpy() * np.linalg.norm(ways, axis=1)
        names = [self.names.get(int(owner)) for owner in hits["geometry_ids"].numpy()]
        return distance, names

    def meets(self, rays: Array) -> NDArray[np.bool_]:
        """Whether rays, origin and direction, shape (N, 6), hit anything, shape (N,)."""
        met: NDArray[np.bool_] = self.rays.test_occlusions(rays.astype(np.float32)).numpy()
        return met


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


def causes(
    scene: Scene | Layers,
    camera: Camera,
    person: str,
    joints: Array,
    depth: ArrayLike,
    flesh: Sequence[Sequence[str]] | None = None,
) -> list[str]:
    """Why each joint of a person is seen or not.

    Args:
        scene: everything that hides. Names say whose it is: the person's own body is `person` or
            `person.PART`, the vehicle `vehicle` or `vehicle.PART`, a thing `object.WHAT`, and all
            else is other people.
        camera: that looks.
        person: name of the person in the scene.
        joints: in the vehicle frame, metres, shape (J, 3).
        depth: how deep each joint lies below the skin, metres, shape (J,) or one for all.
        flesh: parts of the body that meet at each joint, shape (J,) of any lengths.

    Returns:
        One of `CAUSES` a joint.
    """
    seen = camera.view(joints)
    inside = camera.holds(seen)
    distance, names = scene.first(camera.center, joints)
    before = np.linalg.norm(seen, axis=1) - distance
    depths = np.broadcast_to(np.asarray(depth, dtype=np.float64), before.shape)
    found = []
    for i, name in enumerate(names):
        owner, _, part = (name or "").partition(".")
        meets = flesh is not None and part in flesh[i]
        tolerance = (MEETING if meets else DEPTHS) * depths[i] + CLOTH
        if not inside[i]:
            found.append(OUTSIDE)
        elif not owner or before[i] <= (tolerance if owner == person else 0.0):
            found.append(VISIBLE)
        else:
            found.append({person: SELF, "vehicle": VEHICLE, "object": OBJECT}.get(owner, OTHER))
    return found
