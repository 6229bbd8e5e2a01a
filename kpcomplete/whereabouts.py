"""Where people are in the image and how large, frame by frame."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.compiled import compiled
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.skeleton import CANONICAL, Skeleton

_SKELETON = Skeleton.load(CANONICAL)
_NOSE, _LEFT, _RIGHT = _SKELETON.indices(["nose", "left_shoulder", "right_shoulder"])
_FIRST, _SECOND = (_SKELETON.indices(ends) for ends in zip(*normalize.LENGTHS, strict=True))
_ENDS = np.array([[_LEFT, *_FIRST], [_RIGHT, *_SECOND]])
_LENGTHS = np.array(list(normalize.LENGTHS.values()))
MEASURES = len(_LENGTHS) + 4
_TRUNK = np.array([list(normalize.LENGTHS).index(bone) for bone in normalize.TRUNK])
_ALL = np.arange(len(_LENGTHS))
_TRUNK_SHARE = float(normalize.TRUNK_SHARE)


class Whereabouts:
    """Keeps what `normalize.fit` measures of each frame, and returns what it says of the window.

    Each frame is measured once; only medians are taken anew.

    Args:
        window: Frames, the newest included.
    """

    def __init__(self, window: int) -> None:
        self._window, self._now = window, -1
        joints = len(_SKELETON)
        unknown = np.float32(np.nan)
        self._rows = Rows(
            measures=np.full((window, MEASURES), unknown),
            points=np.full((window, joints, 2), unknown),
        )

    def __call__(
        self, keypoints: Array, observed: Array, people: Sequence[str]
    ) -> tuple[Array, Array]:
        """Return centre ``[P, 2]`` and scale ``[P]`` with the next frame, see `Placement`.

        Args:
            keypoints: ``[P, J, 2]`` pixels.
            observed: ``[P, J]``.
            people: Their names; who is not named is forgotten.
        """
        self._rows.follow(people)
        self._now = (self._now + 1) % self._window
        shown = np.where(observed[..., None], keypoints, np.float32(np.nan))
        self._rows["points"][:, self._now] = shown
        self._rows["measures"][:, self._now] = measures(shown, np.ascontiguousarray(observed))
        centre, scale = placed(self._rows["measures"])
        unknown = np.isnan(centre)
        if unknown.any():  # no neck in the whole window
            lost = np.flatnonzero(unknown.any(axis=1))
            centre[lost] = self._anywhere(lost)
        return centre, scale

    def _anywhere(self, lost: Array) -> Array:
        points = torch.from_numpy(self._rows["points"][lost])
        batch = PoseBatch.from_keypoints(points)
        centre: Array = normalize.fit(batch).centre.numpy()
        return centre


@compiled("f4[:, ::1](f4[:, :, ::1], b1[:, ::1])")
def measures(points: Array, observed: Array) -> Array:
    """Return `MEASURES` numbers ``[P, M]`` of a frame of people ``[P, J, 2]``, NaN where missing.

    Lengths from the neck to the head, of the shoulders, and others, then x and y of the neck.
    """
    out = np.full((len(points), MEASURES), np.float32(np.nan))
    for person in range(len(points)):
        place, row, seen = points[person], out[person], observed[person]
        for number in range(_ENDS.shape[1]):
            first, second = _ENDS[0, number], _ENDS[1, number]
            if seen[first] and seen[second]:
                x, y = place[first, 0] - place[second, 0], place[first, 1] - place[second, 1]
                row[1 + number] = math.sqrt(x * x + y * y)
        if seen[_LEFT] and seen[_RIGHT]:
            row[-2] = (place[_LEFT, 0] + place[_RIGHT, 0]) / 2
            row[-1] = (place[_LEFT, 1] + place[_RIGHT, 1]) / 2
            if seen[_NOSE]:
                x, y = place[_NOSE, 0] - row[-2], place[_NOSE, 1] - row[-1]
                row[0] = math.sqrt(x * x + y * y)
    return out


@compiled("Tuple((f4[:, ::1], f4[::1]))(f4[:, :, ::1])")
def placed(measured: Array) -> tuple[Array, Array]:
    """Return centre ``[P, 2]``, NaN where there is no neck, and scale ``[P]``, see `normalize.fit`.

    Args:
        measured: ``[P, L, M]`` see `measures`; NaN in frames that do not count.
    """
    people, _, many = measured.shape
    centre, scale = np.empty((people, 2), np.float32), np.empty(people, np.float32)
    for person in range(people):
        for axis in range(2):
            centre[person, axis] = _median(measured[person, :, many - 2 + axis])
        scale[person] = _scale(measured[person])
    return centre, scale


@compiled()
def _median(values: Array) -> Any:
    """Return the lower one of the numbers in the middle, NaN without any (Hoare 1961)."""
    some, count = np.empty(len(values), np.float32), 0
    for value in values:
        if not np.isnan(value):
            some[count] = value
            count += 1
    low, high, middle = 0, count - 1, (count - 1) // 2
    if not count:
        return np.nan
    while low < high:
        pivot, left, right = some[middle], low, high
        while left <= right:
            while some[left] < pivot:
                left += 1
            while pivot < some[right]:
                right -= 1
            if left <= right:
                some[left], some[right] = some[right], some[left]
                left, right = left + 1, right - 1
        if right < middle:
            low = left
        if middle < left:
            high = right
    return some[middle]


@compiled()
def _scale(measured: Array) -> float:
    """Return pixels a body unit, of lengths ``[L, M]`` over time, as `normalize.fit` does."""
    head, scale = 1.5 * _median(measured[:, 0]), _median(measured[:, 1])
    if not np.isnan(head):
        scale = head if np.isnan(scale) else max(head, scale)
    elif not np.isnan(scale):
        scale = max(scale, _TRUNK_SHARE * _longest(measured, _TRUNK))
    if not (np.isfinite(scale) and scale > 0):
        scale = _longest(measured, _ALL)
    return scale if np.isfinite(scale) and scale > 0 else 1.0


@compiled()
def _longest(measured: Array, which: Array) -> float:
    """Return the most pixels a body unit that some lengths speak of."""
    longest = -np.inf
    for number in which:
        median = _median(measured[:, 2 + number])
        if not np.isnan(median):
            longest = max(longest, median / _LENGTHS[number])
    return longest
