"""What is remembered of the person on each seat, beyond the window."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from kpcomplete.batch import Memory
from kpcomplete.pose import Array, PoseSequence


@dataclass(kw_only=True)
class Recall:
    """Running means of where joints were seen, by person; old frames fade.

    Where somebody rests their arms is personal, and hidden arms are best guessed from it.

    Args:
        frames: After this many frames what was seen counts 1/e.
    """

    frames: float = 18_000  # 10 minutes
    _sums: dict[str, tuple[Array, Array]] = field(default_factory=dict, init=False, repr=False)

    def add(self, poses: PoseSequence) -> None:
        """Remember the observed joints of some frames, in pixels, of ``poses.person``."""
        seen = poses.is_observed
        total, count = np.where(seen[..., None], poses.keypoints, 0.0), seen
        if len(poses) == 1:  # as it is live
            total, count = total[0].astype(np.float64), count[0].astype(np.float64)
        else:
            total, count = total.sum(axis=0, dtype=np.float64), count.sum(axis=0, dtype=np.float64)
        if poses.person in self._sums:
            fade = np.exp(-len(poses) / self.frames)
            before, often = self._sums[poses.person]
            total, count = total + fade * before, count + fade * often
        self._sums[poses.person] = total, count

    def forget(self, person: str) -> None:
        """Remember nothing of a person, as when a seat was empty."""
        self._sums.pop(person, None)

    def of(self, sequences: Sequence[PoseSequence]) -> Memory | None:
        """Return what is remembered of these people, in pixels; None if nothing is."""
        known = [self._sums.get(poses.person) for poses in sequences]
        if not any(known):
            return None
        joints = len(sequences[0].skeleton)
        nothing = np.zeros((joints, 2)), np.zeros(joints)
        totals, counts = zip(*(found or nothing for found in known), strict=True)
        count = np.array(counts)
        mean = np.array(totals)
        mean /= np.maximum(count, 1e-6)[..., None]
        return Memory(
            mean=torch.from_numpy(mean.astype(np.float32)),
            count=torch.from_numpy(count.astype(np.float32)),
        )
