"""Training material that is larger than the memory: keypoints stay on the disk."""

import tempfile
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.output import guard
from kpcomplete.pose import Array

_SHAPE = (33, 2)


class Growing:
    """Poses written one after the other to a file without a name, which goes with the last of them.

    To be used as a context.

    Args:
        folder: Where there is room; None: the system's folder for such files.

    Raises:
        OutputError: If there is no room.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._name = folder or tempfile.gettempdir()
        with guard(self._name):
            self._file = tempfile.TemporaryFile(prefix="kpcomplete-poses-", dir=folder)  # noqa: SIM115
        self._count = 0

    def __enter__(self) -> "Growing":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()  # what was mapped stays

    def add(self, poses: Array) -> None:
        """Write ``[T, 33, 2]`` poses."""
        with guard(self._name):
            np.ascontiguousarray(poses, dtype=np.float32).tofile(self._file)
        self._count += len(poses)

    def tensor(self) -> Tensor:
        """Return all of them, ``[N, 33, 2]``; what is looked at is read from the disk."""
        with guard(self._name):
            self._file.flush()
        if not self._count:
            return torch.empty(0, *_SHAPE)
        shape = (self._count, *_SHAPE)
        poses: Array = np.memmap(self._file, dtype=np.float32, mode="r+", shape=shape)
        return torch.from_numpy(poses)


class MappedSet(PoseSet):
    """A `PoseSet` whose keypoints are on the disk, and so are those of what is selected of it."""

    def select(self, clips: Collection[int]) -> "MappedSet":
        """Return some of the clips, by their places."""
        rows = sorted(clips)
        with Growing() as growing:
            for first, length in self.clips[rows].tolist():
                growing.add(self.keypoints[first : first + length].numpy())
            keypoints = growing.tensor()
        lengths = self.clips[rows][:, 1]
        labels = [self.labels[first : first + n] for first, n in self.clips[rows].tolist()]
        return MappedSet(
            keypoints=keypoints,
            labels=torch.cat([self.labels[:0], *labels]),
            clips=torch.stack([lengths.cumsum(dim=0) - lengths, lengths], dim=1),
            people=tuple(self.people[i] for i in rows),
            views=tuple(self.views[i] for i in rows),
            fps=self.fps,
            cameras=tuple(self.cameras[i] for i in rows if self.cameras),
        )
