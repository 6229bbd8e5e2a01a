"""The 33 landmarks of posed bodies without their surfaces: hundreds of frames a second."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin import landmarks
from kpcomplete.cabin.motion import Posture, stack
from kpcomplete.cabin.occupant import anny_model, landmark_means, outer, skin_weights
from kpcomplete.cabin.padding import Padding, Tailor
from kpcomplete.cabin.rig import Rig, Seat

Array = NDArray[np.float64]


class Wardrobe:
    """Makes puppets of any shape; what all bodies share is computed once.

    A landmark is a mean of vertices, and skinning moves a vertex by a mean of its bones'
    movements. Both are linear, so a landmark moves by a mean of bones' movements as well, exactly.
    """

    def __init__(self) -> None:
        self._model = anny_model()
        self.names = list(self._model.bone_labels)
        self._vertices = landmark_means().toarray()
        self._skin = skin_weights().toarray()
        self._share = self._vertices @ self._skin
        self._tailor = Tailor(
            self.names, self._skin, self._model.faces.numpy().astype(np.int32), outer(self._model)
        )
        for name, bone in landmarks.BONES.items():
            self._share[landmarks.NAMES.index(name), self.names.index(bone)] = 1.0

    def stature(self, phenotype: Mapping[str, float]) -> float:
        """From head to toe, metres."""
        return float(np.ptp(self._rest(phenotype)[0][:, 2]))

    def _rest(self, phenotype: Mapping[str, float]) -> tuple[Array, Array]:
        """Skin, (V, 3), and beginnings of bones, (B, 3), at rest, metres."""
        import torch

        with torch.no_grad():
            rest = self._model(phenotype_kwargs=dict(phenotype))
        vertices, heads = (
            rest[key][0].numpy().astype(np.float64) for key in ("rest_vertices", "rest_bone_heads")
        )
        return vertices, heads

    def puppet(self, phenotype: Mapping[str, float]) -> "Puppet":
        """A body of some shape, see `occupant.Figure`."""
        vertices, heads = self._rest(phenotype)
        arms = np.stack(
            [(self._vertices * vertices[:, axis]) @ self._skin for axis in range(3)], axis=2
        )
        on_skin = self._vertices.any(axis=1)[:, None, None]
        arms -= np.where(on_skin, self._share[..., None] * heads, 0.0)
        height = float(np.ptp(vertices[:, 2]))
        places = self._vertices @ vertices
        places += np.where(on_skin[..., 0], 0.0, self._share @ heads)
        padding = self._tailor.fit(vertices, heads, dict(zip(landmarks.NAMES, places, strict=True)))
        rig = Rig(self.names, self._model.bone_parents, heads)
        return Puppet(rig, self._share, arms, height, padding)


class Puppet:
    """A body that has bones and landmarks only.

    Args:
        rig: its bones.
        share: how much each landmark moves with each bone, rows add up to 1, shape (33, B).
        arms: from each bone's beginning to the landmark at rest, times that share, metres,
            shape (33, B, 3).
        height: from head to toe, metres.
        padding: what of it hides things.
    """

    def __init__(
        self, rig: Rig, share: Array, arms: Array, height: float, padding: Padding
    ) -> None:
        self.rig, self.height, self.padding = rig, height, padding
        self._share, self._arms = share, arms

    def length(self, *names: str) -> float:
        """Length of a chain of bones' beginnings at rest, metres."""
        points = np.stack([self.rig.rest(name) for name in names])
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())

    def landmarks(self, postures: Sequence[Posture], seats: Sequence[Seat]) -> Array:
        """The landmarks in each of T postures, metres in the vehicle frame, shape (T, 33, 3).

        Args:
            postures: the person's, shape (T,).
            seats: how the person sits in each, shape (T,).
        """
        return self.follow(*self.pose(postures, seats))

    def follow(self, turns: Array, heads: Array) -> Array:
        """The landmarks, metres, shape (T, 33, 3), from what `pose` returns."""
        moved: Array = np.einsum("kb,tbd->tkd", self._share, heads)
        moved += np.einsum("tbde,kbe->tkd", turns, self._arms, optimize=True)
        return moved

    def pose(self, postures: Sequence[Posture], seats: Sequence[Seat]) -> tuple[Array, Array]:
        """Rotations of the bones away from rest, (T, B, 3, 3), and where they begin, (T, B, 3)."""
        seat = stack(seats)
        turns = self.rig.solve(stack(postures), seat)
        return turns, self.rig.place(turns, seat.hip)
