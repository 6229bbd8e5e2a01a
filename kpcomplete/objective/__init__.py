"""What is being learned."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from kpcomplete.batch import PoseBatch


class Objective(nn.Module, ABC):
    """A network, and a number that says how bad it still is.

    Attributes:
        network: What is trained and saved.
    """

    network: nn.Module

    @abstractmethod
    def forward(self, clean: PoseBatch) -> dict[str, Tensor]:
        """Return ``loss``, which is to be made small, and figures to watch; for windows in pixels.

        Hidden joints, noise and the like are drawn on the device of the batch.
        """

    @abstractmethod
    def prepare(self, clean: PoseBatch) -> None:
        """Learn from training material what is not learned by gradients."""

    @abstractmethod
    def reseed(self, step: int) -> None:
        """Let everything drawn from now on depend on the seed and this step alone."""

    @abstractmethod
    def calibrate(self, clean: PoseBatch) -> dict[str, float]:
        """Make the network's probabilities true on people it was not trained on."""
