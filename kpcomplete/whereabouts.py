"""Where people are in the image and how large, frame by frame."""

from collections.abc import Sequence

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.single import squared
from kpcomplete.skeleton import CANONICAL, Skeleton

_SKELETON = Skeleton.load(CANONICAL)
_NOSE, *_SHOULDERS = _SKELETON.indices(["nose", "left_shoulder", "right_shoulder"])
_FIRST, _SECOND = (_SKELETON.indices(ends) for ends in zip(*normalize.LENGTHS, strict=True))
_ENDS = np.array([[_NOSE, _SHOULDERS[0], *_FIRST], [_NOSE, _SHOULDERS[1], *_SECOND]])
_LENGTHS = np.array(list(normalize.LENGTHS.values()), np.float32)
MEASURES = len(_LENGTHS) + 4
_TRUNK = np.array([list(normalize.LENGTHS).index(bone) for bone in normalize.TRUNK])


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
        points = np.where(observed[..., None], keypoints, np.float32(np.nan))
        self._rows["points"][:, self._now] = points
        self._rows["measures"][:, self._now] = measures(points)
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


def measures(points: Array) -> Array:
    """Return `MEASURES` numbers ``[P, M]`` of a frame of people ``[P, J, 2]``, NaN where missing.

    Lengths from the neck to the head, of the shoulders, and others, then x and y of the neck.
    """
    ends = points.take(_ENDS, axis=1)  # [P, 2, lengths, 2]
    neck = (points[:, _SHOULDERS[0]] + points[:, _SHOULDERS[1]]) / 2
    ends[:, 1, 0] = neck
    out = np.empty((len(points), MEASURES), np.float32)
    np.sqrt(squared(ends[:, 0] - ends[:, 1]), out=out[:, :-2])
    out[:, -2:] = neck
    return out


def placed(measured: Array) -> tuple[Array, Array]:
    """Return centre ``[P, 2]``, NaN where there is no neck, and scale ``[P]``, see `normalize.fit`.

    Args:
        measured: ``[P, L, M]`` see `measures`, float32; NaN in frames that do not count.
    """
    median = torch.from_numpy(measured).nanmedian(dim=1).values.numpy()
    return median[:, -2:], _scale(median[:, :-2])


def _scale(median: Array) -> Array:
    """Return pixels a body unit, of medians of lengths, as `normalize.fit` does."""
    head, shoulders = np.float32(1.5) * median[:, 0], median[:, 1]
    others = median[:, 2:] / _LENGTHS
    others[np.isnan(others)] = -np.inf
    trunk = np.float32(normalize.TRUNK_SHARE) * others.take(_TRUNK, axis=1).max(axis=1)
    faceless = np.where(np.isnan(shoulders), shoulders, np.maximum(shoulders, trunk))
    scale = np.where(np.isfinite(head), np.fmax(head, shoulders), faceless)
    good = np.isfinite(scale) & (scale > 0)
    if good.all():
        return scale
    scale = np.where(good, scale, others.max(axis=1))
    return np.where(np.isfinite(scale) & (scale > 0), scale, np.float32(1.0))
