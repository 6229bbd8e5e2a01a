"""What is being learned."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError


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

    def rates(self) -> Mapping[str, float]:
        """Return parameter name to share of the learning rate; of all others it is 1."""
        return {}

    def groups(self) -> list[dict[str, Any]]:
        """Return the parameters for an optimizer, by ``share`` of the learning rate."""
        rates = self.rates()
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            groups.setdefault(rates.get(name, 1.0), []).append(parameter)
        return [{"params": group, "share": share} for share, group in groups.items()]

    def advance(self, share: float) -> None:
        """Say how much of the training is done, 0..1; what changes with that, does."""

    def stages(self) -> Sequence["Objective"]:
        """Return what may be learned before, layer by layer.

        Raises:
            SettingError: If there is nothing of the kind.
        """
        raise SettingError(f"{type(self).__name__} is not learned layer by layer")

    def finishing(self) -> Sequence["Objective"]:
        """Return what is learned once more by itself at the end."""
        return ()
