"""Meshes, pictures and words: all that a scene is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kpcomplete.cabin.mesh import Triangles, vertex_normals
from kpcomplete.pose import Array

RGB = tuple[float, float, float]  # 0..1


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Triangles with a colour and an opacity a vertex.

    Attributes:
        vertices: ``[V, 3]`` float64 metres in the world: x left, y back, z up, as in the car.
        triangles: ``[F, 3]`` int32 vertices, counter-clockwise from outside.
        colours: ``[V, 4]`` float32 red, green, blue, opacity in 0..1, before lighting.
        lit: Light falls on it; else its colours are shown as they are.
    """

    vertices: Array
    triangles: Triangles
    colours: Array
    lit: bool = True

    def moved(self, shift: Sequence[float] | Array) -> "Mesh":
        """Return the mesh shifted by ``[3]`` metres."""
        return replace(self, vertices=self.vertices + np.asarray(shift))

    def normals(self) -> Array:
        """Return unit normals ``[V, 3]``."""
        return vertex_normals(self.vertices, self.triangles)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """An image in space.

    Attributes:
        corners: ``[4, 3]`` metres: upper left, upper right, lower right, lower left.
        image: ``[H, W, 3]`` uint8, red, green, blue.
    """

    corners: Array
    image: Array

    def moved(self, shift: Sequence[float] | Array) -> "Picture":
        """Return the picture shifted by ``[3]`` metres."""
        return replace(self, corners=self.corners + np.asarray(shift))


@dataclass(frozen=True, kw_only=True, eq=False)
class Label:
    """A word at a place; it faces whoever looks, and is never hidden.

    Attributes:
        text: One line.
        place: ``[3]`` metres.
        colour: Of the letters.
        layer: With which it comes and goes.
    """

    text: str
    place: Array
    colour: RGB = (0.92, 0.92, 0.92)
    layer: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One moment. Parts that do not change are the same objects from moment to moment.

    Attributes:
        meshes: Name of a layer to what is in it.
        pictures: Likewise.
        labels: Words in it.
        caption: What is to be known of the moment, in a line.
        legend: Words and their colours.
        progress: How far through the show it is, 0..1.
        width: How many times as far away as usual one must stand to see all of it.
    """

    meshes: Mapping[str, Mesh] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    labels: Sequence[Label] = ()
    caption: str = ""
    legend: Sequence[tuple[str, RGB]] = ()
    progress: float = 0.0
    width: float = 1.0

    def without(self, layers: frozenset[str]) -> "Scene":
        """Return the scene without some layers; that of a seat or a mesh is also its label's."""
        return replace(
            self,
            meshes={name: mesh for name, mesh in self.meshes.items() if name not in layers},
            pictures={name: one for name, one in self.pictures.items() if name not in layers},
            labels=() if "names" in layers else self.labels,
        )


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """Return several meshes as one; an empty one of none."""
    if not meshes:
        return Mesh(
            vertices=np.zeros((0, 3)),
            triangles=np.zeros((0, 3), np.int32),
            colours=np.zeros((0, 4), np.float32),
        )
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        triangles=np.concatenate(
            [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
        ).astype(np.int32),
        colours=np.concatenate([mesh.colours for mesh in meshes]),
        lit=meshes[0].lit,
    )
