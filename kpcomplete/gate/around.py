"""Where the rest of the body says that joints must be, for one frame of some people, compiled."""

import math
from typing import Any

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.gate.surroundings import LIKELY, LOST, NOISE, Surroundings
from kpcomplete.pose import Array


class Around:
    """Answers as `Surroundings`, for one frame, and all people at once.

    Which joints are trusted may be new in each frame: what is worked out of one matrix for all
    that is left out, `Surroundings` does for whole recordings, and remembers; here each of the
    Gaussians is only asked how well it explains the frame, and the best of them everything.

    Args:
        mixture: Whose Gaussians and ways of leaving out joints are taken.
    """

    def __init__(self, mixture: Surroundings) -> None:
        self._weight: Array = np.log(mixture.weight.double().numpy())
        self._mean: Array = mixture.mean.double().numpy()
        self._covariance: Array = mixture.covariance.double().numpy()
        self._some = min(LIKELY, len(self._weight))
        joints = self._mean.shape[1] // 2
        # of each way, the joints that are left out together, and how many these are
        self._size = np.zeros((len(mixture.ways), joints), np.int64)
        self._group = np.zeros((len(mixture.ways), joints, joints), np.int64)
        for way, stacks in enumerate(mixture.ways):
            for number, group in enumerate(group.numpy() for stack in stacks for group in stack):
                self._size[way, number] = len(group)
                self._group[way, number, : len(group)] = group

    def __call__(self, points: Array, trusted: Array) -> tuple[Array, Array]:
        """Return gaps ``[P, W, S, 2]`` and covariances ``[P, W, S, 2, 2]``, see `Elsewhere`.

        Args:
            points: ``[P, S, 2]`` body units; anything finite where nothing is reported.
            trusted: ``[P, S]`` bool.
        """
        gap, covariance = _around(
            points, trusted, self._weight, self._mean, self._covariance, self._some, self._group,
            self._size,
        )  # fmt: skip
        return gap, covariance


@compiled("Tuple((f8[:, :, :, ::1], f8[:, :, :, :, ::1]))(f8[:, :, ::1], b1[:, ::1], f8[::1],"
          " f8[:, ::1], f8[:, :, ::1], i8, i8[:, :, ::1], i8[:, ::1])")  # fmt: skip
def _around(
    points: Array, trusted: Array, weight: Array, mean: Array, covariance: Array, some: int,
    group: Array, size: Array,
) -> tuple[Array, Array]:  # fmt: skip
    people, joints = trusted.shape
    gap, spread = np.zeros((people, len(size), joints, 2)), np.zeros((people, len(size), joints, 4))
    every, noise = np.empty(len(weight)), np.empty(2 * joints)
    whole, each = np.empty((2 * joints + 1, 2 * joints + 1)), np.empty(2 * joints + 1)
    precision, pull = np.empty((some, 2 * joints, 2 * joints)), np.zeros((some, 2 * joints))
    best, own = np.empty(some), np.empty((2 * joints, 2 * joints))
    for person in range(people):
        for joint in range(joints):
            noise[2 * joint] = noise[2 * joint + 1] = NOISE if trusted[person, joint] else LOST
        for number in range(len(weight)):
            _apart(points[person], mean[number], each)
            every[number] = weight[number] + _explained(covariance[number], noise, each, whole)
        for rank in range(some):
            likely = np.argmax(every)
            best[rank], every[likely] = every[likely], -np.inf
            _apart(points[person], mean[likely], each)
            _weighed(covariance[likely], noise, each, precision[rank], pull[rank])
        for way in range(len(size)):
            for number in range(joints):
                if size[way, number]:
                    _left_out(group[way, number, : size[way, number]], precision, pull, best, own,
                              gap[person, way], spread[person, way])  # fmt: skip
    return gap, spread.reshape(people, len(size), joints, 2, 2)


@compiled()
def _apart(points: Array, mean: Array, out: Array) -> None:
    for joint in range(len(points)):
        for axis in range(2):
            out[2 * joint + axis] = points[joint, axis] - mean[2 * joint + axis]


@compiled()
def _explained(covariance: Array, noise: Array, apart: Array, whole: Array) -> Any:
    """Return the log likelihood of a frame, up to a constant, by elimination.

    What is apart borders the matrix: when all else is eliminated, its square remains.
    """
    size = len(noise)
    for i in range(size):
        for k in range(i, size):
            whole[i, k] = covariance[i, k]
        whole[i, i] += noise[i]
        whole[i, size] = apart[i]
    whole[size, size] = 0.0
    volume = 0.0
    for i in range(size):
        volume += math.log(whole[i, i])
        for row in range(i + 1, size + 1):
            share = whole[i, row] / whole[i, i]
            for k in range(row, size + 1):
                whole[row, k] -= share * whole[i, k]
    return (whole[size, size] - volume) / 2


@compiled()
def _weighed(covariance: Array, noise: Array, apart: Array, precision: Array, pull: Array) -> None:
    """Write a Gaussian's precision, and its product with what is apart."""
    for i in range(len(noise)):
        for k in range(len(noise)):
            precision[i, k] = covariance[i, k]
        precision[i, i] += noise[i]
    _invert(precision, len(noise))
    for i in range(len(noise)):
        pull[i] = 0.0
        for k in range(len(noise)):
            pull[i] += precision[i, k] * apart[k]


@compiled()
def _invert(matrix: Array, size: int) -> float:
    """Invert a positive matrix in place, and return the logarithm of its determinant."""
    volume = 0.0
    for i in range(size):
        pivot = matrix[i, i]
        volume += math.log(pivot)
        matrix[i, i] = 1.0
        for k in range(size):
            matrix[i, k] /= pivot
        for row in range(size):
            if row != i:
                share, matrix[row, i] = matrix[row, i], 0.0
                for k in range(size):
                    matrix[row, k] -= share * matrix[i, k]
    return volume


@compiled()
def _left_out(
    joints: Array, precision: Array, pull: Array, every: Array, own: Array, gap: Array,
    spread: Array,
) -> None:  # fmt: skip
    """Write where joints that are left out together are, against where the others put them.

    Args:
        joints: ``[g]``.
        precision: ``[K, 2 S, 2 S]``.
        pull: ``[K, 2 S]`` precision times deviation from the mean.
        every: ``[K]`` log likelihood of all joints.
        own: Room for ``[2 g, 2 g]``.
        gap: ``[S, 2]``.
        spread: ``[S, 4]`` covariances.
    """
    size, some = 2 * len(joints), len(every)
    off, left, share = np.zeros((some, size)), np.empty((some, size, 2)), np.empty(some)
    for number in range(some):
        for i in range(size):
            for k in range(size):
                row, column = 2 * joints[i // 2] + i % 2, 2 * joints[k // 2] + k % 2
                own[i, k] = precision[number, row, column]
        volume, square = -_invert(own, size), 0.0
        for i in range(size):
            for k in range(size):
                off[number, i] += own[i, k] * pull[number, 2 * joints[k // 2] + k % 2]
            square += off[number, i] * pull[number, 2 * joints[i // 2] + i % 2]
            for axis in range(2):
                left[number, i, axis] = own[i, i - i % 2 + axis]
        share[number] = every[number] + (volume + square) / 2  # by the others alone
    _softmax(share)
    for i in range(size):
        at = gap[joints[i // 2]]
        for number in range(some):
            at[i % 2] += share[number] * off[number, i]
    for i in range(size):
        at, first = gap[joints[i // 2]], i - i % 2
        for number in range(some):
            for axis in range(2):
                inner = (off[number, i] - at[i % 2]) * (off[number, first + axis] - at[axis])
                wide = share[number] * (left[number, i, axis] + inner)
                spread[joints[i // 2], 2 * (i % 2) + axis] += wide


@compiled()
def _softmax(logits: Array) -> None:
    most, total = logits[0], 0.0
    for number in range(len(logits)):
        most = max(most, logits[number])
    for number in range(len(logits)):
        logits[number] = math.exp(logits[number] - most)
        total += logits[number]
    for number in range(len(logits)):
        logits[number] /= total
