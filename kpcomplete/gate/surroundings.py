"""Where the rest of the body says that a joint, or a whole limb, must be."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LOST = 100.0
"""Variance, body units squared, of a joint that says nothing about the others."""
NOISE = 0.002
"""Variance of a joint that is trusted: a detector's usual error, 4 % of a shoulder width."""
_KEPT = 64  # patterns whose matrices are remembered
LIKELY = 4  # Gaussians that count in a frame: those that explain it best


class Elsewhere(NamedTuple):
    """Joints of N frames as seen from the rest of the body.

    Attributes:
        gap: ``[N, S, 2]`` from where the joint should be to where it is, body units.
        covariance: ``[N, S, 2, 2]`` how well it is known where it should be.
    """

    gap: Tensor
    covariance: Tensor


class _Solved(NamedTuple):
    """A pattern's matrices under each of K Gaussians, and what is left of groups of joints.

    Attributes:
        precision: ``[K, 2 S, 2 S]``.
        volume: ``[K]`` log of its determinant.
        left: For each stack of G groups of g joints, their covariances given all others
            ``[K, G, 2 g, 2 g]``, and the logs of their determinants ``[K, G]``.
    """

    precision: Tensor
    volume: Tensor
    left: tuple[tuple[Tensor, Tensor], ...]


class Surroundings:
    """Leaves out some joints at a time and asks a mixture of Gaussians where they are.

    Joints that are not trusted count like ones with a huge error. All that is left out follows
    from one inverse matrix a pattern of trusted joints (Dubrule 1983, Math. Geology 15:687), and
    patterns return.

    Args:
        weight: ``[K]`` shares of the Gaussians.
        mean: ``[K, 2 S]`` of the joints' coordinates x0, y0, x1, y1, ..., body units.
        covariance: ``[K, 2 S, 2 S]``.
        ways: Ways to leave out joints. Each is a list of groups ``[g]`` of joints, numbers in
            0..S-1; together all joints, once.
    """

    def __init__(
        self,
        weight: Tensor,
        mean: Tensor,
        covariance: Tensor,
        ways: Sequence[Sequence[Tensor]],
    ) -> None:
        self.weight, self.mean, self.covariance = weight, mean, covariance
        self.ways = tuple(_stacks(groups) for groups in ways)
        self._solved: OrderedDict[bytes, _Solved] = OrderedDict()

    def __call__(self, points: Tensor, trusted: Tensor) -> tuple[Elsewhere, ...]:
        """Return for each way where ``[N, S, 2]`` joints are against where those trusted put them.

        Args:
            points: Body units; anything finite where nothing is reported.
            trusted: ``[N, S]`` bool, the joints to go by.
        """
        size, joints = trusted.shape
        out = [
            Elsewhere(points.new_zeros(size, joints, 2), points.new_zeros(size, joints, 2, 2))
            for _ in self.ways
        ]
        patterns, kind = torch.unique(trusted, dim=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = (kind == number).nonzero()[:, 0]
            found = self._of_pattern(points[rows], self._solve(pattern))
            for whole, part in zip(out, found, strict=True):
                whole.gap[rows], whole.covariance[rows] = part
        return tuple(out)

    def _solve(self, pattern: Tensor) -> _Solved:
        """Return what leaving out needs, of joints ``[S]`` that are trusted or not."""
        key = pattern.numpy().tobytes()
        if key in self._solved:
            self._solved.move_to_end(key)
            return self._solved[key]
        noise = torch.where(pattern, NOISE, LOST).repeat_interleave(2)
        factor = torch.linalg.cholesky(self.covariance + torch.diag(noise))
        precision = torch.cholesky_inverse(factor)
        left = []
        for stack in (stack for way in self.ways for stack in way):
            at = _coordinates(stack)
            spread = torch.linalg.inv(precision[:, at[:, :, None], at[:, None]])
            left.append((spread, torch.logdet(spread)))
        volume = -2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        self._solved[key] = _Solved(precision, volume, tuple(left))
        if len(self._solved) > _KEPT:
            self._solved.popitem(last=False)
        return self._solved[key]

    def _of_pattern(self, points: Tensor, solved: _Solved) -> list[Elsewhere]:
        """Return what is known of frames ``[n, S, 2]`` that show the same."""
        apart = points.flatten(1) - self.mean[:, None]  # [K, n, 2 S]
        pull = apart @ solved.precision
        every = self.weight.log()[:, None] + (solved.volume[:, None] - (pull * apart).sum(-1)) / 2
        # of each frame by itself, so that no frame depends on others
        every, likely = every.T.topk(min(LIKELY, len(every)), dim=1)  # [n, K']
        pull = _pairs(pull[likely, torch.arange(len(points))[:, None]])
        left = iter(solved.left)
        out = []
        for way in self.ways:
            gap = torch.zeros_like(points)
            covariance = torch.zeros_like(gap)[..., None].repeat(1, 1, 1, 2)
            for stack in way:
                spread, volume = next(left)
                gap[:, stack], covariance[:, stack] = _left_out(
                    pull[:, :, stack].flatten(-2), spread[likely], volume[likely], every
                )
            out.append(Elsewhere(gap, covariance))
        return out


def _left_out(pull: Tensor, spread: Tensor, volume: Tensor, every: Tensor) -> tuple[Tensor, Tensor]:
    """Return gaps ``[n, G, g, 2]`` and covariances ``[n, G, g, 2, 2]`` of groups left out.

    Args:
        pull: ``[n, K, G, 2 g]`` precision times deviation from the mean.
        spread: ``[n, K, G, 2 g, 2 g]``, see `_Solved`.
        volume: ``[n, K, G]``, see `_Solved`.
        every: ``[n, K]`` log likelihood of all joints.
    """
    off = (pull[..., None] * spread).sum(-2)
    own = -(volume + (pull * off).sum(-1)) / 2
    share = (every[..., None] - own).softmax(dim=1)[..., None]  # by the others alone
    middle = (share * off).sum(dim=1)
    inner = _pairs(off - middle[:, None])
    spreads = _blocks(spread) + inner[..., None] * inner[..., None, :]
    covariance = (share[..., None, None] * spreads).sum(dim=1)
    return _pairs(middle), covariance


def _stacks(groups: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return groups ``[g]`` of one size together, ``[G, g]``."""
    sizes = sorted({len(group) for group in groups})
    return tuple(torch.stack([g for g in groups if len(g) == size]) for size in sizes)


def _coordinates(joints: Tensor) -> Tensor:
    return torch.stack([2 * joints, 2 * joints + 1], dim=-1).flatten(-2)


def _pairs(flat: Tensor) -> Tensor:
    """Return ``[..., 2 g]`` coordinates as ``[..., g, 2]``."""
    return flat.reshape(*flat.shape[:-1], flat.shape[-1] // 2, 2)


def _blocks(matrix: Tensor) -> Tensor:
    """Return the 2x2 blocks on the diagonal of ``[..., 2 g, 2 g]``: ``[..., g, 2, 2]``."""
    count = matrix.shape[-1] // 2
    split = matrix.reshape(*matrix.shape[:-2], count, 2, count, 2)
    return split.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
