"""One frame of some people: the geometry of `kpcomplete.lifter.placing`, in numpy."""

from dataclasses import dataclass

import numpy as np

from kpcomplete.lifter.placing import BELIEVED, BONES, FARTHEST, LEAST, METRES, NECK, SHARP
from kpcomplete.pose import Array
from kpcomplete.single import dot, squared
from kpcomplete.skeleton import CANONICAL, Skeleton

_SKELETON = Skeleton.load(CANONICAL)
_LEFT, _RIGHT = _SKELETON.indices(["left_shoulder", "right_shoulder"])
_SHOULDERS = slice(_LEFT, _RIGHT + 1)  # one follows the other
# of the bones, then of the nose and the right shoulder
_ENDS = np.array(
    [_SKELETON.indices([*ends, last])
     for ends, last in zip(zip(*BONES, strict=True), ("nose", "right_shoulder"), strict=True)]
)  # fmt: skip
_FACTOR = np.array([*(share / length for length, share in BONES.values()), 1 / NECK])
_EYE = np.eye(3)


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """P people in one frame, turned so that they are straight ahead.

    Attributes:
        given: ``[P, J]`` 1 where a place in the image is known.
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
        there = given.astype(np.float64)
        both = given[:, _SHOULDERS].all(axis=1, keepdims=True)
        weight = (there + 1e-6) * ~both
        shoulders = weight[:, _SHOULDERS]
        np.maximum(shoulders, both, out=shoulders)
        rays = rays.astype(np.float64)
        middle = (weight[:, None] @ rays)[:, 0]
        middle /= np.maximum(np.sqrt(squared(middle)), 1e-12)[:, None]
        turn = _toward(middle)
        turned = rays @ turn.swapaxes(1, 2)
        plane = turned[..., :2]
        aside = np.sqrt(squared(plane))
        angle = np.arctan2(aside, turned[..., 2])
        angle *= there
        angle /= np.maximum(aside, 1e-6)
        flat = plane * angle[..., None]
        size = _size(flat, given)
        return cls(given=there, seen=seen, std=std, turn=turn, rays=turned, flat=flat,
                   size=np.maximum(size, LEAST), known=size > LEAST)  # fmt: skip

    def features(self, unit: Array) -> Array:
        """Return what a network sees ``[P, F]``, given radians a body unit ``[P]``."""
        people, joints = self.seen.shape
        out = np.empty((people, 5 * joints + 1), np.float32)
        out[:, : 2 * joints] = self.places(unit).reshape(people, -1)
        out[:, 2 * joints : 3 * joints] = self.given
        out[:, 3 * joints : 4 * joints] = self.seen
        out[:, 4 * joints : -1] = np.minimum(self.std / unit[:, None], 2.0)
        out[:, -1] = np.log(unit) + 1
        return out

    def places(self, unit: Array) -> Array:
        """Return where joints are ``[P, J, 2]`` in body units, given radians a body unit."""
        found: Array = self.flat / unit[:, None, None]
        np.maximum(found, -FARTHEST, out=found)
        return np.minimum(found, FARTHEST, out=found)

    def pose(self, outputs: Array, unit: Array, stature: Array) -> tuple[Array, Array]:
        """Return points ``[P, J, 3]`` and deviations ``[P, J]``, metres, as `placing.pose` does.

        Args:
            outputs: ``[P, O]`` of a network.
            unit: ``[P]`` radians a body unit.
            stature: ``[P]`` logarithm of the body's size over the usual one.
        """
        people, joints = self.seen.shape
        own = outputs[:, : 4 * joints].reshape(people, joints, 4).astype(np.float64)
        doubt = outputs[:, 4 * joints : 5 * joints].astype(np.float64)
        doubt -= BELIEVED
        doubt = np.exp(2 * _between(doubt, -9, 3))
        metres = (METRES * np.exp(stature))[:, None]
        shape = own[..., :3]
        shape[..., :2] += self.places(unit)  # 0 where nothing is given
        shape *= metres[..., None]
        spread = self.std / (SHARP * unit[:, None])
        spread *= spread
        doubt += spread
        doubt += 1
        trust = (self.given / doubt)[..., None]
        far = np.exp(_between(outputs[:, -1], -1.5, 1.5)) * metres[:, 0] / unit
        along = dot(shape, self.rays)
        root = self._root(shape, trust, along, far, unit)
        along += (self.rays @ root[..., None])[..., 0]
        solid = shape + root[:, None]
        solid += trust * (np.maximum(along, 0.05)[..., None] * self.rays - solid)
        return solid @ self.turn, metres * np.exp(_between(own[..., 3], -6, 3))

    def _root(self, shape: Array, trust: Array, along: Array, far: Array, unit: Array) -> Array:
        weighted = (trust * self.rays).swapaxes(1, 2)
        total = trust.sum(axis=(1, 2))
        pull = 0.1 * np.square(unit) * (total + 1)
        matrix = (total + pull)[:, None, None] * _EYE - weighted @ self.rays
        right = weighted @ along[..., None] - shape.swapaxes(1, 2) @ trust
        right[:, 2, 0] += pull * far
        root: Array = np.linalg.solve(matrix, right)[..., 0]
        root[:, 2] = np.maximum(root[:, 2], 0.1)  # nobody sits behind the camera
        return root


def _between(values: Array, low: float, high: float) -> Array:
    """Return what `numpy.clip` does, in a fifth of its time."""
    return np.minimum(np.maximum(values, low), high)


def _toward(middle: Array) -> Array:
    """Return the smallest rotations ``[P, 3, 3]`` that bring unit vectors to z."""
    x, y, z = middle.T
    w = 1 / np.maximum(1 + z, 1e-3)
    turn = np.empty((len(middle), 3, 3))
    turn[:, 2] = middle
    turn[:, 0, 1] = turn[:, 1, 0] = -x * y * w
    turn[:, 0, 0], turn[:, 1, 1] = 1 - x * x * w, 1 - y * y * w
    turn[:, 0, 2], turn[:, 1, 2] = -x, -y
    return turn


def _size(flat: Array, given: Array) -> Array:
    """Return radians a body unit ``[P]``; 0 where nothing tells it."""
    places = flat.take(_ENDS, axis=1)  # [P, 2, bones, 2]
    places[:, 1, -1] += flat[:, _LEFT]  # of the neck, twice the middle of the shoulders
    places[:, 1, -1] /= 2
    lines = np.sqrt(squared(places[:, 0] - places[:, 1]))
    lines *= _FACTOR
    ends = given.take(_ENDS, axis=1)
    told = ends[:, 0] & ends[:, 1]
    told[:, -1] &= given[:, _LEFT]
    lines *= told
    size: Array = lines.max(axis=1)
    return size
