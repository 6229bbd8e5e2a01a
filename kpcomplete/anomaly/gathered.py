"""Moments as rows of numbers, and what is normal among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from kpcomplete.anomaly import Moments
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import CANONICAL, Skeleton

UPPER = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
)  # fmt: skip
"""Joints that cameras in cars see now and then."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Takes some joints of some frames of a moment as one row of numbers.

    A missing joint is taken for where it usually is: it speaks neither for nor against.

    Args:
        frames: Of the moment, the judged one included.
        step: Frames from one to the next.
        joints: Names.

    Raises:
        SettingError: If ``frames`` or ``step`` is below 1, or there is no joint.
    """

    frames: int
    step: int = 1
    joints: Sequence[str] = UPPER

    def __post_init__(self) -> None:
        if self.frames < 1 or self.step < 1 or not self.joints:
            raise SettingError(
                "moments need frames >= 1, step >= 1 and a joint, but got "
                f"frames={self.frames}, step={self.step}, {len(self.joints)} joints"
            )

    @property
    def past(self) -> int:
        """Frames from the first to the judged one."""
        return (self.frames - 1) * self.step + 1

    def __call__(self, moments: Moments) -> Tensor:
        """Return ``[N, frames * joints * 2]`` body units."""
        which = Skeleton.load(CANONICAL).indices(self.joints)
        return moments.away[:, -self.past :: self.step][:, :, which].nan_to_num(0.0).flatten(1)


class Spread(NamedTuple):
    """Mean ``[D]`` and covariance ``[D, D]`` of rows."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, strangers: Tensor, own: Tensor | None, own_share: float) -> "Spread":
        """Weigh the rows of the watched person, if any, as a share of all."""
        parts = [_moments(strangers)]
        shares = [1.0]
        if own is not None:
            parts.append(_moments(own))
            shares = [1 - own_share, own_share]
        mean = sum((w * m for w, (m, _) in zip(shares, parts, strict=True)), torch.zeros(()))
        square = sum((w * s for w, (_, s) in zip(shares, parts, strict=True)), torch.zeros(()))
        return cls(mean, square - mean[:, None] * mean)


def _moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    return rows.mean(dim=0), rows.mT @ rows / len(rows)
