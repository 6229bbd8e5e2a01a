"""A trained network as a completer."""

from pathlib import Path

import torch

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.completer.filling import filled
from kpcomplete.completer.live import Live
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.model import Autoencoder
from kpcomplete.model.onnx_graphs import MODES, OnnxStep, OnnxWhole
from kpcomplete.model.temporal import Temporal
from kpcomplete.onnx_file import open_all


class AutoencoderCompleter:
    """Fills in joints with a denoising autoencoder.

    Joints that its training material never showed are filled in only while they can be held or
    interpolated; if they are never seen, they stay missing.

    Args:
        weights: Path of a checkpoint, or the name of one that comes with kpcomplete.
        causal: Never look at later frames.
        max_std: Body units (about a shoulder width). What is less certain than this, in the
            worst direction, stays missing; None fills in everything.
        device: Where the network runs, e.g. ``cpu`` or ``cuda``.
        chunk: Frames, of all windows together, that are computed at a time; bounds memory.
        onnx: Folder that ``kpcomplete export-model`` wrote of these weights: its files are run by
            ONNX Runtime, on the CPU. None: torch.

    Raises:
        MissingDependencyError: If ONNX Runtime is wanted and not installed.
        ModelFileError: If the checkpoint cannot be read, or holds no autoencoder, or if the files
            of ``onnx`` are missing, or of other weights.
        SettingError: If ``max_std`` or ``chunk`` is not positive.
    """

    def __init__(
        self,
        *,
        weights: str | Path = "completer",
        causal: bool = False,
        max_std: float | None = None,
        device: str = "cpu",
        chunk: int = 20_000,
        onnx: str | Path | None = None,
    ) -> None:
        if chunk < 1 or (max_std is not None and max_std <= 0):
            raise SettingError(
                f"max_std and chunk must be positive, but got max_std={max_std}, chunk={chunk}"
            )
        found = checkpoint.load(checkpoint.find(weights))
        network = found.build()
        if not isinstance(network, Autoencoder):
            raise ModelFileError(
                f"{found.path} must hold an autoencoder, but holds {found.metadata.network}"
            )
        self.network = network.to(device).requires_grad_(False)
        self.causal = causal
        self.max_std = max_std
        self.chunk = chunk
        self._whole: OnnxWhole | None = None
        self._step: OnnxStep | None = None
        if onnx is not None:
            self._open(Path(onnx), found.path)

    def _open(self, folder: Path, weights: Path) -> None:
        """Run the network by ONNX Runtime."""
        if not isinstance(self.network, Temporal):
            raise SettingError(
                f"only the temporal network runs as ONNX, but {weights} holds "
                f"{type(self.network).__name__}: set onnx=null"
            )
        names = [f"completer.{MODES[self.causal]}"] + ["completer.step"] * self.causal
        whole, *step = open_all(folder, weights, names)
        self._whole = OnnxWhole(self.network, whole, self.causal)
        self._step = OnnxStep(self.network, step[0]) if step else None

    @torch.inference_mode()
    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        """Return windows in body units with missing joints filled in."""
        device = next(self.network.buffers()).device
        rows = max(1, self.chunk // max(batch.times.shape[1], 1))
        parts = [
            self._complete(batch.select(slice(i, i + rows)).to(device)).to(batch.device)
            for i in range(0, max(len(batch), 1), rows)
        ]
        return PoseBatch.concatenate(parts)

    def _complete(self, batch: PoseBatch) -> PoseBatch:
        if self._whole is not None:
            return filled(batch, self._whole(batch), self.max_std)
        return filled(batch, self.network(batch, causal=self.causal), self.max_std)

    def stream(self, window: int) -> Live | None:
        """Return the same frame by frame; None if not causal, or no network that can do so."""
        if not (self.causal and isinstance(self.network, Temporal)):
            return None
        return Live(self.network, window=window, max_std=self.max_std, fused=self._step)
