"""What networks that look at one frame at a time have in common."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.model import Autoencoder, Latent, Prediction
from kpcomplete.model.layers import factors
from kpcomplete.model.timeline import Timeline


class FrameAutoencoder(Autoencoder):
    """Base of networks that complete each frame by itself, so that causal makes no difference.

    Joints are given in units of their spread, missing ones as 0. A joint is known where its frame
    shows any joint at all and the training material knows it.

    Args:
        arguments: What the constructor of the network was given, plain.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__(arguments)
        self.shape = nn.Parameter(torch.zeros(len(self.skeleton), 3))  # of the regions

    @abstractmethod
    def squeeze(self, values: Tensor, observed: Tensor) -> Tensor:
        """Return latents ``[B, T, D]`` of values ``[B, T, J, 2]`` and observed ``[B, T, J]``."""

    @abstractmethod
    def expand(self, code: Tensor) -> Tensor:
        """Return all joints ``[B, T, J, 2]`` in units of their spread."""

    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        given = batch.observed & self.supported
        code = self.squeeze(self.standardised(batch.keypoints, given), given.float())
        return Latent(code=code, timeline=Timeline.of(batch, causal=causal))

    def decode(self, latent: Latent) -> Prediction:
        mean = self.centre + self.spread[:, None] * self.expand(latent.code)
        given = latent.timeline.observed & self.supported
        known = self.supported & given.any(dim=-1, keepdim=True)
        factor = factors(self.shape, 0.5 * self.spread[:, None])
        return Prediction(
            mean=torch.where(known[..., None], mean, 0.0),
            factor=factor.expand(*known.shape, 2, 2),
            known=known,
        )
