"""Several penalties at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.model import Autoencoder, Latent
from kpcomplete.penalty import Penalty


@dataclass(kw_only=True)
class Total(Penalty):
    """The sum of penalties.

    Args:
        parts: The penalties, which bring their own weights.
    """

    parts: Sequence[Penalty]

    def advance(self, share: float) -> None:
        for part in self.parts:
            part.advance(share)

    def __call__(self, network: Autoencoder, batch: PoseBatch, latent: Latent, /) -> Tensor:
        total = latent.code.new_zeros(())
        for part in self.parts:
            total = total + part(network, batch, latent)
        return total
