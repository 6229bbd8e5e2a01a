"""A trained network that completes people frame by frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch
from kpcomplete.model import Prediction
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal
from kpcomplete.normalize import TORSO, Placement
from kpcomplete.pose import Array

_ANGLE = np.arange(24) * (np.pi / 24)  # the half of a circle
_DIRECTIONS = np.stack(
    [np.cos(_ANGLE) ** 2, np.cos(_ANGLE) * np.sin(_ANGLE), np.sin(_ANGLE) ** 2]
).astype(np.float32)


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
        found, placement = self._stream.step(batch, seconds)
        return self._filled(batch, found, placement)

    def _filled(self, batch: PoseBatch, found: Prediction, placement: Placement) -> PoseBatch:
        """Return what `kpcomplete.completer.filling.filled` does, in pixels, in numpy."""
        factor, observed = found.factor.numpy(), batch.observed.numpy()
        scale = placement.scale.numpy()[:, None, None]
        first, slant, second = factor[..., 0, 0], factor[..., 1, 0], factor[..., 1, 1]
        a, b, c = first * first, first * slant, slant * slant + second * second
        fill = found.known.numpy() & ~observed
        if self._max_std is not None:
            half = (a - c) / 2
            fill &= np.sqrt((a + c) / 2 + np.sqrt(half * half + b * b)) <= self._max_std
        confidence = batch.confidence.numpy().copy()
        confidence[fill] = _inside(a[fill], b[fill], c[fill], CONFIDENCE_RADIUS * TORSO)
        points = found.mean.numpy() * scale[..., None] + placement.centre.numpy()[:, None, None]
        covariance = np.stack([a, b, b, c], axis=-1) * (fill * np.square(scale))[..., None]
        given = observed | fill
        return replace(
            batch,
            keypoints=torch.from_numpy(
                np.where(fill[..., None], points, batch.keypoints.numpy() * given[..., None])
            ),
            confidence=torch.from_numpy(confidence),
            observed=torch.from_numpy(given),
            covariance=torch.from_numpy(covariance.reshape(factor.shape)),
            memory=None,
        )


def _inside(a: Array, b: Array, c: Array, radius: float) -> Array:
    """Return what `kpcomplete.batch.within_radius` does, of covariances a, b, b, c."""
    determinant = np.maximum(a * c - b * b, np.float32(1e-18))
    form = np.stack([c, -2 * b, a], axis=-1) @ _DIRECTIONS
    form = np.maximum(form, np.float32(1e-12)) / determinant[:, None]
    part = -np.expm1(np.float32(-0.5 * radius**2) * form) / form
    inside: Array = np.clip(part.mean(axis=-1) / np.sqrt(determinant), 0, 1)
    return inside
