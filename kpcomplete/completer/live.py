"""A trained network that completes people frame by frame."""

from collections.abc import Sequence

import numpy as np
import torch

from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch
from kpcomplete.model.decide import Decided
from kpcomplete.model.engine import Engine
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal
from kpcomplete.normalize import TORSO
from kpcomplete.pose import Array

_ANGLE = np.arange(24) * (np.pi / 24)  # the half of a circle
_DIRECTIONS = np.stack(
    [np.cos(_ANGLE) ** 2, -2 * np.cos(_ANGLE) * np.sin(_ANGLE), np.sin(_ANGLE) ** 2]
).astype(np.float32)
_MEAN = np.full(len(_ANGLE), 1 / len(_ANGLE), np.float32)


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
        self._max_std = max_std
        self._people: list[str] = []

    @torch.inference_mode()
    def __call__(self, batch: PoseBatch, people: Sequence[str], seconds: float, /) -> PoseBatch:
        """Return the next frame of some people with missing joints filled in, in pixels."""
        if list(people) != self._people:
            known = {person: row for row, person in enumerate(self._people)}
            self._stream.arrange([known.get(person) for person in people])
            self._people = list(people)
        self._stream.look(batch, seconds)
        return self._filled(batch, self._stream.decide())

    @property
    def engine(self) -> Engine:
        """What runs the network."""
        return self._stream.engine

    def _filled(self, batch: PoseBatch, found: Decided) -> PoseBatch:
        """Return what `kpcomplete.completer.filling.filled` does, in pixels, in numpy."""
        observed, known = batch.observed.numpy()[:, 0], found.known
        scale = self._stream.scale[:, None]
        first, slant, second = found.factor.swapaxes(0, 1)
        a, b, c = first * first, first * slant, slant * slant + second * second
        fill = known & ~observed
        if self._max_std is not None:
            half = (a - c) / 2
            fill &= np.sqrt((a + c) / 2 + np.sqrt(half * half + b * b)) <= self._max_std
        confidence = batch.confidence.numpy()[:, 0].copy()
        confidence[fill] = _inside(a[fill], b[fill], c[fill], CONFIDENCE_RADIUS * TORSO)
        points = found.mean * scale[..., None]
        points += self._stream.centre[:, None]
        covariance = np.empty((*fill.shape, 2, 2), np.float32)
        area = fill * np.square(scale)
        covariance[..., 0, 0], covariance[..., 1, 1] = a * area, c * area
        covariance[..., 0, 1] = covariance[..., 1, 0] = b * area
        given = observed | fill
        keypoints = np.where(given[..., None], batch.keypoints.numpy()[:, 0], np.float32(0))
        np.copyto(keypoints, points, where=fill[..., None], casting="same_kind")
        return PoseBatch(
            keypoints=torch.from_numpy(keypoints)[:, None],
            confidence=torch.from_numpy(confidence)[:, None],
            observed=torch.from_numpy(given)[:, None],
            times=batch.times,
            covariance=torch.from_numpy(covariance)[:, None],
        )


def _inside(a: Array, b: Array, c: Array, radius: float) -> Array:
    """Return what `kpcomplete.batch.within_radius` does, of covariances a, b, b, c."""
    determinant = np.maximum(a * c - b * b, 1e-18)
    rows = np.empty((len(a), 3), np.float32)
    rows[:, 0], rows[:, 1], rows[:, 2] = c, b, a
    form = np.maximum(rows @ _DIRECTIONS, np.float32(1e-12))
    form /= determinant[:, None].astype(np.float32)
    part = np.expm1(np.float32(-0.5 * radius**2) * form)
    part /= form
    inside: Array = (part @ _MEAN) / -np.sqrt(determinant)
    return np.minimum(np.maximum(inside, 0), 1)
