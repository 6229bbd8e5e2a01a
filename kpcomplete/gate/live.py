"""The learned gate frame by frame: what the past amounts to is kept, compiled."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import expit

from kpcomplete.batch import PoseBatch
from kpcomplete.compiled import compiled
from kpcomplete.gate.around import Around
from kpcomplete.gate.doubt import SIGNS, Doubt
from kpcomplete.gate.signs import FAR, FAST, PARTS, SLOW, TRUSTED, USUAL, layout
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.single import after_gelu, before_gelu, bent, dense, linear
from kpcomplete.whereabouts import Whereabouts

_PARTS = len(PARTS)
_FADE = 1 / np.array([SLOW, FAST, USUAL])
_KEY, _GOES, _PARENT, _PART, _MIRROR = (
    getattr(layout(), name).numpy() for name in ("key", "goes_with", "parent", "part", "mirror")
)
_SHARE = 1 / np.bincount(_PART, minlength=_PARTS)


class Live:
    """Doubts people's joints as `Doubt` does, for the work of one frame.

    Equals the network on the window of all frames so far, as long as these are no more than
    ``window``. After that frames that left the window no longer count, as they would not there.
    Speeds and lengths of bones stay in the body units of their frame; these hardly change.

    Args:
        network: Trained; copied.
        window: Frames, the newest included.
    """

    def __init__(self, network: Doubt, *, window: int) -> None:
        self._window, self._now = window, -1
        self._around = Around(network.surroundings)
        self._head = _Head(network)
        self._places = Whereabouts(window)
        joints = len(_PART)
        last = np.zeros((joints, 2))
        self._rows = Rows(
            # of each frame: confidence, length of bones that are sure, whether they are, speed,
            # change of speed
            ring=np.zeros((window, 5 * joints)),
            times=np.full(window, -np.inf),
            points=last, step=last, observed=np.zeros(joints, bool), time=np.zeros(()),
            frames=np.zeros((), np.int64),
        )  # fmt: skip

    def __call__(
        self, batch: PoseBatch, image: Sequence[tuple[int, int]], people: Sequence[str],
        seconds: float, /,
    ) -> Array:  # fmt: skip
        """Return ``[P, J]`` probabilities that joints of the next frame are not there.

        Args:
            batch: ``[P, 1, J]`` pixels, all that was reported.
            image: Width and height of each person's image.
            people: Their names; who is not named is forgotten.
            seconds: The frame's time.
        """
        self._rows.follow(people)
        self._now = (self._now + 1) % self._window
        pixels, confidence, observed = (
            np.ascontiguousarray(x.numpy()[:, 0])
            for x in (batch.keypoints, batch.confidence, batch.observed)
        )
        trusted = observed & (confidence >= TRUSTED)
        found = self._places(pixels, trusted, people)
        centre, scale = (x.astype(np.float64) for x in found)
        points = _placed(pixels, observed, centre, scale)
        around = self._around(
            np.ascontiguousarray(points[:, _KEY]), np.ascontiguousarray(trusted[:, _KEY])
        )
        sure = _sure(confidence, observed)
        out, rows = np.empty((len(points), len(_PART), SIGNS)), self._rows
        _over_time(
            out, points, pixels, observed, sure, trusted, centre, scale, seconds, self._now,
            *(rows[x] for x in ("ring", "times", "points", "step", "observed", "time", "frames")),
        )  # fmt: skip
        edges = np.array(image, np.float64)
        _beside(out, points, observed, sure, *around, centre, scale, edges)
        doubt: Array = self._head(out) * observed
        return doubt


@compiled("f8[:, :, ::1](f4[:, :, ::1], b1[:, ::1], f8[:, ::1], f8[::1])")
def _placed(pixels: Array, observed: Array, centre: Array, scale: Array) -> Array:
    """Return points in body units ``[P, J, 2]``, 0 where not observed."""
    out = np.zeros(pixels.shape)
    for person in range(out.shape[0]):
        for joint in range(out.shape[1]):
            if observed[person, joint]:
                for axis in range(2):
                    place = pixels[person, joint, axis] - centre[person, axis]
                    out[person, joint, axis] = _within(place / scale[person], 3 * FAR)
    return out


@compiled()
def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)


@compiled("f8[:, ::1](f4[:, ::1], b1[:, ::1])")
def _sure(confidence: Array, observed: Array) -> Array:
    """Return log odds of confidences ``[P, J]``."""
    out = np.empty(observed.shape)
    for person in range(out.shape[0]):
        for joint in range(out.shape[1]):
            sure = 1.0 * confidence[person, joint] if observed[person, joint] else 0.0
            sure = min(max(sure, 1e-3), 1 - 1e-3)
            out[person, joint] = math.log(sure / (1 - sure))
    return out


@compiled("void(f8[:, :, ::1], f8[:, :, ::1], f4[:, :, ::1], b1[:, ::1], f8[:, ::1], b1[:, ::1],"
          " f8[:, ::1], f8[::1], f8, i8, f8[:, :, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, :, ::1],"
          " b1[:, ::1], f8[::1], i8[::1])")  # fmt: skip
def _over_time(
    out: Array, points: Array, pixels: Array, observed: Array, sure: Array, trusted: Array,
    centre: Array, scale: Array, seconds: float, now: int, ring: Array, times: Array,
    before: Array, steps: Array, shown: Array, time: Array, frames: Array,
) -> None:  # fmt: skip
    """Write the signs of confidences, bones and movements, and keep what later ones need."""
    people, joints = observed.shape
    sums, total = np.empty((3, ring.shape[2])), np.empty(3)
    for person in range(people):
        row, unit = ring[person, now], math.log(scale[person])
        for joint in range(joints):
            parent = _PARENT[joint]
            known = trusted[person, joint] and trusted[person, parent]
            length = _length(points[person, joint], points[person, parent])
            row[joint], out[person, joint, 11] = sure[person, joint], length
            row[joints + joint] = length + unit if known else 0.0
            row[2 * joints + joint] = known
        pause = max(seconds - time[person], 1e-3)
        for joint in range(joints):
            both = observed[person, joint] and shown[person, joint]
            speed = turned = 0.0
            for axis in range(2):
                last = (before[person, joint, axis] - centre[person, axis]) / scale[person]
                step = (points[person, joint, axis] - _within(last, 3 * FAR)) / pause
                step = step if both else 0.0
                turn = step - steps[person, joint, axis] if frames[person] else 0.0
                speed, turned = speed + step * step, turned + turn * turn
                steps[person, joint, axis] = step
                before[person, joint, axis] = pixels[person, joint, axis]
            shown[person, joint] = observed[person, joint]
            row[3 * joints + joint] = math.log1p(min(math.sqrt(speed), 30.0))
            row[4 * joints + joint] = math.log1p(min(math.sqrt(turned), 30.0))
        time[person], times[person, now] = seconds, seconds
        frames[person] += 1
        _faded(ring[person], times[person], seconds, sums, total)
        _confidences(out[person], sure[person], trusted[person])
        for joint in range(joints):
            signs = out[person, joint]
            signs[1], signs[2] = sums[0, joint] / total[0], sums[1, joint] / total[1]
            count = sums[2, 2 * joints + joint]
            usual = sums[2, joints + joint] / max(count, 1e-6)
            signs[12] = _within(signs[11] + unit - usual, 2.0) if count > 0 else 0.0
            signs[13], signs[15] = math.log1p(count), row[3 * joints + joint]
            for kind in range(2):
                at = (3 + kind) * joints + joint
                fast, slow = sums[1, at] / total[1], sums[0, at] / total[0]
                signs[16 + 2 * kind], signs[17 + 2 * kind] = fast, slow


@compiled()
def _length(point: Array, other: Array) -> float:
    x, y = point[0] - other[0], point[1] - other[1]
    return math.log(min(max(math.sqrt(x * x + y * y), 1e-2), FAR))


@compiled()
def _faded(ring: Array, times: Array, seconds: float, sums: Array, total: Array) -> None:
    """Write sums over frames that count less the longer they are past, in three ways."""
    for way in range(3):
        total[way] = 0.0
        for i in range(ring.shape[1]):
            sums[way, i] = 0.0
        for frame in range(len(times)):
            weight = math.exp((times[frame] - seconds) * _FADE[way])
            total[way] += weight
            for i in range(ring.shape[1]):
                sums[way, i] += weight * ring[frame, i]


@compiled()
def _confidences(out: Array, sure: Array, trusted: Array) -> None:
    """Write how sure the detector is of each joint, of its part, and of the body."""
    parts, share = np.zeros(_PARTS), 0.0
    for joint in range(len(sure)):
        parts[_PART[joint]] += sure[joint] * _SHARE[_PART[joint]]
        share += trusted[joint] / len(sure)
    for joint in range(len(sure)):
        out[joint, 0], out[joint, 3] = sure[joint], sure[joint] - parts[_PART[joint]]
        out[joint, 4], out[joint, 5] = sure[_MIRROR[joint]], share
        for part in range(_PARTS):
            out[joint, 6 + part] = parts[part]
        out[joint, 14] = sure[_PARENT[joint]]


@compiled("void(f8[:, :, ::1], f8[:, :, ::1], b1[:, ::1], f8[:, ::1], f8[:, :, :, ::1],"
          " f8[:, :, :, :, ::1], f8[:, ::1], f8[::1], f8[:, ::1])")  # fmt: skip
def _beside(
    out: Array, points: Array, observed: Array, sure: Array, gap: Array, covariance: Array,
    centre: Array, scale: Array, image: Array,
) -> None:  # fmt: skip
    """Write the signs of the other joints of this frame, and of the image."""
    for person in range(len(out)):
        for joint in range(out.shape[1]):
            signs, point = out[person, joint], points[person, joint]
            goes = _GOES[joint]
            for way in range(gap.shape[1]):
                speaks, away = points[person, _KEY[goes]], gap[person, way, goes]
                _elsewhere(
                    point[0] - speaks[0] + away[0],
                    point[1] - speaks[1] + away[1],
                    covariance[person, way, goes],
                    signs[20 + 4 * way : 24 + 4 * way],
                )
            _company(joint, points[person], observed[person], sure[person], signs)
            twin = points[person, _MIRROR[joint]]
            signs[31] = min(math.hypot(point[0] - twin[0], point[1] - twin[1]), FAR)
            inside = 1.0
            for axis in range(2):
                first = -centre[person, axis] / scale[person]
                last = (image[person, axis] - centre[person, axis]) / scale[person]
                inside = min(inside, point[axis] - first, last - point[axis])
            signs[32], signs[33] = min(abs(point[0]), FAR), _within(point[1], FAR)
            signs[34] = max(inside, -1.0)


@compiled()
def _elsewhere(x: float, y: float, covariance: Array, signs: Array) -> None:
    """Write the signs of a joint that is away from where others put it."""
    a, b, c = covariance[0, 0], covariance[0, 1], covariance[1, 1]
    volume = max(a * c - b * b, 1e-9)
    square = (c * x * x - 2 * b * x * y + a * y * y) / volume
    signs[0] = math.log1p(min(max(square, 0.0), 1e4))
    signs[1], signs[2] = min(math.hypot(x, y), FAR), _within(y, FAR)
    signs[3] = math.log(volume) / 4


@compiled()
def _company(joint: int, points: Array, observed: Array, sure: Array, signs: Array) -> None:
    """Write how near the nearest joint of another part is, and how much surer."""
    nearest, rival = FAR, sure[_KEY[0]]
    for key in _KEY:
        if observed[key] and _PART[key] != _PART[joint]:
            x, y = points[joint, 0] - points[key, 0], points[joint, 1] - points[key, 1]
            apart = math.sqrt(x * x + y * y)
            if apart < nearest:
                nearest, rival = apart, sure[key]
    signs[28], signs[29] = nearest, rival - sure[joint]
    signs[30] = math.exp(-4 * nearest) * signs[29]


class _Head:
    """The small network of `Doubt`."""

    def __init__(self, network: Doubt) -> None:
        self._middle, self._spread = (x.double().numpy() for x in (network.middle, network.spread))
        layers = [linear(layer) for layer in network.layers if isinstance(layer, torch.nn.Linear)]
        layers[1:] = [(after_gelu(weight), bias) for weight, bias in layers[1:]]
        self._inner = [before_gelu(weight, bias) for weight, bias in layers[:-1]]
        self._last, self._kind = layers[-1], network.kind.numpy()

    def __call__(self, signs: Array) -> Array:
        people, joints, _ = signs.shape
        found = np.empty((people, joints, SIGNS + self._kind.shape[1]), np.float32)
        found[..., :SIGNS] = np.clip((signs - self._middle) / self._spread, -5, 5)
        found[..., SIGNS:] = self._kind  # it is told the joint
        rows = found.reshape(people * joints, -1)
        for weight, bias in self._inner:
            rows = bent(rows, weight, bias)
        doubt: Array = expit(dense(rows, *self._last).reshape(people, joints))
        return doubt
