"""Latents of a variational network that are spread as they would be if nothing were seen."""

from dataclasses import dataclass, field

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import check_share
from kpcomplete.errors import SettingError
from kpcomplete.model import Autoencoder, Latent
from kpcomplete.penalty import Penalty, mean_of_frames
from kpcomplete.penalty.sparse import check_weight


@dataclass(kw_only=True)
class Divergence(Penalty):
    """The Kullback-Leibler divergence from the standard normal distribution, a frame.

    Its weight grows evenly at first, so that latents come to mean something before they are
    charged for it (Bowman et al. 2016, arXiv 1511.06349; the weight: Higgins et al. 2017, ICLR).

    Args:
        beta: Weight, nats to the loss of a joint; as the loss is a mean over joints, 0.03 is about
            that of a classic variational autoencoder. The larger, the more samples differ, and the
            further their middle is off.
        warmup: Share of the training over which the weight grows, 0..1; 0 is at once.

    Raises:
        SettingError: When called with latents of a network that is not variational.
        ValueError: If a number is out of range.
    """

    beta: float = 0.01
    warmup: float = 0.3
    _done: float = field(default=1.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_weight("beta", self.beta)
        check_share("warmup", self.warmup)

    def advance(self, share: float) -> None:
        self._done = min(share / self.warmup, 1.0) if self.warmup else 1.0

    def __call__(self, network: Autoencoder, batch: PoseBatch, latent: Latent, /) -> Tensor:
        if latent.middle is None or latent.log_variance is None:
            raise SettingError(
                "the penalty divergence is for variational networks, but got "
                f"{type(network).__name__}: set model=variational, or another penalty"
            )
        spread = latent.log_variance.exp() - 1 - latent.log_variance
        nats = 0.5 * (latent.middle.square() + spread).sum(dim=-1)
        return self.beta * self._done * mean_of_frames(nats, latent)
