"""A trained network as a lifter."""

from pathlib import Path

import torch

from kpcomplete import checkpoint
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.lifter import Lifted
from kpcomplete.lifter.dilated import Dilated
from kpcomplete.lifter.linear import Linear
from kpcomplete.lifter.live import Live, Network
from kpcomplete.lifter.onnx_graphs import MODES, OnnxStep, OnnxWhole
from kpcomplete.lifter.sight import Sight
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.onnx_file import Session, open_all
from kpcomplete.skeleton import CANONICAL, Skeleton


class Learned:
    """Lifts with a network that was trained by ``kpcomplete train experiment=lift``.

    Args:
        weights: Path of a checkpoint, or the name of one that comes with kpcomplete.
        causal: Never look at later frames.
        device: Where the network runs, e.g. ``cpu`` or ``cuda``.
        onnx: Folder that ``kpcomplete export-model`` wrote of these weights: its files are run by
            ONNX Runtime, on the CPU. None: torch.

    Attributes:
        people: Whom it was trained on.

    Raises:
        MissingDependencyError: If ONNX Runtime is wanted and not installed.
        ModelFileError: If the checkpoint cannot be read, holds no lifter, or was trained for
            another skeleton, or if the files of ``onnx`` are missing, or of other weights.
        SettingError: If ``onnx`` is given for the network of single frames.
    """

    def __init__(
        self,
        *,
        weights: str | Path = "lifter",
        causal: bool = False,
        device: str = "cpu",
        onnx: str | Path | None = None,
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
        self._whole: OnnxWhole | None = None
        self._step: Session | None = None
        if onnx is not None:
            self._open(Path(onnx), found.path)

    def _open(self, folder: Path, weights: Path) -> None:
        """Run the network by ONNX Runtime."""
        if not isinstance(self.network, Temporal):
            raise SettingError(
                f"only the temporal network runs as ONNX, but {weights} holds "
                f"{type(self.network).__name__}: set onnx=null"
            )
        names = [f"lifter.{MODES[self.causal]}"] + ["lifter.step"] * self.causal
        whole, *step = open_all(folder, weights, names)
        self._whole = OnnxWhole(whole)
        self._step = step[0] if step else None

    @torch.inference_mode()
    def __call__(self, sight: Sight, /) -> Lifted:
        """Return all joints in 3D."""
        if self._whole is not None:
            return self._whole(sight)
        home = sight.rays.device
        found: Lifted = self.network(sight.to(self.device), causal=self.causal)
        return Lifted(points=found.points.to(home), std=found.std.to(home))

    def stream(self, window: int) -> Live | None:
        """Return the same frame by frame, on the CPU; None if not causal."""
        if not self.causal:
            return None
        network = self.network
        alone: Network
        if isinstance(network, Linear):
            alone = network.alone
        else:
            alone = OnnxStep(network, self._step) if self._step else Dilated(network)
        return Live(alone, window=window, calibration=float(network.calibration))
