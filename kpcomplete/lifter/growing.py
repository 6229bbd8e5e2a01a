"""Bones that keep their lengths, measured while live frames come in; compiled."""

import math
from collections.abc import Sequence

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.lifter.bones import ENDS, HEAD, LIMBS, SIDES
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
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
_COUNTS = np.array([len(joints) for joints, _ in _PARTS])
_JOINTS = np.zeros((len(_PARTS), _COUNTS.max()), np.int64)
for _row, (_joints, _) in enumerate(_PARTS):
    _JOINTS[_row, : len(_joints)] = _joints
_BASES = np.array([base for _, base in _PARTS])
# lines: across the shoulders, down the spine, across the hips, then limbs, each of which hangs on
# what was placed before; of lines the joints at their ends that are less certain count
_STARTS, _FINISHES = np.array(_FIRST), np.array(_SECOND)
_CERTAIN = np.array([[_SHOULDERS[0], _HIPS[0], _HIPS[0], *_FIRST],
                     [_SHOULDERS[1], _HIPS[1], _HIPS[1], *_SECOND]])  # fmt: skip
_TRUNK = (*_SHOULDERS, *_HIPS)


class Growing:
    """Measures people frame by frame, and gives their bones the lengths that were measured.

    As `kpcomplete.lifter.bones.Bones`, but that each frame is looked at once, when it comes:
    shapes are means of frames turned to the shape so far.

    Args:
        enough: Frames after which a body stays as it is.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._rows = Rows(
            frames=np.zeros((), np.int64),
            lengths=np.zeros(3 + len(_FIRST)),
            weights=np.zeros(3 + len(_FIRST)),
            shapes=np.zeros((*_JOINTS.shape, 3)),
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
        rows = self._rows
        points, std = (np.ascontiguousarray(x, np.float64) for x in (points, std))
        out: Array = _grown(
            points, std, usable, self._enough, rows["frames"], rows["lengths"], rows["weights"],
            rows["shapes"], rows["sizes"],
        )  # fmt: skip
        return out


@compiled("f8[:, :, ::1](f8[:, :, ::1], f8[:, ::1], b1[::1], i8, i8[::1], f8[:, ::1], f8[:, ::1],"
          " f8[:, :, :, ::1], f8[:, ::1])")  # fmt: skip
def _grown(
    points: Array, std: Array, usable: Array, enough: int, frames: Array, lengths: Array,
    weights: Array, shapes: Array, sizes: Array,
) -> Array:  # fmt: skip
    out, lines = points.copy(), np.empty((lengths.shape[1], 3))
    offsets, turned = np.empty(shapes.shape[1:]), np.empty(shapes.shape[1:])
    for person in range(len(points)):
        if not usable[person]:
            continue
        _measure_lines(out[person], lines)
        _measure_parts(out[person], offsets)
        if frames[person] < enough:
            for line in range(len(lines)):
                first, second = _CERTAIN[0, line], _CERTAIN[1, line]
                doubt = max(std[person, first], std[person, second], 1e-3)
                weight = 1 / (doubt * doubt)
                lengths[person, line] += _length(lines[line]) * weight
                weights[person, line] += weight
            goal = offsets if frames[person] == 0 else shapes[person]
            for part in range(len(offsets)):
                sizes[person, part] += _size(offsets[part])
                _turn(offsets[part], goal[part], turned[part])
            _add(shapes[person], turned)
            frames[person] += 1
        _put_lines(out[person], lines, lengths[person], weights[person])
        for part in range(len(offsets)):
            size = sizes[person, part] / frames[person]
            size /= max(_size(shapes[person, part]), 1e-12)
            _turn(shapes[person, part], offsets[part], turned[part])
            _put_part(out[person], part, turned[part], size)
    return out


@compiled()
def _length(line: Array) -> float:
    return math.sqrt(line[0] * line[0] + line[1] * line[1] + line[2] * line[2])


@compiled()
def _size(part: Array) -> float:
    """Return the root of the sum of squares of a part's joints ``[J, 3]``."""
    total = 0.0
    for joint in range(len(part)):
        total += _length(part[joint]) ** 2
    return math.sqrt(total)


@compiled()
def _add(total: Array, values: Array) -> None:
    for part in range(total.shape[0]):
        for joint in range(total.shape[1]):
            for axis in range(3):
                total[part, joint, axis] += values[part, joint, axis]


@compiled()
def _measure_lines(points: Array, lines: Array) -> None:
    """Write the lines of trunk and limbs ``[11, 3]``, in the order of `Bones.lengths`."""
    left, right, hip, other = _TRUNK
    for axis in range(3):
        lines[0, axis] = points[left, axis] - points[right, axis]
        both = points[hip, axis] + points[other, axis]
        lines[1, axis] = (both - points[left, axis] - points[right, axis]) / 2
        lines[2, axis] = points[hip, axis] - points[other, axis]
        for limb in range(len(_STARTS)):
            end = points[_FINISHES[limb], axis]
            lines[3 + limb, axis] = end - points[_STARTS[limb], axis]


@compiled()
def _measure_parts(points: Array, offsets: Array) -> None:
    """Write joints of the parts ``[5, 11, 3]`` from what they hang on; 0 beyond the last."""
    for part in range(len(offsets)):
        for axis in range(3):
            base = points[_BASES[part], axis] if _BASES[part] >= 0 else 0.0
            for joint in range(_COUNTS[part]):
                if _BASES[part] < 0:
                    base += points[_JOINTS[part, joint], axis] / _COUNTS[part]
            for joint in range(offsets.shape[1]):
                offsets[part, joint, axis] = 0.0
                if joint < _COUNTS[part]:
                    offsets[part, joint, axis] = points[_JOINTS[part, joint], axis] - base


@compiled()
def _put_lines(points: Array, lines: Array, lengths: Array, weights: Array) -> None:
    """Place trunk and limbs, with lines of the lengths that were measured."""
    limbs = len(_STARTS)
    left, right, hip, other = _TRUNK
    for line in range(len(lines)):
        length = lengths[line] / weights[line]
        if line >= 3:  # left and right are equally long
            twin = 3 + (line - 3 + limbs // 2) % limbs
            length = (length + lengths[twin] / weights[twin]) / 2
        length /= max(_length(lines[line]), 1e-12)
        for axis in range(3):
            lines[line, axis] *= length
    for axis in range(3):
        root = (points[left, axis] + points[right, axis]) / 2
        points[left, axis] = root + lines[0, axis] / 2
        points[right, axis] = root - lines[0, axis] / 2
        root += lines[1, axis]
        points[hip, axis] = root + lines[2, axis] / 2
        points[other, axis] = root - lines[2, axis] / 2
        for limb in range(limbs):
            start = points[_STARTS[limb], axis]
            points[_FINISHES[limb], axis] = start + lines[3 + limb, axis]


@compiled()
def _put_part(points: Array, part: int, turned: Array, size: float) -> None:
    """Place the joints of a part, on what it hangs on."""
    for axis in range(3):
        base = points[_BASES[part], axis] if _BASES[part] >= 0 else 0.0
        for joint in range(_COUNTS[part]):
            if _BASES[part] < 0:  # the head stays where it is
                base += points[_JOINTS[part, joint], axis] / _COUNTS[part]
        for joint in range(_COUNTS[part]):
            points[_JOINTS[part, joint], axis] = base + size * turned[joint, axis]


@compiled()
def _turn(source: Array, target: Array, out: Array) -> None:
    """Write points ``[J, 3]`` as they come nearest to others (Horn 1987, by quaternions)."""
    s = np.zeros((3, 3))
    for joint in range(len(source)):
        for i in range(3):
            for k in range(3):
                s[i, k] += source[joint, i] * target[joint, k]
    n = np.empty((4, 4))
    n[0, 0] = s[0, 0] + s[1, 1] + s[2, 2]
    for i in range(3):
        a, b = (i + 1) % 3, (i + 2) % 3
        n[0, 1 + i] = n[1 + i, 0] = s[a, b] - s[b, a]
        n[1 + i, 1 + i] = s[i, i] - s[a, a] - s[b, b]
        n[1 + i, 1 + a] = n[1 + a, 1 + i] = s[i, a] + s[a, i]
    w, x, y, z = _largest(n)
    for joint in range(len(source)):
        u, v, t = source[joint, 0], source[joint, 1], source[joint, 2]
        a, b, c = y * t - z * v, z * u - x * t, x * v - y * u
        out[joint, 0] = u + 2 * (w * a + y * c - z * b)
        out[joint, 1] = v + 2 * (w * b + z * a - x * c)
        out[joint, 2] = t + 2 * (w * c + x * b - y * a)


@compiled()
def _largest(matrix: Array) -> tuple[float, float, float, float]:
    """Return the eigenvector of the largest eigenvalue, symmetric 4 x 4 (Jacobi 1846)."""
    vectors = np.eye(4)
    for _ in range(30):
        rest = 0.0
        for p in range(3):
            for q in range(p + 1, 4):
                if abs(matrix[p, q]) > 1e-15 * (abs(matrix[p, p]) + abs(matrix[q, q])):
                    rest += 1
                    _annihilate(matrix, vectors, p, q)
        if not rest:
            break
    best = 0
    for i in range(1, 4):
        if matrix[i, i] > matrix[best, best]:
            best = i
    return vectors[0, best], vectors[1, best], vectors[2, best], vectors[3, best]


@compiled()
def _annihilate(matrix: Array, vectors: Array, p: int, q: int) -> None:
    """Turn two axes so that nothing is left between them."""
    slope = (matrix[q, q] - matrix[p, p]) / (2 * matrix[p, q])
    t = math.copysign(1.0, slope) / (abs(slope) + math.sqrt(slope * slope + 1))
    c = 1 / math.sqrt(t * t + 1)
    s = t * c
    for k in range(4):
        a, b = matrix[k, p], matrix[k, q]
        matrix[k, p], matrix[k, q] = c * a - s * b, s * a + c * b
    for k in range(4):
        a, b = matrix[p, k], matrix[q, k]
        matrix[p, k], matrix[q, k] = c * a - s * b, s * a + c * b
    for k in range(4):
        a, b = vectors[k, p], vectors[k, q]
        vectors[k, p], vectors[k, q] = c * a - s * b, s * a + c * b
