"""One of several corruptions, drawn for each window."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded, advance_all, reseed_all


@dataclass(kw_only=True)
class Choice(Seeded):
    """Apply to each window one corruption, drawn with given weights.

    Args:
        choices: The corruptions, which bring their own seeds.
        weights: How likely each is, up to a common factor; all the same if not given.
        seed: Same seed, same choices.

    Raises:
        ValueError: If there are no choices, or the weights do not fit them.
    """

    choices: Sequence[Corruption]
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        weights = self._weights()
        if not self.choices or len(weights) != len(self.choices):
            raise ValueError(
                f"a choice needs one weight for each corruption, but got {len(self.choices)} "
                f"corruptions and {len(weights)} weights"
            )
        if min(weights) < 0 or sum(weights) <= 0:
            raise ValueError(f"weights must not be negative nor all 0, but got {weights}")

    def reseed(self, step: int) -> None:
        super().reseed(step)
        reseed_all(self.choices, step)

    def advance(self, share: float) -> None:
        advance_all(self.choices, share)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not len(batch):
            return batch
        limits = torch.tensor(self._weights(), device=batch.device).cumsum(0)
        draw = self.uniform(len(batch), device=batch.device) * limits[-1]
        chosen = torch.searchsorted(limits, draw, right=True).clamp_max(len(limits) - 1)
        rows = [torch.nonzero(chosen == i).flatten() for i in range(len(self.choices))]
        done = [c(batch.select(r)) for c, r in zip(self.choices, rows, strict=True) if len(r)]
        return PoseBatch.concatenate(done).select(torch.cat(rows).argsort())

    def _weights(self) -> list[float]:
        return [1.0] * len(self.choices) if self.weights is None else list(self.weights)
