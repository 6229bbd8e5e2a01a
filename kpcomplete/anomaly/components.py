"""What the principal components of normal moments leave over."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kpcomplete.anomaly import Moments
from kpcomplete.anomaly.gathered import Gathered, Spread
from kpcomplete.corruption.seeded import check_share


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """Reconstructs moments from principal components; the error is the score.

    Args:
        gathered: Frames and joints of a moment.
        explained: Share of the variance that the components hold, 0..1.
        own_share: Weight of the watched person's normal driving, others' being the rest, 0..1.
    """

    gathered: Gathered
    explained: float = 0.9
    own_share: float = 0.5
    _mean: Tensor | None = field(default=None, repr=False)
    _basis: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_share("explained", self.explained)
        check_share("own_share", self.own_share)

    @property
    def past(self) -> int:
        """Frames that it looks at."""
        return self.gathered.past

    def fit(self, strangers: Moments, own: Moments | None) -> "Components":
        """Return the components of normal moments."""
        rows = None if own is None else self.gathered(own)
        mean, covariance = Spread.of(self.gathered(strangers), rows, self.own_share)
        values, vectors = torch.linalg.eigh(covariance.double())
        held = values.flip(0).clamp_min(0).cumsum(0) / values.clamp_min(0).sum()
        count = int((held < self.explained).sum()) + 1
        return replace(self, _mean=mean, _basis=vectors[:, -count:].to(mean))

    def __call__(self, moments: Moments, /) -> Tensor:
        """Return the logarithm of the mean squared error."""
        assert self._mean is not None  # see fit
        assert self._basis is not None
        apart = self.gathered(moments) - self._mean
        left = apart - apart @ self._basis @ self._basis.mT
        return (left.square().mean(dim=1) + 1e-8).log()
