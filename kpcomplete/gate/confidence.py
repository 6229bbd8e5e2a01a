"""Take the detector's word, but ask for a clear one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError


@dataclass(kw_only=True)
class Confidence:
    """A joint is as doubtful as the detector says: one minus its confidence.

    Args:
        distrust: Above this doubt a joint is treated as missing, 0..1.

    Raises:
        SettingError: If ``distrust`` is out of range.
    """

    distrust: float = 0.2

    def __post_init__(self) -> None:
        check_distrust(self.distrust)

    def __call__(
        self, batch: PoseBatch, edges: Tensor | None = None, last: int | None = None, /
    ) -> Tensor:
        doubt = torch.where(batch.observed, 1 - batch.confidence, 0.0)
        return doubt[:, lasting(doubt.shape[1], last)]


def lasting(time: int, last: int | None) -> slice:
    """Return which of some frames are the last ones; all if None."""
    return slice(0 if last is None else max(0, time - last), time)


def check_distrust(distrust: float) -> None:
    """Raise `SettingError` unless it is a probability."""
    if not 0 <= distrust <= 1:
        raise SettingError(f"distrust must be in 0..1, but got {distrust}")
