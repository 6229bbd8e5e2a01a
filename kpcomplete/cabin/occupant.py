"""Seated people: Anny bodies with clothes and the 33 landmarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin import landmarks
from kpcomplete.cabin.clothes import Outfit, Surface, dress
from kpcomplete.cabin.mesh import Mesh, Triangles, vertex_normals
from kpcomplete.cabin.motion import Posture
from kpcomplete.cabin.rig import Rig, Seat
from kpcomplete.errors import MissingDependencyError

Array = NDArray[np.float64]

#: Body part -> how its bones' names begin.
PARTS = {
    "torso": ("root", "pelvis", "spine", "clavicle", "shoulder"),
    "arm": ("upperarm",),
    "forearm": ("lowerarm",),
    "hand": ("wrist", "metacarpal", "finger"),
    "leg": ("upperleg", "lowerleg"),
    "foot": ("foot", "toe"),
    "neck": ("neck",),
    "head": ("head", "eye"),
}


@dataclass(frozen=True)
class Figure:
    """The shape of a body.

    Attributes:
        phenotype: Anny's shape parameters, each 0..1 (age: 0.33 child, 0.67 young adult).
        outfit: clothes, skin and hair.
    """

    phenotype: Mapping[str, float]
    outfit: Outfit


ADULT = Figure({"gender": 0.0, "age": 0.68, "muscle": 0.45, "weight": 0.5, "height": 0.4}, Outfit())
CHILD = Figure(
    {"gender": 0.6, "age": 0.24, "muscle": 0.5, "weight": 0.5, "height": 0.5},
    Outfit(
        skin=(0.86, 0.66, 0.55),
        hair=(0.30, 0.19, 0.10),
        shirt=(0.72, 0.22, 0.20),
        stripe=(0.86, 0.82, 0.74),
        trousers=(0.20, 0.27, 0.42),
        sleeve=-0.3,
        stripes=14.0,
        long_hair=True,
        seed=7,
    ),
)


@dataclass(frozen=True)
class Body:
    """A person at one moment.

    Attributes:
        skin: the surface without clothes, metres, shape (V, 3).
        dressed: the surface with clothes and hair, metres, shape (V, 3).
        landmarks: the 33 of `landmarks.NAMES`, metres, shape (33, 3).
    """

    skin: Array
    dressed: Array
    landmarks: Array


class Occupant:
    """A person whose posture can be set.

    Args:
        figure: shape and clothes.
        seat: where and how the person sits.

    Attributes:
        triangles: of the surface, shape (F, 3).
        colors: of the dressed surface before lighting, 0..1, shape (V, 3).
        depth: how deep each landmark lies below the skin, metres, shape (33,).
    """

    def __init__(self, figure: Figure, seat: Seat) -> None:
        self.seat, self._model = seat, load_anny().Anny()
        self._shape = dict(figure.phenotype)
        rest = self._model(phenotype_kwargs=self._shape)
        vertices = _numpy(rest["vertices"])
        self._bones = _numpy(rest["rest_bone_poses"])[:, :3, :3]
        self.rig = Rig(
            self._model.bone_labels, self._model.bone_parents, _numpy(rest["rest_bone_heads"])
        )
        self.triangles: Triangles = self._model.faces.numpy().astype(np.int32)
        self._regressor = load_anny().KeypointsRegressor.coco(self._model)
        points = self._landmarks(rest, self.rig.heads)
        self.depth: Array = np.linalg.norm(
            points[:, None] - vertices[None, outer(self._model)], axis=2
        ).min(axis=1)
        surface = self._surface(vertices, points)
        self.colors, self._thickness = dress(surface, figure.outfit)
        self._parts = _split(surface, self.triangles)

    def pose(self, posture: Posture, seat: Seat | None = None) -> Body:
        """The body in a posture, sitting in its seat, or in the seat as it is now."""
        import torch

        seat = seat or self.seat
        turns = self.rig.solve(posture, seat)
        poses = np.tile(np.eye(4), (1, len(turns), 1, 1))
        poses[0, :, :3, :3] = turns @ self._bones
        poses[0, 0, :3, 3] = seat.hip
        with torch.no_grad():
            posed = self._model(
                torch.as_tensor(poses, dtype=self._model.dtype),
                phenotype_kwargs=self._shape,
                pose_parameterization="world-orient",
            )
        skin = _numpy(posed["vertices"])
        normals = vertex_normals(skin, self.triangles)
        heads = _numpy(posed["bone_poses"])[:, :3, 3]
        dressed = skin + normals * self._thickness[:, None]
        return Body(skin, dressed, self._landmarks(posed, heads))

    def mesh(self, body: Body) -> Mesh:
        """The dressed body, not yet lit."""
        return Mesh(body.dressed, self.triangles, self.colors)

    def parts(self, body: Body) -> dict[str, Mesh]:
        """The dressed body cut into its `PARTS`, limbs by side: "torso", "arm.L", "arm.R"."""
        return {
            name: Mesh(body.dressed, triangles, self.colors)
            for name, triangles in self._parts.items()
        }

    def _landmarks(self, output: Mapping[str, Any], heads: Array) -> Array:
        vertices = _numpy(output["vertices"])
        coco = dict(zip(self._regressor.labels, _numpy(self._regressor(output)), strict=True))
        points = {name: coco[label] for name, label in landmarks.REGRESSED.items()}
        points |= {name: heads[self.rig.index[bone]] for name, bone in landmarks.BONES.items()}
        points |= {name: vertices[vertex] for name, vertex in landmarks.VERTICES.items()}
        return np.stack([points[name] for name in landmarks.NAMES])

    def _surface(self, vertices: Array, points: Array) -> Surface:
        """What the tailor has to know of the body at rest."""
        owner = np.array([_part(name) for name in self.rig.names])[self._model.vertex_bone_indices]
        share = self._model.vertex_bone_weights.numpy().astype(np.float64)
        along = np.zeros(len(vertices))
        for side in ("L", "R"):
            elbow, wrist = self.rig.rest(f"lowerarm01.{side}"), self.rig.rest(f"wrist.{side}")
            shoulder = self.rig.rest(f"upperarm01.{side}")
            mine = np.sign(vertices[:, 0]) == np.sign(elbow[0])
            lower = (vertices - elbow) @ (wrist - elbow) / np.sum((wrist - elbow) ** 2)
            upper = (vertices - elbow) @ (elbow - shoulder) / np.sum((elbow - shoulder) ** 2)
            along = np.where(mine, np.where(lower > 0.0, lower, np.minimum(upper, 0.0)), along)
        return Surface(
            vertices,
            {part: (share * (owner == part)).sum(axis=1) for part in PARTS},
            _labelled(self._model, ["eye_front.L", "eye_front.R"]),
            along,
            dict(zip(landmarks.NAMES, points, strict=True)),
        )


def _split(surface: Surface, triangles: Triangles) -> dict[str, Triangles]:
    """Triangles of each part of the body, limbs by side."""
    names = list(surface.weights)
    owner = np.argmax([surface.weights[name] for name in names], axis=0)[triangles[:, 0]]
    left = surface.vertices[triangles[:, 0], 0] > 0.0
    parts: dict[str, Triangles] = {}
    for i, name in enumerate(names):
        sides = {"": owner == i}
        if name not in ("torso", "neck", "head"):
            sides = {".L": (owner == i) & left, ".R": (owner == i) & ~left}
        parts |= {name + side: triangles[mine] for side, mine in sides.items()}
    return parts


def _part(bone: str) -> str:
    return next(part for part, starts in PARTS.items() if bone.startswith(starts))


def _numpy(tensor: Any) -> Array:
    array: Array = tensor[0].detach().numpy().astype(np.float64)
    return array


def _labelled(model: Any, labels: list[str]) -> NDArray[np.bool_]:
    """Which vertices belong to the named areas of Anny's map of body parts, shape (V,)."""
    from anny.face_segmentation import get_face_segmentation_mask

    mask = np.zeros(len(model.template_vertices), dtype=bool)
    faces = get_face_segmentation_mask(model, labels).numpy()
    mask[np.unique(model.faces.numpy()[faces])] = True
    return mask


def outer(model: Any) -> NDArray[np.bool_]:
    """Which vertices are on the outside: eye sockets, mouth and tongue are not."""
    inside = _labelled(model, ["mouth_cavity", "tongue", "eye_cavity.L", "eye_cavity.R"])
    return np.asarray(~inside)


def load_anny() -> Any:
    """Anny's package.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    try:
        import anny
    except ImportError as error:
        raise MissingDependencyError(
            "simulated people need the package 'anny', which is not installed: "
            "run pip install 'kpcomplete[cabin]'"
        ) from error
    return anny
