"""Joints that are filled in after lifting, in three dimensions."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.data.solid import SolidSampler, SolidSet
from kpcomplete.objective.lift import relative, root

_RIDGE = 1e-3  # m²; lifted joints are some centimetres off
_WINDOWS = 1500


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian3D:
    """Expects hidden joints where a Gaussian of 3D poses has them, given the seen ones.

    The order of LInKs (Hardy & Kim 2023, arXiv 2309.07243): lift what is seen, then complete in
    3D. Poses are as cameras see them, from the middle of their shoulders.

    Attributes:
        mean: ``[J * 3]`` metres.
        covariance: ``[J * 3, J * 3]`` m².
        known: ``[J]`` joints that the material has; others are left as they are.
    """

    mean: Tensor
    covariance: Tensor
    known: Tensor

    @classmethod
    def fit(cls, sets: Mapping[str, SolidSet], *, seed: int) -> "Gaussian3D":
        """Measure poses of motion of which all clips have the same joints."""
        sampler = SolidSampler(sets=sets, shares=dict.fromkeys(sets, 1.0), lengths=[1])
        drawn = sampler.draw(_WINDOWS, torch.Generator().manual_seed(seed))
        poses = relative(drawn.solid[:, 0])
        known = poses.isfinite().all(dim=-1).all(dim=0)
        flat = torch.where(known[:, None], poses, 0.0).flatten(1)
        return cls(mean=flat.mean(dim=0), covariance=flat.T.cov(), known=known)

    def __call__(self, points: Tensor, seen: Tensor) -> Tensor:
        """Return points ``[B, T, J, 3]`` with those not ``seen`` ``[B, T, J]`` filled in.

        What is seen is taken to be so in all frames of a window.
        """
        base = root(points)[..., None, :]
        flat = (points - base).flatten(2)
        out = points.clone()
        for row in range(len(points)):
            given = (seen[row].all(dim=0) & self.known).repeat_interleave(3)
            asked = (~seen[row].all(dim=0) & self.known).repeat_interleave(3)
            if not bool(asked.any()):
                continue
            inner = self.covariance[given][:, given] + _RIDGE * torch.eye(int(given.sum()))
            gain = torch.linalg.solve(inner, self.covariance[given][:, asked]).T
            filled = self.mean[asked] + (flat[row][:, given] - self.mean[given]) @ gain.T
            whole = flat[row].clone()
            whole[:, asked] = filled
            out[row] = whole.view_as(points[row]) + base[row]
        return out
