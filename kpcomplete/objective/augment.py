"""The same pose, as it might have looked as well."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.corruption.seeded import Seeded
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(kw_only=True)
class Augment(Seeded):
    """Mirror, turn and stretch whole windows; one draw a window.

    Args:
        mirror: Share of windows that a mirror shows, left and right exchanged.
        rotation: Standard deviation, degrees in the image.
        stretch: Standard deviation of the logarithm of width over height.
        scale: Standard deviation of the logarithm of the size.
        shift: Standard deviation in each direction, body units.
        seed: Same seed, same draws.
    """

    mirror: float = 0.5
    rotation: float = 6.0
    stretch: float = 0.08
    scale: float = 0.0
    shift: float = 0.0

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        """Return changed windows in body units; what is missing stays so."""
        size = len(batch)
        mirrored = self.uniform(size, device=batch.device) < self.mirror
        draw = self.normal(5, size, device=batch.device).to(batch.keypoints.dtype)
        order = torch.from_numpy(Skeleton.load(CANONICAL).mirror).to(batch.device)
        swap = mirrored[:, None, None]
        keypoints = torch.where(swap[..., None], batch.keypoints[:, :, order], batch.keypoints)
        observed = torch.where(swap, batch.observed[:, :, order], batch.observed)
        matrix = self._matrix(draw, mirrored)
        keypoints = torch.einsum("bij,btkj->btki", matrix, keypoints)
        shift = self.shift * draw[3:5].T[:, None]
        keypoints = keypoints + shift[:, None]
        memory = batch.memory
        if memory is not None:
            flip = mirrored[:, None]
            mean = torch.where(flip[..., None], memory.mean[:, order], memory.mean)
            count = torch.where(flip, memory.count[:, order], memory.count)
            mean = torch.einsum("bij,bkj->bki", matrix, mean) + shift
            memory = Memory(mean=torch.where((count > 0)[..., None], mean, 0.0), count=count)
        return replace(
            batch,
            keypoints=torch.where(observed[..., None], keypoints, 0.0),
            confidence=torch.where(swap, batch.confidence[:, :, order], batch.confidence),
            observed=observed,
            memory=memory,
        )

    def _matrix(self, draw: Tensor, mirrored: Tensor) -> Tensor:
        """``[B, 2, 2]``: mirror, then stretch, then turn."""
        angle = draw[0] * (self.rotation * math.pi / 180)
        wide = (draw[1] * self.stretch / 2 + draw[2] * self.scale).exp()
        high = (-draw[1] * self.stretch / 2 + draw[2] * self.scale).exp()
        wide = torch.where(mirrored, -wide, wide)
        cos, sin = angle.cos(), angle.sin()
        rows = torch.stack([cos * wide, -sin * high, sin * wide, cos * high], dim=-1)
        return rows.view(-1, 2, 2)
