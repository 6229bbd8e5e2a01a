"""How the numbers of the classical completers are found in poses."""

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.mixture import Mixture
from kpcomplete.skeleton import CANONICAL, Skeleton

JITTER = 1e-4
"""Variance of a label about its place, body units squared: 1 % of a shoulder width each way."""

# Whose motion a joint borrows that no data shows: a hand's parts move about as the wrist does.
_BORROWS = {"pinky": "wrist", "index": "wrist", "thumb": "wrist", "mouth": "nose", "eye": "nose",
            "ear": "nose", "hip": "shoulder", "knee": "hip", "ankle": "knee", "heel": "ankle",
            "foot": "ankle", "elbow": "wrist", "wrist": "elbow"}  # fmt: skip


def gaussian(
    points: Tensor,
    *,
    prior: tuple[Tensor, Tensor] | None = None,
    strength: float = 0.0,
    rank: int | None = None,
    rounds: int = 20,
) -> tuple[Tensor, Tensor]:
    """Fit a Gaussian to poses with missing joints by expectation maximisation.

    Args:
        points: ``[N, S, 2]`` body units, NaN where missing.
        prior: Mean ``[D]`` and covariance ``[D, D]`` that count like ``strength`` more poses;
            they tell of joints that these poses never show.
        strength: In poses.
        rank: Directions to keep, all others being noise of one variance: probabilistic PCA.
        rounds: Of expectation and maximisation.

    Returns:
        Mean ``[D]`` and covariance ``[D, D]``, D = 2 S, float64.
    """
    observed = points.isfinite().all(dim=-1)
    flat = points.flatten(1).double()
    if prior is None:
        mean = flat.nanmean(dim=0).nan_to_num(0.0)
        covariance = torch.diag((flat - mean).square().nanmean(dim=0).nan_to_num(1.0) + JITTER)
        prior = (mean, covariance)
    start, spread = (x.double() for x in prior)
    mean, covariance = start, spread
    flat = flat.nan_to_num(0.0)
    eye = torch.eye(len(mean), dtype=torch.float64)
    for _ in range(rounds):
        total, square = _moments(flat, observed, mean, covariance)
        count = len(points) + strength
        mean = (total + strength * start) / count
        # the second moment about the new mean; what the prior's mean is off counts too
        away = start - mean
        square = square - mean[:, None] * total - total[:, None] * mean
        square = square + len(points) * mean[:, None] * mean
        covariance = (square + strength * (spread + away[:, None] * away)) / count + JITTER * eye
        if rank is not None:
            loadings, noise = low_rank(covariance, rank)
            covariance = loadings @ loadings.T + noise * eye
    return mean, covariance


def _moments(
    flat: Tensor, observed: Tensor, mean: Tensor, covariance: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the expected sums of poses ``[D]`` and of their products ``[D, D]``."""
    model = Mixture(
        joints=torch.arange(observed.shape[1]),
        weight=torch.ones(1, dtype=torch.float64),
        mean=mean[None],
        covariance=covariance[None],
    )
    total, square = torch.zeros_like(mean), torch.zeros_like(covariance)
    for group in model.groups(observed, per_frame=len(mean)):
        where, _, _ = model.posterior(group, group.spread(flat[group.frame]))
        where = where[group.pattern, 0, group.slot]
        size = torch.bincount(group.pattern, minlength=len(group.mask)).double()
        total += where.sum(dim=0)
        left = covariance - group.gain[:, 0] @ (group.mask[..., None] * covariance)
        square += where.T @ where + torch.einsum("p,pde->de", size, left)
    return total, square


def low_rank(covariance: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return the loadings ``[D, rank]`` and the noise variance of probabilistic PCA."""
    values, vectors = torch.linalg.eigh(covariance)
    noise = values[:-rank].mean()
    loadings = vectors[:, -rank:] * (values[-rank:] - noise).clamp_min(0).sqrt()
    return loadings, noise


def variogram(batch: PoseBatch, lags: tuple[int, ...]) -> Tensor:
    """Return how far joints move in some numbers of frames, squared, along an axis: ``[K, J]``.

    A joint that is never seen twice borrows from the joint that moves most like it.
    """
    rows = []
    for lag in lags:
        both = batch.observed[:, lag:] & batch.observed[:, :-lag]
        moved = (batch.keypoints[:, lag:] - batch.keypoints[:, :-lag]).square().sum(dim=-1) / 2
        count = both.sum(dim=(0, 1))
        total = torch.where(both, moved, 0.0).sum(dim=(0, 1))
        rows.append(torch.where(count >= 1000, total / count.clamp_min(1), torch.nan))
    return _borrow(torch.stack(rows))


def _borrow(rows: Tensor) -> Tensor:
    skeleton = Skeleton.load(CANONICAL)
    rows = rows.clone()
    for _ in range(4):  # a heel borrows from an ankle that borrows from a knee
        for i, joint in enumerate(skeleton.joints):
            part = next((p for p in joint.split("_") if p in _BORROWS), None)
            if part is None or rows[:, i].isfinite().all():
                continue
            side = next((s for s in ("left", "right") if s in joint.split("_")), "")
            lender = _BORROWS[part] if _BORROWS[part] == "nose" else f"{side}_{_BORROWS[part]}"
            lent = rows[:, skeleton.index(lender)]
            rows[:, i] = torch.where(rows[:, i].isfinite(), rows[:, i], lent)
    return torch.where(rows.isfinite(), rows, rows.nanmean(dim=1, keepdim=True))


def damped(lags: Tensor, squares: Tensor) -> dict[str, Tensor]:
    """Return the ``speed``, ``memory`` and ``noise`` ``[J]`` that a variogram speaks of.

    A velocity of mean square v that dies away in m seconds moves a joint by 2 v m² (t/m - 1 +
    exp(-t/m)) in t seconds, squared; noise n of each sight adds 2 n. For each m of a list, v and
    n are fitted by least relative squares; the best m is taken.
    """
    memories = torch.logspace(-1.5, 0.5, 25, dtype=torch.float64)
    x = lags.double()[None] / memories[:, None]
    shape = 2 * memories[:, None] ** 2 * (x - 1 + torch.exp(-x))  # [M, K]
    goal = squares.double().clamp_min(1e-9)  # [K, J]
    curve = shape[:, :, None] / goal  # relative
    flat = (2 / goal).expand_as(curve)
    design = torch.stack([curve, flat], dim=-1).permute(0, 2, 1, 3)  # [M, J, K, 2]
    ones = torch.ones_like(design[..., :1])
    both = torch.linalg.lstsq(design, ones).solution[..., 0]
    no_noise = curve.sum(dim=1) / curve.square().sum(dim=1)
    speed = torch.where(both[..., 1] > 0, both[..., 0], no_noise).clamp_min(1e-6)
    noise = both[..., 1].clamp_min(0)
    error = (design @ torch.stack([speed, noise], dim=-1)[..., None] - 1).square().sum(dim=(2, 3))
    best = error.argmin(dim=0, keepdim=True)
    return {
        "speed": speed.gather(0, best)[0].float(),
        "memory": memories[best[0]].float(),
        "noise": noise.gather(0, best)[0].clamp_min(1e-6).float(),
    }
