"""What the seen joints of a frame say about the others, under a mixture of Gaussians."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_ROOM = 2**23  # numbers in the largest intermediate tensor
DOUBT = 4.0  # see `Conditional`; chosen on people who were not fitted


class Conditional(NamedTuple):
    """Joints given others, for N frames of S joints.

    Attributes:
        mean: ``[N, S, 2]``.
        covariance: ``[N, S, 2, 2]``.
        doubtful: ``[N, S, 2]`` the mean where no Gaussian is as sure to be the right one: squared
            distances count a `DOUBT`-th. Seen joints of people unlike those of the fit say too
            much about which camera it is.
        shift: ``[N, S, 2]`` how much the mean differs from that for a reference pose, or None.
    """

    mean: Tensor
    covariance: Tensor
    doubtful: Tensor
    shift: Tensor | None


class Group(NamedTuple):
    """Frames that show the same joints, for P such patterns at once.

    Attributes:
        frame: ``[n]`` numbers of the frames.
        pattern: ``[n]`` which pattern of the P a frame has.
        slot: ``[n]`` its place among the frames of that pattern.
        room: The most frames that a pattern has.
        gain: ``[P, K, D, D]`` from seen coordinates to all coordinates.
        left: ``[P, K, S, 2, 2]`` covariance of each joint that is left.
        factor: ``[P, K, D, D]`` Cholesky factor of the seen part; 1 on the diagonal elsewhere.
        mask: ``[P, D]`` 1 where a coordinate is seen.
    """

    frame: Tensor
    pattern: Tensor
    slot: Tensor
    room: int
    gain: Tensor
    left: Tensor
    factor: Tensor
    mask: Tensor

    def spread(self, values: Tensor) -> Tensor:
        """Return ``[n, ...]`` values of the frames as ``[P, room, ...]``, 0 where none is."""
        out = values.new_zeros(len(self.mask), self.room, *values.shape[1:])
        out[self.pattern, self.slot] = values
        return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """A mixture of K Gaussians over the D = 2 S coordinates (x0, y0, x1, y1) of S joints.

    Attributes:
        joints: ``[S]`` which canonical joints.
        weight: ``[K]`` adds up to 1.
        mean: ``[K, D]`` body units.
        covariance: ``[K, D, D]`` body units squared.
        precise: Solve in double precision, as live frames are: joints of a face are so sure of each
            other that single precision is off by 1e-4 body units. Frames that all show different
            joints take twice as long.
    """

    joints: Tensor
    weight: Tensor
    mean: Tensor
    covariance: Tensor
    precise: bool = False

    def to(self, like: Tensor) -> "Mixture":
        """Return the mixture on the device and in the precision of a tensor."""
        return Mixture(
            joints=self.joints.to(like.device),
            weight=self.weight.to(like),
            mean=self.mean.to(like),
            covariance=self.covariance.to(like),
            precise=self.precise,
        )

    def groups(self, observed: Tensor, per_frame: int = 1) -> Iterator[Group]:
        """Group frames ``[N, S]`` by what they show: most frames of a recording show the same.

        Args:
            observed: ``[N, S]`` bool.
            per_frame: Numbers that a frame needs room for.
        """
        patterns, kind, count = torch.unique(
            observed, dim=0, return_inverse=True, return_counts=True
        )
        rank = count.argsort(stable=True)  # equally large ones together: little room is wasted
        frame = rank.argsort()[kind].argsort(stable=True)
        count = count[rank]
        end = count.cumsum(dim=0)
        size = self.covariance.numel() + (per_frame * count).amax() if len(count) else 1
        step = max(1, int(_ROOM // size))
        for first in range(0, len(patterns), step):
            last = min(first + step, len(patterns))
            low = int(end[first] - count[first])
            pattern = torch.arange(last - first, device=observed.device)
            pattern = pattern.repeat_interleave(count[first:last])
            slot = torch.arange(len(pattern), device=observed.device)
            slot = slot - (end[first:last] - count[first:last] - low)[pattern]
            mask = patterns[rank[first:last]].repeat_interleave(2, dim=1).to(self.covariance)
            yield Group(
                frame[low : int(end[last - 1])], pattern, slot, int(count[last - 1]),
                *self._solve(mask), mask,
            )  # fmt: skip

    def _solve(self, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        like, covariance = self.covariance, self.covariance
        if self.precise:
            mask, covariance = mask.double(), covariance.double()
        rows, columns = mask[:, None, :, None], mask[:, None, None, :]
        seen = rows * covariance * columns + torch.diag_embed(1 - mask)[:, None]
        factor = torch.linalg.cholesky(seen)
        across = rows * covariance
        gain = torch.cholesky_solve(across, factor).mT
        left = _blocks(covariance) - _pairwise(gain, covariance * columns)
        return gain.to(like), left.to(like), factor.to(like)

    def condition(
        self, points: Tensor, observed: Tensor, reference: Tensor | None = None
    ) -> Conditional:
        """Return where joints are, given those that are seen.

        Args:
            points: ``[N, S, 2]`` body units; of no meaning where not observed.
            observed: ``[N, S]``.
            reference: ``[N, S, 2]`` another pose; asks how much the mean moves from what it is
                for that pose to what it is for ``points``, the Gaussians' shares kept.
        """
        size, joints = observed.shape
        mean, doubtful = points.new_zeros(2, size, joints, 2)
        covariance = points.new_zeros(size, joints, 2, 2)
        shift = None if reference is None else torch.zeros_like(mean)
        for group in self.groups(observed, len(self.weight) * self.mean.shape[1]):
            flat = group.spread(points[group.frame].flatten(1))
            where, share, doubt = self.posterior(group, flat)
            middle = torch.einsum("pkn,pknd->pnd", share, where)
            inner = _pairs(where - middle[:, None])
            out = torch.einsum("pkn,pkjab->pnjab", share, group.left)
            out = out + torch.einsum("pkn,pknja,pknjb->pnjab", share, inner, inner)
            place = (group.pattern, group.slot)
            mean[group.frame] = _pairs(middle[place])
            broad = torch.einsum("pkn,pknd->pnd", doubt, where)
            doubtful[group.frame] = _pairs(broad[place])
            covariance[group.frame] = out[place]
            if reference is not None and shift is not None:
                moved = group.spread((points - reference)[group.frame].flatten(1))
                step = (moved * group.mask[:, None])[:, None] @ group.gain.mT
                shift[group.frame] = _pairs(torch.einsum("pkn,pknd->pnd", share, step)[place])
        return Conditional(mean, covariance, doubtful, shift)

    def posterior(self, group: Group, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return each Gaussian's mean ``[P, K, n, D]``, share ``[P, K, n]``, share in doubt.

        Args:
            group: The frames.
            flat: ``[P, n, D]`` their coordinates.
        """
        apart = (flat[:, None] - self.mean[:, None]) * group.mask[:, None, None, :]
        where = self.mean[:, None] + apart @ group.gain.mT
        white = torch.linalg.solve_triangular(group.factor, apart.mT, upper=False)
        volume = group.factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        before = self.weight.log()[:, None] - volume[..., None]
        squared = white.square().sum(dim=2) / 2
        return where, (before - squared).softmax(dim=1), (before - squared / DOUBT).softmax(dim=1)


def _pairs(flat: Tensor) -> Tensor:
    """Return ``[..., D]`` coordinates as ``[..., S, 2]``."""
    return flat.reshape(*flat.shape[:-1], -1, 2)


def _blocks(matrix: Tensor) -> Tensor:
    """Return the 2x2 blocks on the diagonal of ``[..., D, D]``: ``[..., S, 2, 2]``."""
    joints = matrix.shape[-1] // 2
    split = matrix.reshape(*matrix.shape[:-2], joints, 2, joints, 2)
    return split.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)


def _pairwise(left: Tensor, right: Tensor) -> Tensor:
    """Return the blocks on the diagonal of a symmetric ``left @ right.mT``, without the rest."""
    own = torch.linalg.vecdot(left, right)
    across = torch.linalg.vecdot(left[..., ::2, :], right[..., 1::2, :])
    blocks = [own[..., ::2], across, across, own[..., 1::2]]
    return torch.stack(blocks, dim=-1).view(*across.shape, 2, 2)
