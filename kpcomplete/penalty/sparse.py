"""Latents of which few codes are on at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.model import Autoencoder, Latent
from kpcomplete.penalty import Penalty, mean_of_frames


@dataclass(kw_only=True)
class L1(Penalty):
    """The mean absolute code: draws codes to exactly 0.

    Args:
        weight: Times that.

    Raises:
        ValueError: If ``weight`` is negative.
    """

    weight: float

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)

    def __call__(self, network: Autoencoder, batch: PoseBatch, latent: Latent, /) -> Tensor:
        return self.weight * mean_of_frames(latent.code.abs().mean(dim=-1), latent)


@dataclass(kw_only=True)
class Sparse(Penalty):
    """Every code is on in a small share of the poses (Lee et al. 2008, Ng 2011).

    The Kullback-Leibler divergence of how much a code is on, on average over the batch, from
    ``share``, mean over codes. Codes must be shares: of a network whose latent a sigmoid squashes.

    Args:
        weight: Times that.
        share: Wanted, between 0 and 1.

    Raises:
        SettingError: When called with codes that are no shares.
        ValueError: If a number is out of range.
    """

    weight: float
    share: float = 0.05

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)
        if not 0 < self.share < 1:
            raise ValueError(f"share must be between 0 and 1, but got {self.share}")

    def __call__(self, network: Autoencoder, batch: PoseBatch, latent: Latent, /) -> Tensor:
        code = latent.code
        if code.numel() and not (code.detach().min() >= 0 and code.detach().max() <= 1):
            raise SettingError(
                "the sparse penalty wants codes in 0..1, but got "
                f"{code.min().item():.3g} to {code.max().item():.3g}: set model.squash=sigmoid, or "
                "use the penalty l1"
            )
        there = latent.timeline.observed.any(dim=-1, keepdim=True)
        on = (code * there).sum(dim=(0, 1)) / there.sum().clamp_min(1)
        on = on.clamp(1e-6, 1 - 1e-6)
        apart = self.share * (self.share / on).log()
        apart = apart + (1 - self.share) * ((1 - self.share) / (1 - on)).log()
        return self.weight * torch.where(there.any(), apart.mean(), 0.0)


def check_weight(name: str, value: float) -> None:
    """Raise ValueError if a weight is negative."""
    if value < 0:
        raise ValueError(f"{name} must not be negative, but got {value}")
