"""A part of a network, learned by itself."""

from collections.abc import Callable

from torch import nn

from kpcomplete.batch import PoseBatch
from kpcomplete.objective import Objective


class Part(Objective):
    """Base of what an `Objective` lets learn before or after the whole; all else stays as it is.

    Args:
        network: The part.
        corrupt: Makes corrupted and clean windows in body units from windows in pixels.
        reseed: What lets draws of ``corrupt`` depend on the step.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        corrupt: Callable[[PoseBatch], tuple[PoseBatch, PoseBatch]],
        reseed: Callable[[int], None],
    ) -> None:
        super().__init__()
        self.network = network
        self._corrupt, self._reseed = corrupt, reseed

    def prepare(self, clean: PoseBatch) -> None:
        """Nothing is left to be prepared."""

    def reseed(self, step: int) -> None:
        self._reseed(step)

    def calibrate(self, clean: PoseBatch) -> dict[str, float]:
        """A part says no probabilities."""
        return {}
