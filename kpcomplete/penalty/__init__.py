"""What latents are charged for, besides what they fail to fill in."""

from abc import ABC, abstractmethod

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.model import Autoencoder, Latent
from kpcomplete.model.loss import masked_mean


class Penalty(ABC):
    """A number that is added to the loss in training."""

    @abstractmethod
    def __call__(self, network: Autoencoder, batch: PoseBatch, latent: Latent, /) -> Tensor:
        """Return what latents cost, weighted.

        Args:
            network: What made them.
            batch: Of what: windows in body units, corrupted.
            latent: The latents.
        """

    def advance(self, share: float) -> None:  # noqa: B027 (most have nothing to do)
        """Say how much of the training is done, 0..1; most penalties do not mind."""


def mean_of_frames(values: Tensor, latent: Latent) -> Tensor:
    """Return the mean of ``[B, T]`` values over frames in which anything is observed."""
    return masked_mean(values, latent.timeline.observed.any(dim=-1).to(values.dtype))
