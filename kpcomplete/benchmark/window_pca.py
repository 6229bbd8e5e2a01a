"""Whole windows as a few directions of movement and noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.gaps import finish, round_covariance

_HOP = 4  # windows overlap this often


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """Probabilistic PCA of windows, K of them (Tipping & Bishop 1999).

    Attributes:
        joints: ``[S]`` canonical joints.
        mean: ``[K, D]`` body units; D = L S 2 for windows of L frames.
        loadings: ``[K, D, q]``.
        noise: ``[K]`` variance outside of the q directions.
    """

    joints: Tensor
    mean: Tensor
    loadings: Tensor
    noise: Tensor

    def truncated(self, rank: int) -> "Components":
        """Return the same with fewer directions; what the others explained is noise."""
        left, size, _ = torch.linalg.svd(self.loadings, full_matrices=False)
        lost = size[:, rank:].square().sum(dim=1)
        dims, kept = self.loadings.shape[1], min(rank, self.loadings.shape[2])
        return Components(
            joints=self.joints,
            mean=self.mean,
            loadings=left[..., :rank] * size[:, None, :rank],
            noise=self.noise + lost / (dims - kept),
        )


def fit(groups: Sequence[PoseBatch], joints: Tensor, rank: int, rounds: int = 15) -> Components:
    """Fit one component to each group of windows by expectation maximisation.

    Args:
        groups: Windows of one length in body units; what is missing is left to the model.
        joints: ``[S]`` canonical joints.
        rank: Directions.
        rounds: Of expectation and maximisation.
    """
    found = [_fit_one(*_flat(batch, joints), rank, rounds) for batch in groups]
    mean, loadings, noise = (torch.stack(parts) for parts in zip(*found, strict=True))
    return Components(joints=joints, mean=mean, loadings=loadings, noise=noise)


def _flat(batch: PoseBatch, joints: Tensor) -> tuple[Tensor, Tensor]:
    """Return coordinates ``[B, D]`` and 1 where they are known."""
    seen = batch.observed[..., joints]
    points = torch.where(seen[..., None], batch.keypoints[:, :, joints], 0.0)
    mask = seen[..., None].expand_as(points).to(points)
    return points.flatten(1), mask.flatten(1)


def _fit_one(flat: Tensor, mask: Tensor, rank: int, rounds: int) -> tuple[Tensor, Tensor, Tensor]:
    count = mask.sum(dim=0)
    mean = (flat * mask).sum(dim=0) / count.clamp_min(1)
    filled = torch.where(mask > 0, flat - mean, 0.0)
    _, size, right = torch.linalg.svd(filled, full_matrices=False)
    rank = min(rank, len(size) - 1)
    loadings = right[:rank].T * size[:rank] / len(flat) ** 0.5
    noise = (size[rank:].square().sum() / mask.sum().clamp_min(1)).clamp_min(1e-5)
    eye = torch.eye(rank)
    for _ in range(rounds):
        where, spread = _latent(flat, mask, mean, loadings, noise)
        # each coordinate is a regression on the latents of the windows that show it
        unsure = (mask.T @ spread.flatten(1)).reshape(-1, rank, rank)
        outer = (where[:, :, None] * where[:, None, :]).flatten(1)
        gram = unsure + (mask.T @ outer).reshape(-1, rank, rank) + 1e-3 * eye
        cross = (mask * (flat - mean)).T @ where
        loadings = torch.linalg.solve(gram, cross[..., None])[..., 0]
        away = mask * (flat - where @ loadings.T)
        mean = away.sum(dim=0) / count.clamp_min(1)
        left = (mask * (flat - mean - where @ loadings.T)).square().sum()
        vague = ((unsure @ loadings[..., None])[..., 0] * loadings).sum()
        noise = ((left + vague) / mask.sum().clamp_min(1)).clamp_min(1e-5)
    return mean, loadings, noise


def _latent(
    flat: Tensor, mask: Tensor, mean: Tensor, loadings: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Return mean ``[N, q]`` and covariance ``[N, q, q]`` of the latents of windows."""
    rank = loadings.shape[1]
    pairs = (loadings[:, :, None] * loadings[:, None, :]).flatten(1)
    inner = (mask @ pairs).reshape(-1, rank, rank) / noise + torch.eye(rank)
    spread = torch.linalg.inv(inner)
    drawn = (mask * (flat - mean)) @ loadings / noise
    return (spread @ drawn[..., None])[..., 0], spread


@dataclass(kw_only=True, eq=False)
class WindowPCA:
    """A mixture of probabilistic PCAs of windows, which overlap and are blended.

    It asks for one length and one frame rate, and takes megabytes; therefore it is measured, but
    not shipped.

    Args:
        components: What was fitted.
    """

    components: Components
    causal: bool = field(default=False, init=False)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        joints = self.components.joints
        length = self.components.mean.shape[1] // (2 * len(joints))
        time = batch.observed.shape[1]
        hop = max(1, length // _HOP)
        whole = _padded(batch, max(0, length - time))
        starts = [*range(0, max(time - length, 0), hop), max(time - length, 0)]
        ramp = 1 - (torch.arange(length) - (length - 1) / 2).abs() / ((length + 1) / 2)
        total = torch.zeros(*whole.observed.shape[:2], len(joints), 2)
        weight = torch.zeros(whole.observed.shape[1])
        for start in starts:
            cut = slice(start, start + length)
            found = self._windows(whole.frames(cut)).reshape(-1, length, len(joints), 2)
            total[:, cut] += found * ramp[:, None, None]
            weight[cut] += ramp
        mean, known = torch.zeros_like(batch.keypoints), torch.zeros_like(batch.observed)
        mean[:, :, joints] = (total / weight[:, None, None])[:, :time]
        known[:, :, joints] = batch.observed.flatten(1).any(dim=1)[:, None, None]
        noise = self.components.noise.mean().expand(batch.observed.shape)
        return finish(batch, mean, round_covariance(noise), known)

    def _windows(self, batch: PoseBatch) -> Tensor:
        """Return what is expected ``[B, D]`` of windows of the right length."""
        flat, mask = _flat(batch, self.components.joints)
        parts, likelihood = [], []
        for mean, loadings, noise in zip(
            self.components.mean, self.components.loadings, self.components.noise, strict=True
        ):
            where, spread = _latent(flat, mask, mean, loadings, noise)
            parts.append(mean + where @ loadings.T)
            # of the seen coordinates, by the matrix inversion and determinant lemmas
            apart = mask * (flat - mean)
            drawn = apart @ loadings / noise
            square = apart.square().sum(dim=1) / noise - (drawn * where).sum(dim=1)
            volume = mask.sum(dim=1) * noise.log() - torch.linalg.slogdet(spread).logabsdet
            likelihood.append(-(square + volume) / 2)
        share = torch.stack(likelihood, dim=1).softmax(dim=1)
        return torch.einsum("nk,nkd->nd", share, torch.stack(parts, dim=1))


def _padded(batch: PoseBatch, frames: int) -> PoseBatch:
    """Return windows with missing frames at their end."""
    if not frames:
        return batch
    pad = torch.nn.functional.pad
    return PoseBatch(
        keypoints=pad(batch.keypoints, (0, 0, 0, 0, 0, frames)),
        confidence=pad(batch.confidence, (0, 0, 0, frames)),
        observed=pad(batch.observed, (0, 0, 0, frames)),
        times=pad(batch.times, (0, frames)),
    )
