"""Corruptions whose mixture changes while a network learns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kpcomplete.corruption.choice import Choice
from kpcomplete.corruption.seeded import check_share


@dataclass(kw_only=True)
class Curriculum(Choice):
    """Start with some corruptions and go over to others (Bengio et al. 2009, ICML).

    The weights go evenly from ``first`` to ``weights``. Outside training they are the latter.

    Args:
        choices: The corruptions, easy ones to hard ones.
        weights: How likely each is in the end, up to a common factor.
        first: How likely each is at the beginning.
        until: Share of the training after which the weights stay, 0..1; 0 is at once.
        seed: Same seed, same choices.

    Raises:
        ValueError: If weights do not fit the corruptions, or ``until`` is no share.
    """

    first: Sequence[float]
    until: float = 0.5
    _done: float = field(default=1.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_share("until", self.until)
        if len(self.first) != len(self.choices) or min(self.first) < 0 or sum(self.first) <= 0:
            raise ValueError(
                "a curriculum needs one first weight for each corruption, not negative nor all 0, "
                f"but got {len(self.choices)} corruptions and {list(self.first)}"
            )
        super().__post_init__()

    def advance(self, share: float) -> None:
        super().advance(share)
        self._done = min(share / self.until, 1.0) if self.until else 1.0

    def _weights(self) -> list[float]:
        last = super()._weights()
        if len(self.first) != len(last):
            return last  # too many or few, which is refused
        a, b = sum(self.first), sum(last)
        pairs = zip(self.first, last, strict=True)
        return [(1 - self._done) * x / a + self._done * y / b for x, y in pairs]
