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
_BASES = np.array([base for _, base in _PARTS[1:]])
_FILLED = np.flatnonzero(_THERE)  # places in `_JOINTS` that are used
_PLACED = _JOINTS.ravel()[_FILLED]
_STARTS, _FINISHES = np.array(_FIRST), np.array(_SECOND)
# limbs whose start is known, then those that hang on them: where from, where to, and their lines
_LIMBS = [
    (_STARTS[which], _FINISHES[which], 3 + which)
    for which in (np.flatnonzero(np.isin(_STARTS, _FINISHES) == hangs) for hangs in (False, True))
]
# of lines, the joints at their ends that are less certain count
_LEFT = np.array([_SHOULDERS[0], _HIPS[0], _HIPS[0], *_FIRST])
_RIGHT = np.array([_SHOULDERS[1], _HIPS[1], _HIPS[1], *_SECOND])
_HEAD_SHARE = np.zeros(len(_SKELETON))
_HEAD_SHARE[_HEAD] = 1 / len(_HEAD)


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
        rows, everybody = self._rows, len(who) == len(points)
        at = slice(None) if everybody else who
        growing = rows["frames"][at] < self._enough
        if growing.all():
            self._measure(at, shown, std[at], offsets)
        elif growing.any():
            self._measure(who[growing], shown[growing], std[who][growing], offsets[growing])
        out[at] = self._applied(at, shown, offsets)
        return out

    def _measure(self, who: Array | slice, points: Array, std: Array, offsets: Array) -> None:
        rows = self._rows
        weight = 1 / np.square(_deviations(std))
        rows["lengths"][who] += np.sqrt(squared(_lines(points))) * weight
        rows["weights"][who] += weight
        shapes = rows["shapes"][who]
        first = rows["frames"][who] == 0
        if first.any():
            shapes = np.where(first[:, None, None, None], offsets, shapes)
        turned = offsets @ _rotation(offsets, shapes).swapaxes(-1, -2)
        rows["shapes"][who] += turned
        rows["sizes"][who] += _size(offsets)
        rows["frames"][who] += 1

    def _applied(self, who: Array | slice, points: Array, offsets: Array) -> Array:
        rows = self._rows
        lengths = rows["lengths"][who] / rows["weights"][who]
        pairs = lengths[:, 3:].reshape(len(lengths), 2, -1)
        pairs[:] = (pairs[:, :1] + pairs[:, 1:]) / 2
        lines = _lines(points)
        lines *= (lengths / np.maximum(np.sqrt(squared(lines)), 1e-12))[..., None]
        out = points.copy()
        left, right = _SHOULDERS
        root = (points[:, left] + points[:, right]) / 2
        half = lines[:, 0] / 2
        out[:, left], out[:, right] = root + half, root - half
        left, right = _HIPS
        half, root = lines[:, 2] / 2, root + lines[:, 1]
        out[:, left], out[:, right] = root + half, root - half
        for starts, finishes, which in _LIMBS:
            out[:, finishes] = out.take(starts, axis=1) + lines.take(which, axis=1)
        shapes = rows["shapes"][who]
        mean = rows["sizes"][who] / rows["frames"][who][:, None]
        shapes = shapes * (mean / np.maximum(_size(shapes), 1e-12))[..., None, None]
        turned = shapes @ _rotation(shapes, offsets).swapaxes(-1, -2)
        turned[:, 0] += _middle(points)
        turned[:, 1:] += out.take(_BASES, axis=1)[:, :, None]
        out[:, _PLACED] = turned.reshape(len(out), -1, 3).take(_FILLED, axis=1)
        return out


def _lines(points: Array) -> Array:
    """Return the lines of trunk and limbs ``[P, 11, 3]``, in the order of `Bones.lengths`."""
    left, right = (points[:, joint] for joint in _SHOULDERS)
    hip, other = (points[:, joint] for joint in _HIPS)
    lines = np.empty((len(points), 3 + len(_FIRST), 3))
    lines[:, 0], lines[:, 2] = left - right, hip - other
    lines[:, 1] = (hip + other - left - right) / 2
    lines[:, 3:] = points.take(_FINISHES, axis=1) - points.take(_STARTS, axis=1)
    return lines


def _deviations(std: Array) -> Array:
    """Return the deviation of what ends each of the lines, ``[P, 11]``."""
    worst: Array = np.maximum(std.take(_LEFT, axis=1), std.take(_RIGHT, axis=1))
    return np.maximum(worst, 1e-3)


def _middle(points: Array) -> Array:
    """Return the middle of the head, ``[P, 1, 3]``."""
    found: Array = (_HEAD_SHARE @ points)[:, None]
    return found


def _offsets(points: Array) -> Array:
    """Return joints of the parts ``[P, 5, 11, 3]`` from what they hang on; 0 beyond the last."""
    out: Array = points.take(_JOINTS, axis=1)
    out[:, 0] -= _middle(points)
    out[:, 1:] -= points.take(_BASES, axis=1)[:, :, None]
    out *= _THERE
    return out


def _size(parts: Array) -> Array:
    """Return root sums of squares ``[P, 5]`` of the parts ``[P, 5, 11, 3]``."""
    flat = parts.reshape(*parts.shape[:2], 1, -1)
    found: Array = np.sqrt(flat @ flat.swapaxes(-1, -2))[..., 0, 0]
    return found


def _rotation(source: Array, target: Array) -> Array:
    """Return the rotations that bring points ``[..., J, 3]`` nearest to others (Kabsch 1976)."""
    left, _, right = np.linalg.svd(target.swapaxes(-1, -2) @ source)
    left[..., 2] *= np.sign(np.linalg.det(left @ right))[..., None]
    turn: Array = left @ right
    return turn
