"""The last sight of a joint, kept."""

import math
from dataclasses import dataclass, field

from kpcomplete.batch import PoseBatch
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
        variance = self._variogram(gaps.since)
        known = gaps.since.isfinite() & (gaps.since <= self.max_gap)
        return finish(batch, at(batch.keypoints, gaps.before), round_covariance(variance), known)
