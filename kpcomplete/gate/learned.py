"""The gate that was trained on simulated drives, as the real detector saw them."""

from pathlib import Path

import torch
from torch import Tensor

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import ModelFileError
from kpcomplete.gate.confidence import check_distrust, lasting
from kpcomplete.gate.doubt import Doubt
from kpcomplete.gate.live import Live


class Learned:
    """Weighs confidence, place, bones, movement and company of joints by a small network.

    Args:
        weights: Path of a checkpoint, or the name of one that comes with kpcomplete.
        distrust: Probability from which a joint is treated as missing, 0..1.

    Attributes:
        people: Simulated people whom it was trained on.

    Raises:
        ModelFileError: If the checkpoint cannot be read, or holds no such network.
        SettingError: If ``distrust`` is out of range.
    """

    def __init__(self, *, weights: str | Path = "gate", distrust: float = 0.8) -> None:
        check_distrust(distrust)
        found = checkpoint.load(checkpoint.find(weights))
        network = found.build()
        if not isinstance(network, Doubt):
            raise ModelFileError(f"{found.path} must hold a gate, but holds "
                                 f"{found.metadata.network}")  # fmt: skip
        self.network = network.requires_grad_(False)
        self.distrust = distrust
        self.people: tuple[str, ...] = tuple(found.metadata.provenance.get("people", ()))

    @torch.inference_mode()
    def __call__(
        self, batch: PoseBatch, edges: Tensor | None = None, last: int | None = None, /
    ) -> Tensor:
        """Return ``[B, T, J]`` probabilities that joints are not there."""
        asked = lasting(batch.times.shape[1], last)
        doubt = self.network(batch, edges, asked).sigmoid()
        return torch.where(batch.observed[:, asked], doubt, 0.0)

    def stream(self, window: int) -> Live:
        """Return the same frame by frame, for one recording."""
        return Live(self.network, window=window)
