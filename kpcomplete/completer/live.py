"""A trained network that completes people frame by frame."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch
from kpcomplete.compiled import compiled
from kpcomplete.model.decide import Decided
from kpcomplete.model.engine import Engine
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream, remembered, shown
from kpcomplete.model.temporal import Temporal
from kpcomplete.normalize import TORSO
from kpcomplete.pose import Array

_ANGLE = np.arange(24) * (np.pi / 24)  # the half of a circle
_COS, _SIN = np.cos(_ANGLE), np.sin(_ANGLE)
_RADIUS = CONFIDENCE_RADIUS * TORSO


class Live:
    """Keeps what the network knows of everyone it was shown in the frame before.

    Args:
        network: Runs on the CPU, wherever it lies.
        window: Frames after which observations are forgotten.
        max_std: See `AutoencoderCompleter`.
        fused: See `kpcomplete.model.streaming.Stream`.
    """

    def __init__(
        self,
        network: Temporal,
        *,
        window: int,
        max_std: float | None = None,
        fused: Fused | None = None,
    ) -> None:
        self._stream = Stream(network, window=window, fused=fused)
        self._max_std = np.inf if max_std is None else max_std
        self._people: list[str] = []

    @torch.inference_mode()
    def __call__(self, batch: PoseBatch, people: Sequence[str], seconds: float, /) -> PoseBatch:
        """Return the next frame of some people with missing joints filled in, in pixels."""
        if list(people) != self._people:
            known = {person: row for row, person in enumerate(self._people)}
            self._stream.arrange([known.get(person) for person in people])
            self._people = list(people)
        self._stream.look(*shown(batch), seconds, memory=remembered(batch))
        return self._filled(batch, self._stream.decide())

    @property
    def engine(self) -> Engine:
        """What runs the network."""
        return self._stream.engine

    def _filled(self, batch: PoseBatch, found: Decided) -> PoseBatch:
        """Return what `kpcomplete.completer.filling.filled` does, in pixels."""
        points, observed = shown(batch)
        keypoints, confidence, given, covariance = _filled(
            points, np.ascontiguousarray(batch.confidence.numpy()[:, 0]), observed, found.mean,
            found.factor, found.known, self._stream.centre, self._stream.scale, self._max_std,
        )  # fmt: skip
        return PoseBatch(
            keypoints=torch.from_numpy(keypoints)[:, None],
            confidence=torch.from_numpy(confidence)[:, None],
            observed=torch.from_numpy(given)[:, None],
            times=batch.times,
            covariance=torch.from_numpy(covariance)[:, None],
        )


@compiled("Tuple((f4[:, :, ::1], f4[:, ::1], b1[:, ::1], f4[:, :, :, ::1]))(f4[:, :, ::1],"
          " f4[:, ::1], b1[:, ::1], f8[:, :, ::1], f8[:, :, ::1], b1[:, ::1], f8[:, ::1], f8[::1],"
          " f8)")  # fmt: skip
def _filled(
    keypoints: Array, confidence: Array, observed: Array, mean: Array, factor: Array, known: Array,
    centre: Array, scale: Array, max_std: float,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    people, joints = observed.shape
    points, sure, given = keypoints.copy(), confidence.copy(), observed.copy()
    covariance = np.zeros((people, joints, 2, 2), np.float32)
    for person in range(people):
        for joint in range(joints):
            if observed[person, joint]:
                continue
            first, slant = factor[person, 0, joint], factor[person, 1, joint]
            second = factor[person, 2, joint]
            a, b, c = first * first, first * slant, slant * slant + second * second
            half = (a - c) / 2
            worst = math.sqrt((a + c) / 2 + math.sqrt(half * half + b * b))
            given[person, joint] = known[person, joint] and worst <= max_std
            for axis in range(2):
                points[person, joint, axis] = 0
                if given[person, joint]:
                    place = mean[person, joint, axis] * scale[person] + centre[person, axis]
                    points[person, joint, axis] = place
            if given[person, joint]:
                area = scale[person] * scale[person]
                sure[person, joint] = _inside(a, b, c)
                covariance[person, joint, 0, 0] = a * area
                covariance[person, joint, 1, 1] = c * area
                covariance[person, joint, 0, 1] = covariance[person, joint, 1, 0] = b * area
    return points, sure, given, covariance


@compiled()
def _inside(a: float, b: float, c: float) -> float:
    """Return what `kpcomplete.batch.within_radius` does, of a covariance a, b, b, c."""
    wide, total = math.sqrt(max(a, 1e-12)), 0.0
    across = b / wide
    high = math.sqrt(max(c - across * across, 0.0))
    for number in range(len(_COS)):
        x, y = _COS[number], _SIN[number]
        away = (wide * x) ** 2 + (across * x + high * y) ** 2
        total -= math.expm1(-0.5 * _RADIUS * _RADIUS / max(away, 1e-12))
    return total / len(_COS)
