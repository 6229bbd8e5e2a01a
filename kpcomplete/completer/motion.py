"""How far joints move in a given time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.completer.fitted import Weights, read


@dataclass(frozen=True, kw_only=True, eq=False)
class Variogram:
    """The mean square of how far each joint moves, by how long it takes.

    Unlike a random walk's it may bend: real joints tremble at once and come back later. The error
    of any weighted mean of a joint's own places follows from it (Matheron 1963).

    Attributes:
        lags: ``[K]`` seconds, rising from above 0.
        squares: ``[K, J]`` body units squared, along one axis.
    """

    lags: Tensor
    squares: Tensor

    @classmethod
    def read(cls, weights: Weights) -> "Variogram":
        """Return the variogram of a file of fitted numbers, ``motion`` for example."""
        found = read(weights, ("lags", "squares"))
        return cls(lags=found["lags"], squares=found["squares"])

    def __call__(self, seconds: Tensor) -> Tensor:
        """Return the mean squares after ``seconds`` ``[B, T, J]``; straight between lags.

        Beyond the last lag joints stay within what they reach in that time.
        """
        start = self.lags.new_zeros(1)
        lags = torch.cat([start, self.lags]).to(seconds)
        squares = torch.cat([start.expand(1, self.squares.shape[1]), self.squares]).to(seconds)
        seconds = seconds.clamp(0, float(lags[-1])).contiguous()
        right = torch.bucketize(seconds, lags).clamp(1, len(lags) - 1)
        share = (seconds - lags[right - 1]) / (lags[right] - lags[right - 1])
        joint = torch.arange(squares.shape[1], device=seconds.device).expand(right.shape)
        low, high = squares[right - 1, joint], squares[right, joint]
        return low + share * (high - low)

    def between(self, since: Tensor, until: Tensor) -> Tensor:
        """Return the error of a straight line between two sights of a joint, squared.

        Args:
            since: ``[B, T, J]`` seconds since the first sight.
            until: ``[B, T, J]`` seconds to the second one.
        """
        whole = (since + until).clamp_min(1e-9)
        near, far = until / whole, since / whole  # the weights of the first and the second
        error = near * self(since) + far * self(until) - near * far * self(whole)
        # a bent variogram may ask for less than a random walk would, but never for nothing
        floor = torch.minimum(near * self(since), far * self(until))
        return torch.maximum(error, floor)
