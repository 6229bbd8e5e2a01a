"""How scores of a detector's errors hang together, over time and between joints."""

from collections.abc import Sequence

import numpy as np

from kpcomplete.benchmark.noise_pairs import Pairs
from kpcomplete.pose import Array

_LAGS = np.arange(1, 31) / 10  # seconds, at which correlation over time is measured
_ENOUGH = 1000  # products that a correlation is the mean of


def lagged(row: Array, scenes: Sequence[Pairs], seconds: Array) -> tuple[Array, Array]:
    """Return correlations of scores ``[F, 33]`` with those of later frames.

    Args:
        row: NaN where nothing was found.
        scenes: Whose frames these are.
        seconds: ``[L]`` how much later.

    Returns:
        ``[L]`` the correlations, NaN where scenes are too short, and ``[L]`` the seconds, in whole
        frames.
    """
    parts = np.split(row, np.cumsum([len(scene.cause) for scene in scenes])[:-1])
    sums, times = np.zeros((len(seconds), 2)), np.zeros(len(seconds))
    for part, scene in zip(parts, scenes, strict=True):
        for which, later in enumerate(seconds):
            lag = max(1, round(later * scene.fps))
            product = part[lag:] * part[:-lag]
            sums[which] += np.nansum(product), np.isfinite(product).sum()
            times[which] = lag / scene.fps
    few = sums[:, 1] < _ENOUGH
    found = sums[:, 0] / np.maximum(sums[:, 1], 1) / np.nanmean(row**2)
    return np.where(few, np.nan, found), times


def over_time(row: Array, scenes: Sequence[Pairs]) -> tuple[float, float, float]:
    """Return what of a correlation over time stays, how soon the rest is lost, and how smoothly.

    Returns:
        Share of variance that stays for a scene, seconds until the rest is lost (to 1/e), and the
        power of the time.
    """
    measured, times = lagged(row, scenes, _LAGS)
    known = np.isfinite(measured)
    stays, seconds, power = np.meshgrid(
        np.linspace(0.02, 0.98, 49), np.geomspace(0.02, 8.0, 60), np.linspace(1.0, 1.9, 10)
    )
    loss = np.zeros(stays.shape)
    for later, value in zip(times[known], measured[known], strict=True):
        loss += (stays + (1 - stays) * np.exp(-((later / seconds) ** power)) - value) ** 2
    best = loss.argmin()
    return float(stays.flat[best]), float(seconds.flat[best]), float(power.flat[best])


def between(row: Array) -> Array:
    """Return the correlation of scores ``[F, 33]`` between joints, made positive definite."""
    known = np.isfinite(row)
    filled = np.where(known, row, 0.0)
    count = known.astype(float).T @ known
    product = filled.T @ filled / np.maximum(count, 1)
    scale = np.sqrt(np.maximum(np.diag(product), 1e-6))
    values, vectors = np.linalg.eigh(product / np.outer(scale, scale))
    matrix = (vectors * np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(matrix))
    return np.asarray(matrix / np.outer(scale, scale))
