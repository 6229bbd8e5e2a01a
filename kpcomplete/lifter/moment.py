"""One frame of some people: the geometry of `kpcomplete.lifter.placing`, compiled."""

import math
from dataclasses import dataclass

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.lifter.mounted import in_car
from kpcomplete.lifter.placing import BELIEVED, BONES, FARTHEST, LEAST, METRES, NECK, SHARP
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

_SKELETON = Skeleton.load(CANONICAL)
_NOSE, _LEFT, _RIGHT = _SKELETON.indices(["nose", "left_shoulder", "right_shoulder"])
_ENDS = np.array([_SKELETON.indices(ends) for ends in zip(*BONES, strict=True)])
_FACTOR = np.array([share / length for length, share in BONES.values()])


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """P people in one frame, turned so that they are straight ahead.

    Attributes:
        given: ``[P, J]`` a place in the image is known.
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
        turn, turned, flat, size = _found(rays, given)
        return cls(given=given, seen=seen, std=std, turn=turn, rays=turned, flat=flat,
                   size=np.maximum(size, LEAST), known=size > LEAST)  # fmt: skip

    def features(self, unit: Array, mounting: Array) -> Array:
        """Return what a network sees ``[P, F]``.

        Args:
            unit: ``[P]`` radians a body unit.
            mounting: ``[P, 3, 4]`` float32, see `kpcomplete.lifter.sight.Sight`.
        """
        person = _features(self.flat, self.given, self.seen, self.std, unit)
        found: Array = np.concatenate([person, in_car(mounting, self.turn, unit)], axis=1)
        return found

    def pose(self, outputs: Array, unit: Array, stature: Array) -> tuple[Array, Array]:
        """Return points ``[P, J, 3]`` and deviations ``[P, J]``, metres, as `placing.pose` does.

        Args:
            outputs: ``[P, O]`` of a network.
            unit: ``[P]`` radians a body unit.
            stature: ``[P]`` logarithm of the body's size over the usual one.
        """
        points, std = _pose(
            outputs, unit, stature, self.given, self.std, self.flat, self.rays, self.turn
        )
        return points, std


@compiled("Tuple((f8[:, :, ::1], f8[:, :, ::1], f8[:, :, ::1], f8[::1]))(f4[:, :, ::1],"
          " b1[:, ::1])")  # fmt: skip
def _found(rays: Array, given: Array) -> tuple[Array, Array, Array, Array]:
    people, joints = given.shape
    turn, turned = np.empty((people, 3, 3)), np.empty((people, joints, 3))
    flat, size = np.empty((people, joints, 2)), np.empty(people)
    for person in range(people):
        rotation = turn[person]
        _toward(rays[person], given[person], rotation)
        for joint in range(joints):
            ray, straight = rays[person, joint], turned[person, joint]
            for i in range(3):
                straight[i] = 0.0
                for k in range(3):
                    straight[i] += rotation[i, k] * ray[k]
            aside = math.sqrt(straight[0] * straight[0] + straight[1] * straight[1])
            angle = math.atan2(aside, straight[2]) / max(aside, 1e-6)
            for axis in range(2):
                flat[person, joint, axis] = straight[axis] * angle if given[person, joint] else 0.0
        size[person] = _size(flat[person], given[person])
    return turn, turned, flat, size


@compiled()
def _toward(rays: Array, given: Array, turn: Array) -> None:
    """Write the smallest rotation that brings the middle of the shoulders, or of all, to z."""
    x = y = z = 0.0
    both = given[_LEFT] and given[_RIGHT]
    for joint in range(len(rays)):
        weight = 1e-6 + given[joint]
        if both:
            weight = 1.0 if joint in (_LEFT, _RIGHT) else 0.0
        x += weight * rays[joint, 0]
        y += weight * rays[joint, 1]
        z += weight * rays[joint, 2]
    length = max(math.sqrt(x * x + y * y + z * z), 1e-12)
    x, y, z = x / length, y / length, z / length
    w = 1 / max(1 + z, 1e-3)
    turn[0, 0], turn[0, 1], turn[0, 2] = 1 - x * x * w, -x * y * w, -x
    turn[1, 0], turn[1, 1], turn[1, 2] = -x * y * w, 1 - y * y * w, -y
    turn[2, 0], turn[2, 1], turn[2, 2] = x, y, z


@compiled()
def _size(flat: Array, given: Array) -> float:
    """Return radians a body unit; 0 where nothing tells it."""
    size = 0.0
    for number in range(len(_FACTOR)):
        first, second = _ENDS[0, number], _ENDS[1, number]
        if given[first] and given[second]:
            x, y = flat[first, 0] - flat[second, 0], flat[first, 1] - flat[second, 1]
            size = max(size, _FACTOR[number] * math.sqrt(x * x + y * y))
    if given[_NOSE] and given[_LEFT] and given[_RIGHT]:
        x = flat[_NOSE, 0] - (flat[_LEFT, 0] + flat[_RIGHT, 0]) / 2
        y = flat[_NOSE, 1] - (flat[_LEFT, 1] + flat[_RIGHT, 1]) / 2
        size = max(size, math.sqrt(x * x + y * y) / NECK)
    return size


@compiled("f4[:, ::1](f8[:, :, ::1], b1[:, ::1], b1[:, ::1], f4[:, ::1], f8[::1])")
def _features(flat: Array, given: Array, seen: Array, std: Array, unit: Array) -> Array:
    people, joints = seen.shape
    out = np.empty((people, 5 * joints + 1), np.float32)
    for person in range(people):
        row = out[person]
        for joint in range(joints):
            for axis in range(2):
                row[2 * joint + axis] = _near(flat[person, joint, axis] / unit[person])
            row[2 * joints + joint] = given[person, joint]
            row[3 * joints + joint] = seen[person, joint]
            row[4 * joints + joint] = min(std[person, joint] / unit[person], 2.0)
        row[5 * joints] = math.log(unit[person]) + 1
    return out


@compiled()
def _near(place: float) -> float:
    """Return a place in body units, no farther away than is told apart."""
    return min(max(place, -FARTHEST), FARTHEST)


@compiled("Tuple((f8[:, :, ::1], f8[:, ::1]))(f4[:, ::1], f8[::1], f8[::1], b1[:, ::1],"
          " f4[:, ::1], f8[:, :, ::1], f8[:, :, ::1], f8[:, :, ::1])")  # fmt: skip
def _pose(
    outputs: Array, unit: Array, stature: Array, given: Array, std: Array, flat: Array,
    rays: Array, turn: Array,
) -> tuple[Array, Array]:  # fmt: skip
    people, joints = given.shape
    points, deviation = np.empty((people, joints, 3)), np.empty((people, joints))
    shape, trust, root = np.empty((joints, 3)), np.empty(joints), np.empty(3)
    for person in range(people):
        said, width = outputs[person], unit[person]  # times 1.0: in double precision
        metres = METRES * math.exp(stature[person])
        for joint in range(joints):
            for i in range(3):
                place = _near(flat[person, joint, i] / width) if i < 2 else 0.0
                shape[joint, i] = (said[4 * joint + i] + place) * metres
            spread = _within(1.0 * said[4 * joint + 3], -6.0, 3.0)
            deviation[person, joint] = metres * math.exp(spread)
            doubt = _within(said[4 * joints + joint] - BELIEVED, -9.0, 3.0)
            away = std[person, joint] / (SHARP * width)
            doubt = math.exp(2 * doubt) + away * away + 1
            trust[joint] = given[person, joint] / doubt
        far = math.exp(_within(1.0 * said[len(said) - 1], -1.5, 1.5)) * metres / width
        _root(shape, trust, rays[person], far, width, root)
        _place(shape, trust, rays[person], root, turn[person], points[person])
    return points, deviation


@compiled()
def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@compiled()
def _root(shape: Array, trust: Array, rays: Array, far: float, unit: float, root: Array) -> None:
    """Write where the root is for joints to be nearest to their rays, see `placing`."""
    matrix, right, total = np.zeros((3, 3)), np.zeros(3), 0.0
    for joint in range(len(trust)):
        total += trust[joint]
        along = 0.0
        for i in range(3):
            along += shape[joint, i] * rays[joint, i]
        for i in range(3):
            right[i] += trust[joint] * (rays[joint, i] * along - shape[joint, i])
            for k in range(3):
                matrix[i, k] -= trust[joint] * rays[joint, i] * rays[joint, k]
    pull = 0.1 * unit * unit * (total + 1)
    for i in range(3):
        matrix[i, i] += total + pull
    right[2] += pull * far
    _solve(matrix, right, root)
    root[2] = max(root[2], 0.1)  # nobody sits behind the camera


@compiled()
def _solve(matrix: Array, right: Array, out: Array) -> None:
    """Write x of ``matrix @ x = right``, symmetric 3 x 3, by its minors."""
    volume = 0.0
    for i in range(3):
        out[i] = 0.0
    for i in range(3):
        a, b = (i + 1) % 3, (i + 2) % 3
        for k in range(3):
            c, d = (k + 1) % 3, (k + 2) % 3
            minor = matrix[a, c] * matrix[b, d] - matrix[a, d] * matrix[b, c]
            out[k] += minor * right[i]
            if i == 0:
                volume += matrix[0, k] * minor
    for i in range(3):
        out[i] /= volume


@compiled()
def _place(
    shape: Array, trust: Array, rays: Array, root: Array, turn: Array, points: Array
) -> None:
    """Write joints, drawn onto their rays as far as these are trusted, in the camera's frame."""
    solid = np.empty(3)
    for joint in range(len(trust)):
        along = 0.0
        for i in range(3):
            solid[i] = shape[joint, i] + root[i]
            along += solid[i] * rays[joint, i]
        along = max(along, 0.05)
        for i in range(3):
            solid[i] += trust[joint] * (along * rays[joint, i] - solid[i])
        for k in range(3):
            points[joint, k] = 0.0
            for i in range(3):
                points[joint, k] += solid[i] * turn[i, k]
