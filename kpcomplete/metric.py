"""Figures of merit: pure functions of arrays; NaN means missing, and is never counted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import ShapeError
from kpcomplete.normalize import TORSO
from kpcomplete.skeleton import CANONICAL, Skeleton, convert

Array = npt.NDArray[Any]
RADIUS = 0.2
"""Torso lengths within which a joint counts as found."""


def body_unit(keypoints: Array, skeleton: Skeleton) -> float:
    """Return the body unit S of a person, in the unit of the keypoints.

    Args:
        keypoints: ``[T, J, 2]``, NaN where missing.
        skeleton: Of the J joints.
    """
    points = convert(np.asarray(keypoints, np.float32), skeleton, Skeleton.load(CANONICAL))
    batch = PoseBatch.from_keypoints(torch.from_numpy(points)[None])
    return float(normalize.fit(batch).scale[0])


def from_shoulders(points: Array) -> Array:
    """Return joints ``[T, 33, C]``, canonical skeleton, from the middle of the shoulders."""
    ends = Skeleton.load(CANONICAL).indices(["left_shoulder", "right_shoulder"])
    found: Array = points - points[:, ends].mean(axis=1, keepdims=True)
    return found


def distance(estimate: Array, truth: Array) -> Array:
    """Return how far joints ``[..., C]`` are from their places, ``[...]``; NaN where unknown."""
    estimate, truth = np.asarray(estimate), np.asarray(truth)
    if estimate.shape != truth.shape:
        raise ShapeError(
            f"estimate and truth must have one shape, but got {estimate.shape} and {truth.shape}"
        )
    found: Array = np.linalg.norm(estimate - truth, axis=-1)
    return found


def mean_error(
    estimate: Array, truth: Array, counted: Array | None = None, unit: Array | float = 1.0
) -> float:
    """Return the mean distance of joints from their places; NaN if there is none to count.

    Args:
        estimate: ``[..., C]``.
        truth: ``[..., C]``.
        counted: ``[...]`` bool, e.g. what was hidden; all if None.
        unit: Divides the distances, e.g. `body_unit`; anything that fits ``[...]``.
    """
    return _mean(distance(estimate, truth) / unit, counted)


def pck(
    estimate: Array, truth: Array, radius: Array | float, counted: Array | None = None
) -> float:
    """Return the share of joints nearer to their place than a radius; missing ones are not.

    Args:
        estimate: ``[..., C]``; NaN where nothing was found, which counts as wrong.
        truth: ``[..., C]``; NaN where not known, which does not count.
        radius: In the same unit, e.g. ``RADIUS * TORSO * body_unit(...)``.
        counted: ``[...]`` bool, or None for all.
    """
    error = distance(estimate, truth)
    hit = np.where(np.isfinite(truth).all(axis=-1), error < radius, np.nan)
    return _mean(hit, counted)


def radius(unit: Array | float) -> Array | float:
    """Return the radius to which confidences of completed joints refer, for a body unit."""
    return RADIUS * TORSO * unit


def coverage(
    estimate: Array, truth: Array, covariance: Array, level: float, counted: Array | None = None
) -> float:
    """Return the share of joints inside of the ellipse that should hold ``level`` of them.

    Args:
        estimate: ``[..., 2]``.
        truth: ``[..., 2]``.
        covariance: ``[..., 2, 2]``; a joint without one, or with a flat one, is not counted.
        level: 0..1.
        counted: ``[...]`` bool, or None for all.
    """
    square = squared_deviations(estimate, truth, covariance)
    inside = np.where(np.isfinite(square), square <= chi_square(level), np.nan)
    return _mean(inside, counted)


def squared_deviations(estimate: Array, truth: Array, covariance: Array) -> Array:
    """Return squared distances ``[...]`` in standard deviations; NaN where there are none."""
    apart = np.asarray(estimate, np.float64) - np.asarray(truth, np.float64)
    a, b, c, determinant = _entries(covariance)
    x, y = apart[..., 0], apart[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        square = (c * x * x - 2 * b * x * y + a * y * y) / determinant
    return np.where(np.isfinite(square) & (determinant > 0), square, np.nan)


def chi_square(level: float) -> float:
    """Return the squared deviation that holds a share of a Gaussian in the plane."""
    return float(-2 * np.log1p(-level))


def area(covariance: Array, level: float) -> Array:
    """Return the area ``[...]`` of ellipses that hold ``level``, in the covariance's unit."""
    determinant = _entries(covariance)[3]
    found: Array = np.pi * chi_square(level) * np.sqrt(np.maximum(determinant, 0))
    return found


def calibration_error(confidence: Array, right: Array, bins: int = 10) -> float:
    """Return the expected calibration error: how far confidences are from shares of hits.

    Args:
        confidence: ``[N]`` in 0..1.
        right: ``[N]`` bool.
        bins: Of equal width.
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if not len(confidence):
        return float("nan")
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(where, confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def jitter(points: Array, times: Array) -> float:
    """Return the mean size of the acceleration, in the points' unit per second squared.

    Args:
        points: ``[T, J, C]``; only three frames in a row that show a joint count.
        times: ``[T]`` seconds, rising; not evenly spaced if need be.
    """
    points, times = np.asarray(points, np.float64), np.asarray(times, np.float64)
    step = np.diff(times)[:, None, None]
    velocity = np.diff(points, axis=0) / step
    acceleration = np.diff(velocity, axis=0) / ((step[1:] + step[:-1]) / 2)
    return _mean(np.linalg.norm(acceleration, axis=-1), None)


def bone_variation(points: Array, bones: Array) -> Array:
    """Return how much each bone's length varies over time, relative to its mean: ``[bones]``.

    Args:
        points: ``[T, J, C]``; NaN where missing.
        bones: ``[bones, 2]`` joint numbers.
    """
    points = np.asarray(points, np.float64)
    length = np.linalg.norm(points[:, bones[:, 0]] - points[:, bones[:, 1]], axis=-1)
    known = np.isfinite(length)
    count = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, length, 0).sum(axis=0) / count
        square = np.where(known, (length - mean) ** 2, 0).sum(axis=0) / count
        found: Array = np.sqrt(square) / mean
    return found


def mpjpe(estimate: Array, truth: Array, counted: Array | None = None) -> float:
    """Return the mean error per joint position of ``[..., J, 3]``, in their unit."""
    return mean_error(estimate, truth, counted)


def pa_mpjpe(estimate: Array, truth: Array) -> float:
    """Return the mean error of ``[N, J, 3]`` after the best move, turn and scale of each pose.

    Joints that either side lacks are left out; poses with fewer than three joints are too.
    """
    estimate, truth = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    aligned = np.stack([align(a, b) for a, b in zip(estimate, truth, strict=True)])
    return mean_error(aligned, truth)


def align(estimate: Array, truth: Array) -> Array:
    """Return a pose ``[J, C]`` moved, turned and scaled onto another (Umeyama 1991).

    Returns:
        ``[J, C]``, NaN if fewer than three joints are known on both sides.
    """
    known = np.isfinite(estimate).all(axis=-1) & np.isfinite(truth).all(axis=-1)
    if known.sum() < 3:
        return np.full_like(estimate, np.nan)
    a, b = estimate[known], truth[known]
    a_mean, b_mean = a.mean(axis=0), b.mean(axis=0)
    left, size, right = np.linalg.svd((b - b_mean).T @ (a - a_mean))
    sign = np.ones_like(size)
    sign[-1] = np.sign(np.linalg.det(left @ right))  # no mirror images
    spread = ((a - a_mean) ** 2).sum()
    scale = (size * sign).sum() / spread if spread > 0 else 1.0
    turned: Array = (estimate - a_mean) @ ((left * sign) @ right).T * scale + b_mean
    return turned


def auroc(score: Array, positive: Array) -> float:
    """Return how often a positive scores above a negative, ties half; NaN if one kind lacks.

    Args:
        score: ``[N]``, higher is more positive.
        positive: ``[N]`` bool.
    """
    score, positive = np.asarray(score, np.float64), np.asarray(positive, bool)
    if positive.all() or not positive.any():
        return float("nan")
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # the mean rank of ties
    hits = positive.sum()
    above = rank[positive].sum() - hits * (hits + 1) / 2
    return float(above / (hits * (~positive).sum()))


def interval_by_person(
    values: Sequence[float] | Array,
    people: Sequence[str],
    *,
    statistic: Callable[[Array], float] | None = None,
    level: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a bootstrap interval that draws whole people, since their frames are alike.

    Args:
        values: ``[N]``, e.g. one error a clip.
        people: ``[N]`` whose they are.
        statistic: Of values; None for their mean.
        level: 0..1.
        rounds: Of drawing.
        seed: Same seed, same interval.
    """
    values, names = np.asarray(values), np.asarray(people)
    if len(values) != len(names) or not len(values):
        raise ShapeError(f"each value needs a person, but got {len(values)} and {len(names)}")
    groups = [values[names == name] for name in sorted(set(people))]
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(groups), size=(rounds, len(groups)))
    if statistic is None:
        total, count = np.array([[group.sum(), len(group)] for group in groups]).T
        found = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    else:
        found = [statistic(np.concatenate([groups[i] for i in row])) for row in drawn]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _mean(values: Array, counted: Array | None) -> float:
    use = np.isfinite(values) if counted is None else np.isfinite(values) & counted
    return float(values[use].mean()) if use.any() else float("nan")


def _entries(covariance: Array) -> tuple[Array, Array, Array, Array]:
    covariance = np.asarray(covariance, np.float64)
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    return a, b, c, a * c - b * b
