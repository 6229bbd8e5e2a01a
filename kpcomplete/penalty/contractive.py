"""Latents that hardly follow small changes of the pose."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.model import Autoencoder, Latent
from kpcomplete.model.mlp import MLP
from kpcomplete.penalty import Penalty, mean_of_frames
from kpcomplete.penalty.sparse import check_weight


@dataclass(kw_only=True)
class Contractive(Penalty):
    """The squared Frobenius norm of the Jacobian of the encoder (Rifai et al. 2011, ICML).

    Mean over frames, joints in units of their spread; exact where the encoder is one layer. Else
    it is estimated, as Rifai et al. 2011 do for higher orders: by how far the latents of slightly
    moved poses are from those of the given ones.

    Args:
        weight: Times that.
        step: Standard deviation by which poses are moved for the estimate, in units of the
            joints' spread.

    Raises:
        ValueError: If a number is out of range.
    """

    weight: float
    step: float = 0.01

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)
        if self.step <= 0:
            raise ValueError(f"step must be above 0, but got {self.step}")

    def __call__(self, network: Autoencoder, batch: PoseBatch, latent: Latent, /) -> Tensor:
        norms = None
        if isinstance(network, MLP):
            given = (batch.observed & network.supported).to(latent.code.dtype)
            norms = network.sensitivity(latent.code, given)
        if norms is None:
            norms = self._estimate(network, batch, latent.timeline.causal)
        return self.weight * mean_of_frames(norms, latent)

    def _estimate(self, network: Autoencoder, batch: PoseBatch, causal: bool) -> Tensor:
        """Return ``[B, T]`` norms; their mean is what is meant, as other frames count too."""
        seen = batch.observed[..., None]
        away = self.step * network.spread[:, None] * torch.randn_like(batch.keypoints)
        moved = replace(batch, keypoints=torch.where(seen, batch.keypoints + away, 0.0))
        training = network.training
        network.eval()  # both without noise
        try:
            here, there = (network.encode(b, causal=causal).code for b in (batch, moved))
        finally:
            network.train(training)
        norms: Tensor = ((there - here) / self.step).square().sum(dim=-1)
        return norms
