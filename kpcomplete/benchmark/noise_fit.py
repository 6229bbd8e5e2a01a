"""Tables of a detector's noise from pairs of what it found and what is true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri

from kpcomplete import metric
from kpcomplete.cabin.visibility import CAUSES as NAMED
from kpcomplete.corruption.mediapipe_noise import CAUSES, NoiseTables
from kpcomplete.errors import SettingError
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.staged import Scene

RANKS = 65  # of the quantiles
_FEW = 200  # samples of a joint under a cause; with fewer, those of all joints are taken
_LAGS = (0.1, 1.0)  # seconds, at which correlation over time is measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """One scene: what was found against what is true.

    Attributes:
        offset: ``[T, 33, 2]`` body units; NaN where nothing was found.
        confidence: ``[T, 33]`` as reported.
        cause: ``[T, 33]`` index into `kpcomplete.corruption.mediapipe_noise.CAUSES`.
        fps: Frames a second.
    """

    offset: Array
    confidence: Array
    cause: Array
    fps: float

    @property
    def found(self) -> Array:
        """``[T, 33]`` whether anything was found."""
        return np.asarray(np.isfinite(self.offset[..., 0]))

    @property
    def distance(self) -> Array:
        """``[T, 33]`` body units."""
        return np.asarray(np.linalg.norm(self.offset, axis=-1))


def pairs(scene: Scene) -> Pairs:
    """Return a scene's pairs.

    Raises:
        SettingError: If it does not say what hides its joints.
    """
    if scene.cause is None:
        raise SettingError(
            f"{scene.person} must say what hides its joints, but an old version of `kpcomplete "
            "stage` drew it: draw it anew"
        )
    merged = ["other" if name == "object" else name for name in NAMED]
    index = np.array([CAUSES.index(name) for name in merged])
    unit = metric.body_unit(scene.truth, Skeleton.load(CANONICAL))
    return Pairs(
        offset=(scene.keypoints - scene.truth) / unit,
        confidence=scene.confidence,
        cause=index[scene.cause],
        fps=scene.fps,
    )


def fit(scenes: Sequence[Pairs]) -> NoiseTables:
    """Return the tables that describe scenes; left and right are taken together."""
    skeleton = Skeleton.load(CANONICAL)
    other = np.array([skeleton.index(_mirrored(name)) for name in skeleton.joints])
    sides = np.array([("left" in name) - float("right" in name) for name in skeleton.joints])
    found = np.concatenate([scene.found for scene in scenes])
    cause = np.concatenate([scene.cause for scene in scenes])
    offset = np.concatenate([scene.offset for scene in scenes])
    sure = np.concatenate([scene.confidence for scene in scenes])
    far = np.linalg.norm(offset, axis=-1)
    shape = (33, len(CAUSES))
    distance, confidence = np.zeros((2, *shape, RANKS))
    drift, together = np.zeros((*shape, 2)), np.zeros(shape)
    scores = np.full((2, *far.shape), np.nan)
    for joint in range(33):
        for what in range(len(CAUSES)):
            both = (cause == what) & found
            mine = np.zeros_like(both)
            mine[:, [joint, other[joint]]] = both[:, [joint, other[joint]]]
            if mine.sum() < _FEW:
                mine = both
            if not mine.any():
                mine = found
            grid = np.linspace(0.0, 1.0, RANKS)
            distance[joint, what] = np.quantile(far[mine], grid)
            confidence[joint, what] = np.quantile(sure[mine], grid)
            together[joint, what] = np.corrcoef(_normal(far[mine]), _normal(sure[mine]))[0, 1]
            drift[joint, what] = _drift(offset, mine, sides[joint] * sides < 0)
            here = both[:, joint]
            for row, (values, table) in enumerate(((far, distance), (sure, confidence))):
                rank = np.interp(values[here, joint], table[joint, what], grid)
                scores[row, here, joint] = ndtri(np.clip(rank, 0.01, 0.99))
    tie = np.nan_to_num(together)[np.arange(33), cause]
    own = (scores[1] - tie * scores[0]) / np.sqrt(np.maximum(1 - tie**2, 0.05))
    ways = offset[..., 0] / np.maximum(far, 1e-6)
    rows = [scores[0], own, np.sqrt(2.0) * (ways - np.nanmean(ways, axis=0))]
    ends = np.cumsum([len(scene.cause) for scene in scenes])[:-1]
    lasting, seconds = zip(*(_over_time(row, ends, scenes) for row in rows), strict=True)
    counts = np.stack([(cause == what).mean(axis=0) for what in range(len(CAUSES))], axis=1)
    return NoiseTables(
        distance=_tensor(distance), confidence=_tensor(confidence), drift=_tensor(drift),
        together=_tensor(np.nan_to_num(together).clip(-0.98, 0.98)),
        near=_tensor(np.stack([_between(row) for row in rows])),
        lasting=_tensor(np.array(lasting)), seconds=_tensor(np.array(seconds)),
        causes=_tensor((counts + counts[other]) / 2),
    )  # fmt: skip


def _mirrored(name: str) -> str:
    for one, two in (("left", "right"), ("right", "left")):
        if one in name:
            return name.replace(one, two)
    return name


def _normal(values: Array) -> Array:
    """Normal scores of values by their ranks."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray(ndtri((order + 0.5) / len(values)))


def _drift(offset: Array, mine: Array, mirrored: Array) -> Array:
    """Mean of the normal vector whose direction is distributed as the offsets'.

    Args:
        offset: ``[N, 33, 2]``.
        mine: ``[N, 33]`` which of them count.
        mirrored: ``[33]`` joints whose left is right.
    """
    ways = offset * np.stack([np.where(mirrored, -1.0, 1.0), np.ones(33)], axis=-1)
    ways = ways[mine] / np.maximum(np.linalg.norm(ways[mine], axis=-1, keepdims=True), 1e-6)
    mean = ways.mean(axis=0)
    length = float(np.linalg.norm(mean))
    grid = np.linspace(0.0, 4.0, 81)
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((4000, 2))
    lengths = [_resultant(normal + np.array([m, 0.0])) for m in grid]
    return np.asarray(mean / max(length, 1e-6) * np.interp(length, lengths, grid))


def _resultant(vectors: Array) -> float:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(units[:, 0].mean())


def _over_time(row: Array, ends: Array, scenes: Sequence[Pairs]) -> tuple[float, float]:
    """Share of variance that stays for a scene, and seconds until the rest is forgotten."""
    sums = np.zeros((2, 2))
    for part, scene in zip(np.split(row, ends), scenes, strict=True):
        for which, seconds in enumerate(_LAGS):
            lag = max(1, round(seconds * scene.fps))
            product = part[lag:] * part[:-lag]
            sums[which] += np.nansum(product), np.isfinite(product).sum()
    whole = np.nanmean(row**2)
    near, late = (sums[:, 0] / np.maximum(sums[:, 1], 1) / whole).clip(0.01, 0.99)
    stays = min(late, 0.98 * near)
    share = max((near - stays) / (1 - stays), 0.02)
    return float(stays), float(-_LAGS[0] / np.log(min(share, 0.98)))


def _between(row: Array) -> Array:
    """Correlation between joints, made positive definite."""
    known = np.isfinite(row)
    filled = np.where(known, row, 0.0)
    count = known.astype(float).T @ known
    product = filled.T @ filled / np.maximum(count, 1)
    scale = np.sqrt(np.maximum(np.diag(product), 1e-6))
    values, vectors = np.linalg.eigh(product / np.outer(scale, scale))
    matrix = (vectors * np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(matrix))
    return np.asarray(matrix / np.outer(scale, scale))


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))
