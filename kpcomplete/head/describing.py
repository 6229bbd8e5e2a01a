"""What `Several` looks at in live frames, and what it says of them, compiled."""

import math

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.pose import Array


@compiled("Tuple((f4[:, ::1], b1[::1]))(f4[:, :, ::1], b1[:, ::1], f4[:, ::1], f4[::1],"
          " f8[:, :, ::1], b1[:, ::1], f4[:, ::1], f8[:, :, ::1], i8[::1], i8, i8, f4[::1],"
          " f4[::1], i8[:, ::1])")  # fmt: skip
def described(
    points: Array, observed: Array, centre: Array, scale: Array, mean: Array, known: Array,
    code: Array, kept: Array, frames: Array, now: int, least: int, usual: Array, width: Array,
    between: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Keep a frame, and return what `Several` looks at ``[P, F]``, and who shows enough ``[P]``.

    Args:
        points: ``[P, J, 2]`` image widths; of no meaning where not observed.
        observed: ``[P, J]``.
        centre: ``[P, 2]`` see `Placement`.
        scale: ``[P]``.
        mean: ``[P, J, 2]`` body units, what the encoder's network says.
        known: ``[P, J]`` where it says something.
        code: ``[P, W]`` latents.
        kept: ``[P, L, 5 J + W]`` ring of what is summed, see `Live`.
        frames: ``[P]`` that are known, to be counted.
        now: Number of the frame.
        least: Joints that a window must show.
        usual: ``[F]`` usual values, to be subtracted.
        width: ``[F]`` what is divided by then.
        between: ``[2, D]`` joints whose distances count, see `kpcomplete.head.geometry`.
    """
    people, joints, codes = len(points), observed.shape[1], code.shape[1]
    out, enough = np.empty((people, len(usual)), np.float32), np.empty(people, np.bool_)
    sums, window = np.empty(kept.shape[2]), kept.shape[1]
    for person in range(people):
        row, unit = kept[person, now % window], 1.0 * scale[person]  # a double
        for joint in range(joints):
            seen = observed[person, joint]
            there, square = seen or known[person, joint], 0.0
            for axis in range(2):
                place = mean[person, joint, axis] * unit + centre[person, axis]
                if seen:
                    place = 1.0 * points[person, joint, axis]
                row[2 * joint + axis] = place if there else 0.0
                square += row[2 * joint + axis] ** 2
            row[2 * joints + joint], row[3 * joints + joint] = square, there
            row[4 * joints + joint] = seen
        for i in range(codes):
            row[5 * joints + i] = code[person, i]
        frames[person] += 1
        _sum(kept[person], sums)
        count = 0
        for joint in range(joints):
            count += int(sums[4 * joints + joint] > 0)
        enough[person] = count >= least
        length = min(frames[person], window)
        _describe(row, sums, length, joints, centre[person], unit, between, out[person])
        for i in range(len(usual)):
            out[person, i] = (out[person, i] - usual[i]) / width[i]
    return out, enough


@compiled()
def _sum(kept: Array, sums: Array) -> None:
    for i in range(len(sums)):
        sums[i] = 0.0
    for frame in range(len(kept)):
        for i in range(len(sums)):
            sums[i] += kept[frame, i]


@compiled()
def _describe(
    row: Array, sums: Array, frames: int, joints: int, centre: Array, unit: float, between: Array,
    out: Array,
) -> None:  # fmt: skip
    """Write the features of `Several.summed`, of this frame and of sums over the window."""
    codes = len(row) - 5 * joints
    for i in range(codes):
        out[i], out[codes + i] = row[5 * joints + i], sums[5 * joints + i] / frames
    last = 2 * codes
    middle, moved, share = last + 2 * joints, last + 4 * joints, last + 5 * joints
    for joint in range(joints):
        count, square = max(sums[3 * joints + joint], 1.0), 0.0
        for axis in range(2):
            at = 2 * joint + axis
            mean = sums[at] / count
            square += mean * mean
            out[middle + at] = (mean - centre[axis]) / unit if sums[3 * joints + joint] else 0.0
            out[last + at] = out[middle + at]
            if row[3 * joints + joint]:
                out[last + at] = (row[at] - centre[axis]) / unit
        spread = max(sums[2 * joints + joint] / count - square, 0.0)
        out[moved + joint] = math.sqrt(spread / (unit * unit) + 1e-6)
        out[share + joint] = sums[4 * joints + joint] / frames
    end = share + joints
    out[end], out[end + 1], out[end + 2] = centre[0], centre[1], math.log(unit)
    places = end + 3
    for i in range(2 * joints):
        out[places + i] = out[middle + i] * unit + centre[i % 2]
    apart, count = places + 2 * joints, between.shape[1]
    ways = apart + 2 * count
    for turn, start in enumerate((last, middle)):
        for pair in range(count):
            square, at = 1e-6, ways + 2 * (turn * count + pair)
            for axis in range(2):
                first, second = 2 * between[0, pair] + axis, 2 * between[1, pair] + axis
                out[at + axis] = out[start + first] - out[start + second]
                square += out[at + axis] ** 2
            out[apart + turn * count + pair] = math.sqrt(square)


@compiled("f4[:, ::1](f4[:, ::1], i8[:, ::1], f4[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1],"
          " f4[::1])")  # fmt: skip
def summed(
    features: Array, feature: Array, number: Array, low: Array, high: Array, of: Array, bias: Array
) -> Array:
    """Return what trees say ``[P, all]``; arguments as `kpcomplete.head.trees.forest` has them."""
    out = np.empty((len(features), len(bias)), np.float32)
    for person in range(len(features)):
        for i in range(len(bias)):
            out[person, i] = bias[i]
        for tree in range(len(of)):
            node, before = 0, -1
            while node != before:  # a leaf's children are itself
                before = node
                below = features[person, feature[tree, node]] <= number[tree, node]
                node = low[tree, node] if below else high[tree, node]
            out[person, of[tree]] += number[tree, node]
    return out


@compiled("f4[:, ::1](f4[:, ::1], i8[::1], f4[::1], b1[::1])")
def shares(logits: Array, ends: Array, temperature: Array, enough: Array) -> Array:
    """Return calibrated probabilities of all tasks ``[P, all]``; the last of each is unknown.

    Args:
        logits: ``[P, all]`` one fewer of each task.
        ends: ``[tasks]`` where each task's probabilities end.
        temperature: ``[tasks]``.
        enough: ``[P]`` who shows enough.
    """
    out = np.zeros((len(logits), logits.shape[1] + len(ends)), np.float32)
    for person in range(len(logits)):
        start = 0
        for task in range(len(ends)):
            end, total, most = ends[task] - 1, np.float32(0), np.float32(-np.inf)
            for i in range(start, end):  # of each task before this one, there is one logit fewer
                most = max(most, logits[person, i - task])
            for i in range(start, end):
                away = (logits[person, i - task] - most) / temperature[task]
                out[person, i] = math.exp(away)
                total += out[person, i]
            for i in range(start, end):
                out[person, i] = out[person, i] / total if enough[person] else np.float32(0)
            out[person, end] = not enough[person]
            start = ends[task]
    return out
