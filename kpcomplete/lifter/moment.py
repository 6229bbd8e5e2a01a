"""One frame of some people: the geometry of `kpcomplete.lifter.placing`, in numpy."""

from dataclasses import dataclass

import numpy as np

from kpcomplete.lifter.placing import BELIEVED, BONES, FARTHEST, LEAST, METRES, NECK, SHARP
from kpcomplete.pose import Array
from kpcomplete.single import dot, squared
from kpcomplete.skeleton import CANONICAL, Skeleton

_SKELETON = Skeleton.load(CANONICAL)
_SHOULDERS = _SKELETON.indices(["left_shoulder", "right_shoulder"])
_NOSE = _SKELETON.index("nose")
_FIRST, _SECOND = (_SKELETON.indices(ends) for ends in zip(*BONES, strict=True))
_FACTOR = np.array([share / length for length, share in BONES.values()])


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """P people in one frame, turned so that they are straight ahead.

    Attributes:
        given: ``[P, J, 1]`` 1 where a place in the image is known.
        seen: ``[P, J]`` the detector saw the joint.
        std: ``[P, J]`` of the place in the image, radians.
        turn: ``[P, 3, 3]`` see `kpcomplete.lifter.placing.Placing`.
        rays: ``[P, J, 3]`` turned.
        flat: ``[P, J, 2]`` radians from the middle, right and down; 0 where not given.
        size: ``[P]`` radians that a body unit spans, as far as this frame tells.
        known: ``[P]`` whether it does.
    """

    given: Array
    seen: Array
    std: Array
    turn: Array
    rays: Array
    flat: Array
    size: Array
    known: Array

    @classmethod
    def of(cls, rays: Array, given: Array, seen: Array, std: Array) -> "Moment":
        """Find the people; all ``[P, J]``, rays ``[P, J, 3]``, as `Sight` has them."""
        there = given[..., None].astype(np.float64)
        both = there[:, _SHOULDERS].min(axis=1, keepdims=True)
        weight = np.where(both > 0, 0.0, there + 1e-6)
        weight[:, _SHOULDERS] = np.maximum(both, weight[:, _SHOULDERS])
        middle = (weight * rays).sum(axis=1)
        middle /= np.maximum(np.sqrt(squared(middle)), 1e-12)[:, None]
        turn = _toward(middle)
        turned = rays @ turn.swapaxes(1, 2)
        plane = turned[..., :2]
        aside = np.sqrt(squared(plane))
        angle = np.arctan2(aside, turned[..., 2]) / np.maximum(aside, 1e-6)
        flat = plane * angle[..., None] * there
        size = _size(flat, given)
        return cls(given=there, seen=seen, std=std, turn=turn, rays=turned, flat=flat,
                   size=np.maximum(size, LEAST), known=size > LEAST)  # fmt: skip

    def features(self, unit: Array) -> Array:
        """Return what a network sees ``[P, F]``, given radians a body unit ``[P]``."""
        people, joints = self.seen.shape
        out = np.empty((people, 5 * joints + 1), np.float32)
        places = self.flat / unit[:, None, None]
        out[:, : 2 * joints] = np.clip(places, -FARTHEST, FARTHEST).reshape(people, -1)
        out[:, 2 * joints : 3 * joints] = self.given[..., 0]
        out[:, 3 * joints : 4 * joints] = self.seen
        out[:, 4 * joints : -1] = np.minimum(self.std / unit[:, None], 2.0)
        out[:, -1] = np.log(unit) + 1
        return out

    def pose(self, outputs: Array, unit: Array, stature: Array) -> tuple[Array, Array]:
        """Return points ``[P, J, 3]`` and deviations ``[P, J]``, metres, as `placing.pose` does.

        Args:
            outputs: ``[P, O]`` of a network.
            unit: ``[P]`` radians a body unit.
            stature: ``[P]`` logarithm of the body's size over the usual one.
        """
        people, joints = self.seen.shape
        own = outputs[:, : 4 * joints].reshape(people, joints, 4).astype(np.float64)
        doubt = outputs[:, 4 * joints : 5 * joints].astype(np.float64) - BELIEVED
        metres = (METRES * np.exp(stature))[:, None]
        shape = own[..., :3].copy()
        places = np.clip(self.flat / unit[:, None, None], -FARTHEST, FARTHEST)
        shape[..., :2] += places * self.given
        shape *= metres[..., None]
        spread = np.square(self.std / unit[:, None]) / SHARP**2
        trust = self.given / (1 + spread + np.exp(2 * np.clip(doubt, -9, 3)))[..., None]
        far = np.exp(np.clip(outputs[:, -1], -1.5, 1.5)) * metres[:, 0] / unit
        solid = shape + self._root(shape, trust, far, unit)[:, None]
        along = np.maximum(dot(solid, self.rays)[..., None], 0.05)
        solid += trust * (along * self.rays - solid)
        return solid @ self.turn, metres * np.exp(np.clip(own[..., 3], -6, 3))

    def _root(self, shape: Array, trust: Array, far: Array, unit: Array) -> Array:
        weighted = trust * self.rays
        total = trust.sum(axis=(1, 2))
        pull = 0.1 * np.square(unit) * (total + 1)
        matrix = (total + pull)[:, None, None] * np.eye(3) - weighted.swapaxes(1, 2) @ self.rays
        along = dot(shape, self.rays)[..., None]
        right = (weighted * along).sum(axis=1) - (trust * shape).sum(axis=1)
        right[:, 2] += pull * far
        root: Array = np.linalg.solve(matrix, right[..., None])[..., 0]
        root[:, 2] = np.maximum(root[:, 2], 0.1)  # nobody sits behind the camera
        return root


def _toward(middle: Array) -> Array:
    """Return the smallest rotations ``[P, 3, 3]`` that bring unit vectors to z."""
    x, y, z = middle.T
    w = 1 / np.maximum(1 + z, 1e-3)
    across = -x * y * w
    rows = [1 - x * x * w, across, -x, across, 1 - y * y * w, -y, x, y, z]
    turn: Array = np.stack(rows, axis=-1).reshape(-1, 3, 3)
    return turn


def _size(flat: Array, given: Array) -> Array:
    """Return radians a body unit ``[P]``; 0 where nothing tells it."""
    left, right = _SHOULDERS
    line = flat[:, _FIRST] - flat[:, _SECOND]
    bones = np.sqrt(squared(line)) * _FACTOR
    bones *= given[:, _FIRST] & given[:, _SECOND]
    head = flat[:, _NOSE] - (flat[:, left] + flat[:, right]) / 2
    length = np.sqrt(squared(head)) / NECK
    length *= given[:, _NOSE] & given[:, left] & given[:, right]
    size: Array = np.maximum(bones.max(axis=1), length)
    return size
