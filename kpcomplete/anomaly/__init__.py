"""How unusual the posture of the moment is, learned from normal driving alone."""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


class Moments(NamedTuple):
    """Moments to be judged, each with the frames before it.

    Attributes:
        away: ``[N, L, J, 2]`` how far joints are from where the person usually has them, body
            units; the judged frame is last; NaN where missing.
        usual: ``[N, J, 2]`` where the person usually has them, body units.
    """

    away: Float[Tensor, "moment time joint 2"]
    usual: Float[Tensor, "moment joint 2"]

    def select(self, rows: Tensor | slice) -> "Moments":
        """Return some of the moments."""
        return Moments(self.away[rows], self.usual[rows])

    def last(self, frames: int) -> "Moments":
        """Return the moments with fewer frames before them."""
        return Moments(self.away[:, -frames:], self.usual)

    @staticmethod
    def concatenate(parts: "list[Moments]") -> "Moments":
        """Put moments one behind the other."""
        away, usual = zip(*parts, strict=True)
        return Moments(torch.cat(away), torch.cat(usual))


@runtime_checkable
class Anomaly(Protocol):
    """A score of moments, the higher the more unusual.

    Attributes:
        past: Frames that it looks at, the judged one included.
    """

    past: int

    def fit(self, strangers: Moments, own: Moments | None) -> "Anomaly":
        """Return the same kind, which knows what is normal.

        Args:
            strangers: Normal moments of other people.
            own: Normal moments of the person who is watched; None: nobody in particular.
        """
        ...

    def __call__(self, moments: Moments, /) -> Float[Tensor, " moment"]:
        """Return the scores, on a logarithmic scale."""
        ...
