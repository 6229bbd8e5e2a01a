"""Random draws that can be repeated, on whatever device the batch is."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch


def reseed_all(parts: Iterable[object], step: int) -> None:
    """Restart the draws of those parts that have any."""
    for part in parts:
        if isinstance(part, Seeded):
            part.reseed(step)


def advance_all(parts: Iterable[object], share: float) -> None:
    """Tell those parts that draw how much of the training is done."""
    for part in parts:
        if isinstance(part, Seeded):
            part.advance(share)


@dataclass(kw_only=True)
class Seeded:
    """Base of what draws at random.

    Args:
        seed: Same seed, same draws, call by call. The streams of CPU and CUDA differ.
    """

    seed: int = 0
    _step: int = field(default=0, init=False, repr=False, compare=False)
    _generators: dict[torch.device, torch.Generator] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def reseed(self, step: int) -> None:
        """Restart the draws at a step of training, so that a resumed run repeats them."""
        self._step = step
        self._generators.clear()

    def advance(self, share: float) -> None:
        """Say how much of the training is done, 0..1; most corruptions do not mind."""

    def generator(self, device: torch.device) -> torch.Generator:
        """Return the generator of a device, made when first asked for."""
        if device not in self._generators:
            mixed = (self.seed * 1_000_003 + self._step * 7_919) % 2**63
            self._generators[device] = torch.Generator(device).manual_seed(mixed)
        return self._generators[device]

    def uniform(self, *shape: int, device: torch.device) -> torch.Tensor:
        """Return draws from 0..1."""
        return torch.rand(shape, generator=self.generator(device), device=device)

    def normal(self, *shape: int, device: torch.device) -> torch.Tensor:
        """Return draws from the standard normal distribution."""
        return torch.randn(shape, generator=self.generator(device), device=device)


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a share is one."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a share in 0..1, but got {value}")


def check_hold(value: int) -> None:
    """Raise ValueError unless a number of frames is at least 1."""
    if value < 1:
        raise ValueError(f"hold must be at least 1 frame, but got {value}")
