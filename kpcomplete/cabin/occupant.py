"""Seated people: Anny bodies with clothes and the 33 landmarks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from kpcomplete.cabin import headwear, landmarks
from kpcomplete.cabin.clothes import Outfit, Surface, dress
from kpcomplete.cabin.mesh import Mesh, Triangles, merge, vertex_normals
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
        worn: of `Occupant.worn`, metres, shape (W, 3).
    """

    skin: Array
    dressed: Array
    landmarks: Array
    worn: Array


class Occupant:
    """A person whose posture can be set.

    Args:
        figure: shape and clothes.
        seat: where and how the person sits.

    Attributes:
        triangles: of the surface, shape (F, 3).
        colors: of the dressed surface before lighting, 0..1, shape (V, 3).
        depth: how deep each landmark lies below the skin, metres, shape (33,).
        worn: what stands off the head, at rest, if anything.
    """

    def __init__(self, figure: Figure, seat: Seat) -> None:
        self.seat, self._model = seat, anny_model()
        rest = self._model(phenotype_kwargs=dict(figure.phenotype))
        self._rest = vertices = _numpy(rest["rest_vertices"])
        self._weights = skin_weights()
        self.rig = Rig(
            self._model.bone_labels, self._model.bone_parents, _numpy(rest["rest_bone_heads"])
        )
        self.triangles: Triangles = self._model.faces.numpy().astype(np.int32)
        self._means = landmark_means()
        points = self._landmarks(vertices, self.rig.heads)
        self.depth: Array = KDTree(vertices[outer(self._model)]).query(points)[0]
        surface = self._surface(vertices, points)
        self.colors, self._thickness = dress(surface, figure.outfit)
        headwear.cover(self.colors, self._thickness, surface, figure.outfit)
        self.worn: Mesh | None = headwear.worn(surface, figure.outfit)
        self._parts = _split(surface, self.triangles)

    def pose(self, posture: Posture, seat: Seat | None = None) -> Body:
        """The body in a posture, sitting in its seat, or in the seat as it is now."""
        seat = seat or self.seat
        turns = self.rig.solve(posture, seat)
        heads = self.rig.place(turns, seat.hip)
        away = heads - (turns @ self.rig.heads[..., None])[..., 0]
        moves = np.concatenate([turns, away[..., None]], axis=2).reshape(len(turns), 12)
        blended = (self._weights @ moves).reshape(-1, 3, 4)
        skin = np.einsum("vij,vj->vi", blended[..., :3], self._rest) + blended[..., 3]
        dressed = skin + vertex_normals(skin, self.triangles) * self._thickness[:, None]
        return Body(skin, dressed, self._landmarks(skin, heads), self._wear(turns, heads))

    def _wear(self, turns: Array, heads: Array) -> Array:
        """Where what stands off the head is, metres, shape (W, 3)."""
        if self.worn is None:
            return np.zeros((0, 3))
        head = self.rig.index["head"]
        placed: Array = (self.worn.vertices - self.rig.heads[head]) @ turns[head].T + heads[head]
        return placed

    def mesh(self, body: Body) -> Mesh:
        """The dressed body and what it wears, not yet lit."""
        whole = Mesh(body.dressed, self.triangles, self.colors)
        if self.worn is None:
            return whole
        return merge([whole, replace(self.worn, vertices=body.worn)])

    def parts(self, body: Body) -> dict[str, Mesh]:
        """The dressed body cut into its `PARTS`, limbs by side: "torso", "arm.L", "arm.R".

        What it wears on the head is a part "worn".
        """
        parts = {
            name: Mesh(body.dressed, triangles, self.colors)
            for name, triangles in self._parts.items()
        }
        worn = {} if self.worn is None else {"worn": replace(self.worn, vertices=body.worn)}
        return parts | worn

    def _landmarks(self, vertices: Array, heads: Array) -> Array:
        points: Array = self._means @ vertices
        for name, bone in landmarks.BONES.items():
            points[landmarks.NAMES.index(name)] = heads[self.rig.index[bone]]
        return points

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
            _labelled(self._model, ("eye_front.L", "eye_front.R")),
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


@cache
def _labelled(model: Any, labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which vertices belong to the named areas of Anny's map of body parts, shape (V,)."""
    from anny.face_segmentation import get_face_segmentation_mask

    mask = np.zeros(len(model.template_vertices), dtype=bool)
    faces = get_face_segmentation_mask(model, list(labels)).numpy()
    mask[np.unique(model.faces.numpy()[faces])] = True
    return mask


@cache
def outer(model: Any) -> NDArray[np.bool_]:
    """Which vertices are on the outside: eye sockets, mouth and tongue are not."""
    inside = _labelled(model, ("mouth_cavity", "tongue", "eye_cavity.L", "eye_cavity.R"))
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


@cache
def anny_model() -> Any:
    """Anny itself, loaded once: it does not change.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    return load_anny().Anny(skinning_method="lbs")


@cache
def skin_weights() -> csr_array:
    """How much each vertex moves with each bone, shape (V, B)."""
    return csr_array(anny_model().dense_vertex_bone_weights.numpy().astype(np.float64))


@cache
def landmark_means() -> csr_array:
    """Of which vertices each landmark is the mean, shape (33, V); 0 for those of bones."""
    model = anny_model()
    regressor = load_anny().KeypointsRegressor.coco(model)
    means = np.zeros((len(landmarks.NAMES), len(model.template_vertices)))
    weights = regressor.regression_weights.numpy()
    for name, label in landmarks.REGRESSED.items():
        means[landmarks.NAMES.index(name)] = weights[regressor.labels.index(label)]
    for name, vertex in landmarks.VERTICES.items():
        means[landmarks.NAMES.index(name), vertex] = 1.0
    return csr_array(means)
