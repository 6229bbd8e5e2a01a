"""The last sight of a joint, kept."""

import math
from dataclasses import dataclass, field

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.by_frame import ByFrame
from kpcomplete.completer.fitted import Weights
from kpcomplete.completer.gaps import Gaps, at, finish, round_covariance, unchanged
from kpcomplete.completer.motion import Variogram


@dataclass(kw_only=True, eq=False)
class Hold:
    """Leaves a joint where it was last seen.

    Args:
        max_gap: Seconds after which nothing is said any more.
        weights: How far joints move in a time: gives the uncertainty.
    """

    max_gap: float = math.inf
    weights: Weights = "motion"
    causal: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._variogram = Variogram.read(self.weights)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.observed.numel():
            return unchanged(batch)
        gaps = Gaps.of(batch)
        return self.held(batch, at(batch.keypoints, gaps.before), gaps.since)

    def held(self, batch: PoseBatch, before: Tensor, since: Tensor) -> PoseBatch:
        """Return a batch, given where joints were seen last and seconds since; inf: never."""
        known = since.isfinite() & (since <= self.max_gap)
        return finish(batch, before, round_covariance(self._variogram(since)), known)

    def stream(self, window: int) -> ByFrame:
        """Return the same frame by frame."""
        return ByFrame(lambda batch, kept: self.held(batch, kept.before, kept.since), window=window)
