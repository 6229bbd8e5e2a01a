"""Weights that are averaged over the steps of a training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Averaged:
    """Follows the weights of a network: they are better than those of any one step.

    Args:
        network: That is trained.
        keep: Share of the averages that one step keeps, less in the first ones; 0 averages nothing.

    Attributes:
        values: Name of a weight to its average, on the network's device.
    """

    def __init__(self, network: nn.Module, keep: float) -> None:
        self._network, self._keep = network, keep
        self.values = self._copy()

    @torch.no_grad()
    def add(self, step: int) -> None:
        """Take the weights after a step, counted from 0."""
        keep = min(self._keep, (1 + step) / (10 + step)) if self._keep else 0.0
        for name, parameter in self._network.named_parameters():
            self.values[name].lerp_(parameter, 1 - keep)

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Go on from averages of an earlier run."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @torch.no_grad()
    def settle(self) -> None:
        """Give the network its averages."""
        self._put(self.values)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the network its averages for a while."""
        trained = self._copy()
        self.settle()
        try:
            yield
        finally:
            self._put(trained)

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._network.named_parameters():
            parameter.copy_(values[name])

    def _copy(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self._network.named_parameters()}
