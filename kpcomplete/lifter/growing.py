"""Bones that keep their lengths, measured while live frames come in; in numpy."""

from collections.abc import Sequence

import numpy as np

from kpcomplete.lifter.bones import ENDS, HEAD, LIMBS, SIDES
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.single import squared
from kpcomplete.skeleton import CANONICAL, Skeleton

_SKELETON = Skeleton.load(CANONICAL)
_SHOULDERS, _HIPS = (
    _SKELETON.indices([f"{side}_{joint}" for side in SIDES]) for joint in ("shoulder", "hip")
)
_HEAD = _SKELETON.indices(HEAD)
_FIRST, _SECOND = (
    _SKELETON.indices([f"{side}_{limb[end]}" for side in SIDES for limb in LIMBS]) for end in (0, 1)
)
# parts that keep their shape: their joints, and the joint that they hang on; -1: their middle
_PARTS = [(_HEAD, -1)] + [
    (_SKELETON.indices([f"{side}_{joint}" for joint in ENDS[base]]),
     _SKELETON.index(f"{side}_{base}"))
    for base in ENDS
    for side in SIDES
]  # fmt: skip
_MOST = max(len(joints) for joints, _ in _PARTS)
_JOINTS = np.zeros((len(_PARTS), _MOST), np.int64)
_THERE = np.zeros((len(_PARTS), _MOST, 1))
for _row, (_joints, _) in enumerate(_PARTS):
    _JOINTS[_row, : len(_joints)], _THERE[_row, : len(_joints)] = _joints, 1.0
_BASES = [base for _, base in _PARTS[1:]]


class Growing:
    """Measures people frame by frame, and gives their bones the lengths that were measured.

    As `kpcomplete.lifter.bones.Bones`, but that each frame is looked at once, when it comes:
    shapes are means of frames turned to the shape so far.

    Args:
        enough: Frames after which a body stays as it is.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        parts = np.zeros((*_JOINTS.shape, 3))
        self._rows = Rows(
            frames=np.zeros((), np.int64),
            lengths=np.zeros(3 + len(_FIRST)),
            weights=np.zeros(3 + len(_FIRST)),
            shapes=parts,
            sizes=np.zeros(len(_PARTS)),
        )

    def __call__(self, points: Array, std: Array, usable: Array, people: Sequence[str]) -> Array:
        """Return the next frame of some people with bones of their lengths.

        Args:
            points: ``[P, J, 3]`` metres.
            std: ``[P, J]`` metres.
            usable: ``[P]`` who is known well enough; others are returned as they came.
            people: Their names; who is not named is forgotten.
        """
        self._rows.follow(people)
        who = np.flatnonzero(usable)
        if not len(who):
            return points
        out = points.astype(np.float64)
        shown = out[who]
        offsets = _offsets(shown)
        growing = self._rows["frames"][who] < self._enough
        if growing.any():
            self._measure(who[growing], shown[growing], std[who][growing], offsets[growing])
        out[who] = self._applied(who, shown, offsets)
        return out

    def _measure(self, who: Array, points: Array, std: Array, offsets: Array) -> None:
        rows = self._rows
        weight = 1 / np.square(_deviations(std))
        rows["lengths"][who] += np.sqrt(squared(_lines(points))) * weight
        rows["weights"][who] += weight
        shapes = rows["shapes"][who]
        first = rows["frames"][who] == 0
        shapes[first] = offsets[first]
        turned = offsets @ _rotation(offsets, shapes).swapaxes(-1, -2)
        rows["shapes"][who] += turned
        rows["sizes"][who] += np.sqrt(np.square(offsets).sum(axis=(-1, -2)))
        rows["frames"][who] += 1

    def _applied(self, who: Array, points: Array, offsets: Array) -> Array:
        rows = self._rows
        lengths = rows["lengths"][who] / rows["weights"][who]
        pairs = lengths[:, 3:].reshape(len(who), 2, -1)
        lengths[:, 3:] = np.tile(pairs.mean(axis=1), 2)
        lines = _lines(points)
        lines *= (lengths / np.maximum(np.sqrt(squared(lines)), 1e-12))[..., None]
        out = points.copy()
        root = points[:, _SHOULDERS].mean(axis=1)
        half = np.stack([lines[:, 0], -lines[:, 0]], axis=1) / 2
        out[:, _SHOULDERS] = root[:, None] + half
        half = np.stack([lines[:, 2], -lines[:, 2]], axis=1) / 2
        out[:, _HIPS] = (root + lines[:, 1])[:, None] + half
        for number, (start, end) in enumerate(zip(_FIRST, _SECOND, strict=True)):
            out[:, end] = out[:, start] + lines[:, 3 + number]
        shapes = rows["shapes"][who]
        size = np.sqrt(np.square(shapes).sum(axis=(-1, -2)))
        mean = rows["sizes"][who] / rows["frames"][who][:, None]
        shapes *= (mean / np.maximum(size, 1e-12))[..., None, None]
        turned = shapes @ _rotation(shapes, offsets).swapaxes(-1, -2)
        out[:, _HEAD] = points[:, _HEAD].mean(axis=1, keepdims=True) + turned[:, 0]
        turned += out[:, [0, *_BASES], None]
        for part, (joints, _) in list(enumerate(_PARTS))[1:]:
            out[:, joints] = turned[:, part, : len(joints)]
        return out


def _lines(points: Array) -> Array:
    """Return the lines of trunk and limbs ``[P, 11, 3]``, in the order of `Bones.lengths`."""
    shoulders, hips = points[:, _SHOULDERS], points[:, _HIPS]
    trunk = [
        shoulders[:, :1] - shoulders[:, 1:],
        (hips.sum(axis=1, keepdims=True) - shoulders.sum(axis=1, keepdims=True)) / 2,
        hips[:, :1] - hips[:, 1:],
    ]
    return np.concatenate([*trunk, points[:, _SECOND] - points[:, _FIRST]], axis=1)


def _deviations(std: Array) -> Array:
    """Return the deviation of what ends each of the lines, ``[P, 11]``."""
    left = [_SHOULDERS[0], _HIPS[0], _HIPS[0], *_FIRST]
    right = [_SHOULDERS[1], _HIPS[1], _HIPS[1], *_SECOND]
    worst: Array = np.maximum(np.maximum(std[:, left], std[:, right]), 1e-3)
    return worst


def _offsets(points: Array) -> Array:
    """Return joints of the parts ``[P, 5, 11, 3]`` from what they hang on; 0 beyond the last."""
    base = np.concatenate([points[:, _HEAD].mean(axis=1, keepdims=True), points[:, _BASES]], axis=1)
    out: Array = (points[:, _JOINTS] - base[:, :, None]) * _THERE
    return out


def _rotation(source: Array, target: Array) -> Array:
    """Return the rotations that bring points ``[..., J, 3]`` nearest to others (Kabsch 1976)."""
    left, _, right = np.linalg.svd(target.swapaxes(-1, -2) @ source)
    flip = np.ones(left.shape[:-1])
    flip[..., 2] = np.sign(np.linalg.det(left @ right))
    turn: Array = (left * flip[..., None, :]) @ right
    return turn
