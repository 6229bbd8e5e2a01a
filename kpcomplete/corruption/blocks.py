"""Corrupt a long recording piece by piece, so that it loses as much as short windows do."""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded, reseed_all


@dataclass(kw_only=True)
class Blocks(Seeded):
    """Cut windows into pieces of equal length, and corrupt each as if it were a window.

    Args:
        corruption: What is done to each piece; brings its own seed.
        seconds: About how long a piece is; windows hardly longer are one piece.

    Raises:
        ValueError: If ``seconds`` is not positive.
    """

    corruption: Corruption
    seconds: float

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"blocks must last some seconds, but got {self.seconds}")

    def reseed(self, step: int) -> None:
        super().reseed(step)
        reseed_all([self.corruption], step)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        frames = batch.times.shape[1]
        count = self._count(batch)
        edges = [round(i * frames / count) for i in range(count + 1)]
        parts = [
            self.corruption(batch.frames(slice(first, last))) for first, last in pairwise(edges)
        ]
        return replace(
            batch,
            keypoints=torch.cat([part.keypoints for part in parts], dim=1),
            confidence=torch.cat([part.confidence for part in parts], dim=1),
            observed=torch.cat([part.observed for part in parts], dim=1),
        )

    def _count(self, batch: PoseBatch) -> int:
        if not batch.times.numel():
            return 1
        longest = float((batch.times[:, -1] - batch.times[:, 0]).max())
        return max(1, min(batch.times.shape[1], round(longest / self.seconds)))
