"""A trained network as a completer."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from kpcomplete import checkpoint
from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch, within_radius
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.model import Autoencoder
from kpcomplete.normalize import TORSO


class AutoencoderCompleter:
    """Fills in joints with a denoising autoencoder.

    Joints that its training material never showed are filled in only while they can be held or
    interpolated; if they are never seen, they stay missing.

    Args:
        weights: Path of a checkpoint, or the name of one that comes with kpcomplete.
        causal: Never look at later frames.
        max_std: Body units (about a shoulder width). What is less certain than this, in the
            worst direction, stays missing; None fills in everything.
        device: Where the network runs, e.g. ``cpu`` or ``cuda``.
        chunk: Frames, of all windows together, that are computed at a time; bounds memory.

    Raises:
        ModelFileError: If the checkpoint cannot be read, or holds no autoencoder.
        SettingError: If ``max_std`` or ``chunk`` is not positive.
    """

    def __init__(
        self,
        *,
        weights: str | Path = "completer",
        causal: bool = False,
        max_std: float | None = None,
        device: str = "cpu",
        chunk: int = 20_000,
    ) -> None:
        if chunk < 1 or (max_std is not None and max_std <= 0):
            raise SettingError(
                f"max_std and chunk must be positive, but got max_std={max_std}, chunk={chunk}"
            )
        found = checkpoint.load(checkpoint.find(weights))
        network = found.build()
        if not isinstance(network, Autoencoder):
            raise ModelFileError(
                f"{found.path} must hold an autoencoder, but holds {found.metadata.network}"
            )
        self.network = network.to(device).requires_grad_(False)
        self.causal = causal
        self.max_std = max_std
        self.chunk = chunk

    @torch.inference_mode()
    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        """Return windows in body units with missing joints filled in."""
        device = next(self.network.buffers()).device
        rows = max(1, self.chunk // max(batch.times.shape[1], 1))
        parts = [
            self._complete(batch.select(slice(i, i + rows)).to(device)).to(batch.device)
            for i in range(0, max(len(batch), 1), rows)
        ]
        return PoseBatch.concatenate(parts)

    def _complete(self, batch: PoseBatch) -> PoseBatch:
        found = self.network(batch, causal=self.causal)
        covariance = found.covariance
        filled = found.known & ~batch.observed
        if self.max_std is not None:
            filled &= _largest_std(covariance) <= self.max_std
        confidence = batch.confidence.clone()
        confidence[filled] = within_radius(covariance[filled], CONFIDENCE_RADIUS * TORSO)
        return replace(
            batch,
            keypoints=torch.where(filled[..., None], found.mean, batch.keypoints),
            confidence=confidence,
            observed=batch.observed | filled,
            covariance=torch.where(filled[..., None, None], covariance, 0.0),
        )


def _largest_std(covariance: Tensor) -> Tensor:
    """Return the standard deviation in the worst direction, ``[..., ]`` of ``[..., 2, 2]``."""
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    mean, half = (a + c) / 2, (a - c) / 2
    largest: Tensor = (mean + (half.square() + b.square()).sqrt()).sqrt()
    return largest
