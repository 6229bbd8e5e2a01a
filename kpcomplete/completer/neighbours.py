"""The most similar poses that were ever seen."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.by_frame import ByFrame
from kpcomplete.completer.fitted import Weights, read
from kpcomplete.completer.gaps import finish, round_covariance, unchanged
from kpcomplete.completer.gaussian import place
from kpcomplete.errors import SettingError

_ROOM = 2**23  # numbers in the table of distances


@dataclass(kw_only=True, eq=False)
class Neighbours:
    """Each frame by itself: the mean of the k stored poses that are nearest by the seen joints.

    The covariance is that of the k poses, and what people differ from their neighbours beside.

    Args:
        k: How many poses.
        weights: ``joints [S]``, ``poses [L, S, 2]`` in body units, ``spread [S]`` in body units
            squared.

    Raises:
        SettingError: If ``k`` is below 1 or above the number of poses.
    """

    k: int = 5
    weights: Weights = "neighbours"
    causal: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        found = read(self.weights, ("joints", "poses", "spread"))
        self._joints, self._poses = found["joints"].long(), found["poses"]
        self._spread = found["spread"]
        if not 1 <= self.k <= len(self._poses):
            raise SettingError(f"k must lie in 1..{len(self._poses)}, but got {self.k}")

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        joints = self._joints.to(batch.device)
        seen = batch.observed[..., joints]
        asked = seen.any(dim=-1) & ~seen.all(dim=-1)
        if not asked.any():
            return unchanged(batch)
        near = self.nearest(batch.keypoints[:, :, joints][asked], seen[asked])
        mean = near.mean(dim=1)
        apart = near - mean[:, None]
        covariance = torch.einsum("nkja,nkjb->njab", apart, apart) / self.k
        covariance = covariance + round_covariance(self._spread.to(mean))
        return finish(batch, *place(batch, joints, asked, mean, covariance))

    def stream(self, window: int) -> ByFrame:
        """Return the same frame by frame."""
        return ByFrame(lambda batch, _: self(batch), window=window)

    def nearest(self, points: Tensor, seen: Tensor) -> Tensor:
        """Return the k nearest poses ``[N, k, S, 2]`` of frames ``[N, S, 2]``."""
        poses = self._poses.to(points)
        stored = poses.flatten(1)
        parts = []
        step = max(1, _ROOM // len(stored))
        for some, shown in zip(torch.split(points, step), torch.split(seen, step), strict=True):
            mask = shown.repeat_interleave(2, dim=1).to(points)
            flat = some.flatten(1) * mask
            # |x - pose|^2 over the seen joints, but for |x|^2, which is the same for all poses
            distance = mask @ stored.square().T - 2 * flat @ stored.T
            parts.append(distance.topk(self.k, dim=1, largest=False).indices)
        return poses[torch.cat(parts)]
