"""The head that was trained: reads a checkpoint, follows recordings."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import ModelFileError
from kpcomplete.head import UNKNOWN
from kpcomplete.head.explanation import carried
from kpcomplete.head.live import Live
from kpcomplete.head.onnx_graphs import OnnxWindow
from kpcomplete.head.past import Past
from kpcomplete.head.several import Several
from kpcomplete.model.onnx_graphs import OnnxStep
from kpcomplete.model.temporal import Temporal
from kpcomplete.onnx_file import open_all
from kpcomplete.pose import Array, PoseSequence

_PIECE = 256  # windows at a time


class Learned:
    """Classifies each frame by the window that ends with it.

    Args:
        weights: Checkpoint of ``kpcomplete train experiment=classify``: a path, or the name of a
            shipped one.
        onnx: Folder that ``kpcomplete export-model`` wrote of these weights: its files are run by
            ONNX Runtime. None: torch.

    Attributes:
        tasks: Name to classes, `UNKNOWN` last.
        frontal: Whether it wants people as `kpcomplete.frontal` sees them.

    Raises:
        MissingDependencyError: If ONNX Runtime is wanted and not installed.
        ModelFileError: If the checkpoint cannot be read, or holds no head, or if the files of
            ``onnx`` are missing, or of other weights.
    """

    def __init__(self, *, weights: str | Path, onnx: str | Path | None = None) -> None:
        found = checkpoint.load(checkpoint.find(weights))
        network = found.build()
        if not isinstance(network, Several):
            raise ModelFileError(f"{found.path} must hold a head, but holds "
                                 f"{found.metadata.network}")  # fmt: skip
        self.network = network.requires_grad_(False)
        self.frontal = network.frontal
        self.tasks: Mapping[str, tuple[str, ...]] = {
            task: (*classes, UNKNOWN) for task, classes in network.tasks.items()
        }
        self._window: OnnxWindow | None = None
        self._step: OnnxStep | None = None
        if onnx is not None:
            window, step = open_all(onnx, found.path, ["head.causal", "head.step"])
            self._window = OnnxWindow(network, window)
            assert isinstance(network.encoder, Temporal)  # else there would be no such file
            self._step = OnnxStep(network.encoder, step)

    def watch(self) -> "Watch":
        """Return what follows a new recording."""
        return Watch(self.network, self._window)

    def stream(self) -> Live | None:
        """Return the same frame by frame; None if the encoder has no such form."""
        return Live(self.network, self._step) if Live.can(self.network) else None

    @property
    def past(self) -> int:
        """Frames of a window."""
        return self.network.past

    @torch.inference_mode()
    def carried(self, window: PoseBatch, task: str, answer: str) -> Array:
        """Return by how much the log odds of a class fall without each joint's part ``[J]``."""
        found: Array = carried(self.network, window, task, answer).numpy()
        return found


class Watch:
    """Keeps of each seat the frames that the next windows need.

    Args:
        network: Trained.
        window: What says probabilities of windows, if not the network.
    """

    def __init__(self, network: Several, window: OnnxWindow | None = None) -> None:
        self._network, self._probabilities = network, (window or network).probabilities
        self._past = Past(network.past)

    def __call__(self, people: Mapping[str, PoseSequence], /) -> dict[str, dict[str, Array]]:
        """Return seat and task to probabilities ``[T, C]`` of the next frames."""
        return {seat: self._of(seat, poses) for seat, poses in people.items()}

    @torch.inference_mode()
    def _of(self, seat: str, poses: PoseSequence) -> dict[str, Array]:
        frames = torch.from_numpy(self._past(seat, poses))
        windows = frames.unfold(0, self._network.past, 1).movedim(-1, 1)
        parts: dict[str, list[Tensor]] = {task: [] for task in self._network.tasks}
        for piece in torch.split(windows, _PIECE):
            batch = PoseBatch.from_keypoints(piece, fps=poses.fps)
            for task, values in self._probabilities(batch).items():
                parts[task].append(values)
        return {
            task: torch.cat(values).numpy() if values else np.zeros((0, size), np.float32)
            for (task, values), size in zip(parts.items(), self._sizes(), strict=True)
        }

    def _sizes(self) -> list[int]:
        return [len(classes) + 1 for classes in self._network.tasks.values()]
