"""How far the most similar normal moments are."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kpcomplete.anomaly import Moments
from kpcomplete.anomaly.gathered import Gathered
from kpcomplete.errors import SettingError


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """The mean distance to the nearest normal moments.

    Args:
        gathered: Frames and joints of a moment.
        count: Of neighbours.
        strangers_step: Of other people's moments, every so many are kept.

    Raises:
        SettingError: If ``count`` or ``strangers_step`` is below 1.
    """

    gathered: Gathered
    count: int = 5
    strangers_step: int = 2
    _known: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.count < 1 or self.strangers_step < 1:
            raise SettingError(
                "neighbours need count >= 1 and strangers_step >= 1, but got "
                f"{self.count} and {self.strangers_step}"
            )

    @property
    def past(self) -> int:
        """Frames that it looks at."""
        return self.gathered.past

    def fit(self, strangers: Moments, own: Moments | None) -> "Neighbours":
        """Return the moments that are known."""
        known = [self.gathered(strangers)[:: self.strangers_step]]
        known += [] if own is None else [self.gathered(own)]
        return replace(self, _known=torch.cat(known))

    def __call__(self, moments: Moments, /) -> Tensor:
        """Return twice the logarithm of the mean distance."""
        assert self._known is not None  # see fit
        count = min(self.count, len(self._known))
        parts = [
            torch.cdist(rows, self._known).topk(count, dim=1, largest=False).values.mean(dim=1)
            for rows in torch.split(self.gathered(moments), 2048)
        ]
        return 2 * (torch.cat([*parts, torch.zeros(0)]) + 1e-4).log()
