"""Several corruptions, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded, advance_all, reseed_all


@dataclass(kw_only=True)
class Chain(Seeded):
    """Apply corruptions in order; none at all leaves everything as it is.

    Args:
        parts: The corruptions, which bring their own seeds.
    """

    parts: Sequence[Corruption]

    def reseed(self, step: int) -> None:
        super().reseed(step)
        reseed_all(self.parts, step)

    def advance(self, share: float) -> None:
        advance_all(self.parts, share)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        for part in self.parts:
            batch = part(batch)
        return batch
