"""A trained network as a lifter."""

from pathlib import Path

import torch

from kpcomplete import checkpoint
from kpcomplete.errors import ModelFileError
from kpcomplete.lifter import Lifted
from kpcomplete.lifter.dilated import Dilated
from kpcomplete.lifter.linear import Linear
from kpcomplete.lifter.live import Live
from kpcomplete.lifter.sight import Sight
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.skeleton import CANONICAL, Skeleton


class Learned:
    """Lifts with a network that was trained by ``kpcomplete train experiment=lift``.

    Args:
        weights: Path of a checkpoint, or the name of one that comes with kpcomplete.
        causal: Never look at later frames.
        device: Where the network runs, e.g. ``cpu`` or ``cuda``.

    Attributes:
        people: Whom it was trained on.

    Raises:
        ModelFileError: If the checkpoint cannot be read, holds no lifter, or was trained for
            another skeleton.
    """

    def __init__(
        self, *, weights: str | Path = "lifter", causal: bool = False, device: str = "cpu"
    ) -> None:
        found = checkpoint.load(checkpoint.find(weights))
        network = found.build()
        if not isinstance(network, Temporal | Linear):
            raise ModelFileError(
                f"{found.path} must hold a lifter, but holds {found.metadata.network}"
            )
        if found.metadata.skeleton.joints != Skeleton.load(CANONICAL).joints:
            raise ModelFileError(
                f"{found.path} must lift the joints of {CANONICAL!r}, but was trained for those of "
                f"{found.metadata.skeleton.name!r}"
            )
        self.network = network.to(device).requires_grad_(False)
        self.causal, self.device = causal, device
        data = found.metadata.provenance.get("data", {})
        self.people = tuple(person for part in data.values() for person in part)

    @torch.inference_mode()
    def __call__(self, sight: Sight, /) -> Lifted:
        """Return all joints in 3D."""
        home = sight.rays.device
        found: Lifted = self.network(sight.to(self.device), causal=self.causal)
        return Lifted(points=found.points.to(home), std=found.std.to(home))

    def stream(self, window: int) -> Live | None:
        """Return the same frame by frame, on the CPU; None if not causal."""
        if not self.causal:
            return None
        alone = self.network.alone if isinstance(self.network, Linear) else Dilated(self.network)
        return Live(alone, window=window, calibration=float(self.network.calibration))
