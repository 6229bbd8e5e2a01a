"""Sums of errors that add up over recordings, people and joints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kpcomplete import metric
from kpcomplete.metric import Array

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""What regions should hold, where their calibration is checked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """How far an answer is from the truth, for N windows of T frames.

    Attributes:
        error: ``[N, T, J]`` distance in body units, NaN where nothing was answered.
        square: ``[N, T, J]`` squared distance in standard deviations, NaN without a region.
    """

    error: Array
    square: Array

    @classmethod
    def of(cls, answer: Array, covariance: Array, truth: Array, unit: Array) -> "Judged":
        """Compare ``[N, T, J, 2]`` with its truth.

        Args:
            answer: NaN where missing.
            covariance: ``[N, T, J, 2, 2]``, NaN or 0 where unknown.
            truth: ``[N, T, J, 2]``, NaN where unknown.
            unit: ``[N]`` of the coordinates in a body unit.
        """
        error = metric.distance(answer, truth) / unit[:, None, None]
        square = metric.squared_deviations(answer, truth, covariance)
        return cls(error=error.astype(np.float32), square=square.astype(np.float32))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """Sums over some joints, each ``[J]``; tallies add up.

    Attributes:
        count: How many were to be found.
        found: How many were answered.
        error: Sum of the errors of these, body units.
        near: How many lie within 0.2 torso lengths.
        regions: How many came with a region.
        inside: ``[J, len(LEVELS)]`` how many lie in the region of each level.
    """

    count: Array
    found: Array
    error: Array
    near: Array
    regions: Array
    inside: Array

    @classmethod
    def of(cls, judged: Judged, counted: Array) -> "Tally":
        """Sum up the joints of ``counted`` ``[N, T, J]``."""
        over = (0, 1)
        found = counted & np.isfinite(judged.error)
        regions = found & np.isfinite(judged.square)
        error = np.where(found, judged.error, 0)
        square = np.where(regions, judged.square, np.inf)
        return cls(
            count=counted.sum(axis=over),
            found=found.sum(axis=over),
            error=error.sum(axis=over, dtype=np.float64),
            near=(found & (error < metric.radius(1.0))).sum(axis=over),
            regions=regions.sum(axis=over),
            inside=np.stack(
                [(square <= metric.chi_square(level)).sum(axis=over) for level in LEVELS], axis=-1
            ),
        )

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in _SUMS})

    @property
    def all(self) -> "Tally":
        """The same over all joints, as if they were one."""
        return Tally(**{n: getattr(self, n).sum(axis=0, keepdims=True) for n in _SUMS})

    def figures(self) -> Mapping[str, Array]:
        """Return means by name, each ``[J]``; NaN where there is nothing to take the mean of."""
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = self.inside / self.regions[:, None]
            return {
                "missing": 1 - self.found / self.count,
                "error": self.error / self.found,
                "pck": self.near / self.count,
                **{coverage(level): shares[:, i] for i, level in enumerate(LEVELS)},
            }


_SUMS = tuple(Tally.__dataclass_fields__)


def coverage(level: float) -> str:
    """Return the name of the figure that says how much the regions of a level hold."""
    return f"coverage_{100 * level:g}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Errors of C completers where two of them answer, so that they are compared on one footing.

    Attributes:
        count: ``[C, C]`` joints that both answered.
        error: ``[C, C]`` sum of the errors of the first on these, body units.
    """

    count: Array
    error: Array

    @classmethod
    def of(cls, errors: Sequence[Array]) -> "Pairs":
        """Compare C lists of errors of the same joints, NaN where nothing was answered."""
        table = np.stack(errors).astype(np.float64)
        found = np.isfinite(table).astype(np.float64)
        return cls(count=found @ found.T, error=np.nan_to_num(table) @ found.T)

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(count=self.count + other.count, error=self.error + other.error)

    def difference(self, one: int, other: int) -> float:
        """Return the mean error of one minus that of another; NaN without a common joint."""
        count = self.count[one, other]
        gap = self.error[one, other] - self.error[other, one]
        return float(gap / count) if count else float("nan")
