"""How many standard deviations moments are from normal ones."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kpcomplete.anomaly import Moments
from kpcomplete.anomaly.gathered import Gathered, Spread
from kpcomplete.corruption.seeded import check_share


@dataclass(frozen=True, kw_only=True, eq=False)
class Mahalanobis:
    """The distance from the mean of normal moments in units of their spread.

    Args:
        gathered: Frames and joints of a moment; several frames also tell velocities.
        noise: Variance added in each direction, body units squared: what is less than that is
            no movement.
        own_share: Weight of the watched person's normal driving, others' being the rest, 0..1.
    """

    gathered: Gathered
    noise: float = 0.03
    own_share: float = 0.0
    _mean: Tensor | None = field(default=None, repr=False)
    _root: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_share("own_share", self.own_share)

    @property
    def past(self) -> int:
        """Frames that it looks at."""
        return self.gathered.past

    def fit(self, strangers: Moments, own: Moments | None) -> "Mahalanobis":
        """Return the spread of normal moments."""
        rows = None if own is None else self.gathered(own)
        mean, covariance = Spread.of(self.gathered(strangers), rows, self.own_share)
        values, vectors = torch.linalg.eigh(covariance.double())
        root = vectors / (values.clamp_min(0) + self.noise).sqrt()
        return replace(self, _mean=mean, _root=root.to(mean))

    def __call__(self, moments: Moments, /) -> Tensor:
        """Return the logarithm of the mean squared deviation."""
        assert self._mean is not None  # see fit
        assert self._root is not None
        found = (self.gathered(moments) - self._mean) @ self._root
        return (found.square().mean(dim=1) + 1e-8).log()
