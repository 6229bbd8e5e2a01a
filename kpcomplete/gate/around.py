"""Where the rest of the body says that joints must be, for one frame of some people, in numpy."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import torch

from kpcomplete.gate.surroundings import LIKELY, LOST, NOISE, Surroundings
from kpcomplete.pose import Array

_KEPT = 32  # patterns; each takes 1 MB


class _Pattern(NamedTuple):
    """What follows from which joints are trusted, under each of K Gaussians, in W ways.

    Attributes:
        precision: ``[K, D, D]`` of all coordinates.
        volume: ``[K]`` logarithm of its determinant.
        spread: ``[K, W, D, D]`` covariances of what is left out together, given the others, on
            the diagonal; 0 elsewhere.
        own: ``[K, W, S]`` logarithm of the determinant of the one that a joint belongs to.
    """

    precision: Array
    volume: Array
    spread: Array
    own: Array


class Around:
    """Answers as `Surroundings`, for one frame, and all people at once.

    Args:
        mixture: Whose Gaussians and ways of leaving out joints are taken.
    """

    def __init__(self, mixture: Surroundings) -> None:
        self._weight = np.log(mixture.weight.double().numpy())
        self._mean: Array = mixture.mean.double().numpy()
        self._covariance = mixture.covariance.double()
        self._ways = mixture.ways
        size = self._mean.shape[1]
        # of each way, whether two joints are left out together
        self._same = np.zeros((len(self._ways), size // 2, size // 2))
        for way, stacks in zip(self._same, self._ways, strict=True):
            for group in (group.numpy() for stack in stacks for group in stack):
                way[np.ix_(group, group)] = 1.0
        self._patterns: OrderedDict[bytes, _Pattern] = OrderedDict()

    def __call__(self, points: Array, trusted: Array) -> tuple[Array, Array]:
        """Return gaps ``[P, W, S, 2]`` and covariances ``[P, W, S, 2, 2]``, see `Elsewhere`.

        Args:
            points: ``[P, S, 2]`` body units; anything finite where nothing is reported.
            trusted: ``[P, S]`` bool.
        """
        people, joints = trusted.shape
        some = min(LIKELY, len(self._weight))
        chosen = []
        for row in range(people):
            known = self._pattern(trusted[row])
            apart = points[row].ravel() - self._mean
            pull = (known.precision @ apart[..., None])[..., 0]
            every = self._weight + (known.volume - (pull * apart).sum(axis=1)) / 2
            best = np.argpartition(-every, some - 1)[:some]
            chosen.append((pull[best], every[best], known.spread[best], known.own[best]))
        pull, every, spread, own = (np.stack(part) for part in zip(*chosen, strict=True))
        off = (spread @ pull[:, :, None, :, None])[..., 0]  # [P, K, W, D]
        each = (pull[:, :, None] * off).reshape(people, some, len(self._ways), joints, 2).sum(-1)
        alone = -(own + (self._same @ each[..., None])[..., 0]) / 2
        share = every[:, :, None, None] - alone
        share = np.exp(share - share.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        off = off.reshape(people, some, len(self._ways), joints, 2)
        middle = (share[..., None] * off).sum(axis=1)
        inner = off - middle[:, None]
        blocks = spread.reshape(*spread.shape[:3], joints, 2, joints, 2)
        blocks = np.moveaxis(blocks.diagonal(axis1=3, axis2=5), -1, 3)
        blocks = blocks + inner[..., None] * inner[..., None, :]
        return middle, (share[..., None, None] * blocks).sum(axis=1)

    def _pattern(self, trusted: Array) -> _Pattern:
        key = trusted.tobytes()
        if key not in self._patterns:
            self._patterns[key] = self._solve(trusted)
        self._patterns.move_to_end(key)
        if len(self._patterns) > _KEPT:
            self._patterns.popitem(last=False)
        return self._patterns[key]

    def _solve(self, trusted: Array) -> _Pattern:
        noise = np.repeat(np.where(trusted, NOISE, LOST), 2)
        factor = torch.linalg.cholesky(self._covariance + torch.diag(torch.from_numpy(noise)))
        precision = torch.cholesky_inverse(factor)
        gaussians, size = self._mean.shape
        spread = np.zeros((gaussians, len(self._ways), size, size))
        own = np.zeros((gaussians, len(self._ways), size // 2))
        for number, stacks in enumerate(self._ways):
            for stack in stacks:
                at = torch.stack([2 * stack, 2 * stack + 1], dim=-1).flatten(-2)
                left = torch.linalg.inv(precision[:, at[:, :, None], at[:, None]])
                place = at.numpy()
                spread[:, number, place[:, :, None], place[:, None]] = left.numpy()
                own[:, number, stack.numpy()] = torch.logdet(left).numpy()[..., None]
        volume = -2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        return _Pattern(precision.numpy(), volume.numpy(), spread, own)
