"""Poses as a few directions of movement and noise."""

from dataclasses import dataclass, field

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.by_frame import ByFrame
from kpcomplete.completer.fitted import Weights, read
from kpcomplete.completer.gaussian import conditional
from kpcomplete.mixture import Mixture


@dataclass(kw_only=True, eq=False)
class LowRank:
    """A mixture of probabilistic PCAs of single frames, one a kind of camera.

    Tipping & Bishop 1999, doi 10.1162/089976699300016728. Of single frames and not of windows:
    windows do better where joints flicker (where interpolation is better still), but much worse
    where an arm is hidden throughout, and they would ask for one length and one frame rate.

    Args:
        weights: ``joints [S]``, ``weight [K]``, ``mean [K, 2 S]``, ``loadings [K, 2 S, q]`` and
            ``noise [K]``, the variance outside of the q directions.
    """

    weights: Weights = "low_rank"
    causal: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        found = read(self.weights, ("joints", "weight", "mean", "loadings", "noise"))
        loadings, noise = found["loadings"], found["noise"][:, None, None]
        self.mixture = Mixture(
            joints=found["joints"].long(),
            weight=found["weight"],
            mean=found["mean"],
            covariance=loadings @ loadings.mT + noise * torch.eye(loadings.shape[1]),
        )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        return conditional(batch, self.mixture)

    def stream(self, window: int) -> ByFrame:
        """Return the same frame by frame."""
        return ByFrame(lambda batch, _: self(batch), window=window)
