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
from kpcomplete.head.live import Live
from kpcomplete.head.several import Several
from kpcomplete.pose import Array, PoseSequence

_PIECE = 256  # windows at a time


class Learned:
    """Classifies each frame by the window that ends with it.

    Args:
        weights: Checkpoint of ``kpcomplete train experiment=classify``: a path, or the name of a
            shipped one.

    Attributes:
        tasks: Name to classes, `UNKNOWN` last.

    Raises:
        ModelFileError: If the checkpoint cannot be read, or holds no head.
    """

    def __init__(self, *, weights: str | Path) -> None:
        found = checkpoint.load(checkpoint.find(weights))
        network = found.build()
        if not isinstance(network, Several):
            raise ModelFileError(f"{found.path} must hold a head, but holds "
                                 f"{found.metadata.network}")  # fmt: skip
        self.network = network.requires_grad_(False)
        self.tasks: Mapping[str, tuple[str, ...]] = {
            task: (*classes, UNKNOWN) for task, classes in network.tasks.items()
        }

    def watch(self) -> "Watch":
        """Return what follows a new recording."""
        return Watch(self.network)

    def stream(self) -> Live | None:
        """Return the same frame by frame; None if the encoder has no such form."""
        return Live(self.network) if Live.can(self.network) else None


class Watch:
    """Keeps of each seat the frames that the next windows need.

    Args:
        network: Trained.
    """

    def __init__(self, network: Several) -> None:
        self._network = network
        self._before: dict[str, Array] = {}

    def __call__(self, people: Mapping[str, PoseSequence], /) -> dict[str, dict[str, Array]]:
        """Return seat and task to probabilities ``[T, C]`` of the next frames."""
        return {seat: self._of(seat, poses) for seat, poses in people.items()}

    @torch.inference_mode()
    def _of(self, seat: str, poses: PoseSequence) -> dict[str, Array]:
        past = self._network.past
        empty = np.full((past - 1, *poses.keypoints.shape[1:]), np.nan, np.float32)
        frames = np.concatenate(
            [self._before.get(seat, empty), poses.keypoints / np.float32(poses.image_size[0])]
        )
        self._before[seat] = frames[len(frames) - past + 1 :]
        windows = torch.from_numpy(frames).unfold(0, past, 1).movedim(-1, 1)
        parts: dict[str, list[Tensor]] = {task: [] for task in self._network.tasks}
        for piece in torch.split(windows, _PIECE):
            batch = PoseBatch.from_keypoints(piece, fps=poses.fps)
            for task, values in self._network.probabilities(batch).items():
                parts[task].append(values)
        return {
            task: torch.cat(values).numpy() if values else np.zeros((0, size), np.float32)
            for (task, values), size in zip(parts.items(), self._sizes(), strict=True)
        }

    def _sizes(self) -> list[int]:
        return [len(classes) + 1 for classes in self._network.tasks.values()]
