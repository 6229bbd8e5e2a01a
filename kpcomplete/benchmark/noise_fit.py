"""Tables of a detector's noise from pairs of what it found and what is true."""

from collections.abc import Collection, Sequence

import numpy as np
import torch

from kpcomplete.benchmark.noise_pairs import Pairs, Samples, samples
from kpcomplete.benchmark.noise_terms import (
    CELLS,
    KIND,
    additions,
    deviation,
    people,
    quantiles,
    rows_of,
    scores,
    terms,
    unmixed,
)
from kpcomplete.benchmark.noise_ties import between, over_time
from kpcomplete.corruption.noise_tables import CAUSES, CUTS, DEGREES, VIEWS, NoiseTables
from kpcomplete.pose import Array

RANKS = 65  # of the distributions
KNOWN = ("hidden", "cut", "view", "side")
"""What errors depend on besides the cause: occlusion, truncation, and view, right and left apart.
"""
_LEVELS = {"hidden": len(DEGREES) + 1, "cut": len(CUTS) + 1, "view": len(VIEWS)}
_FARTHEST = 30.0  # body units: what lies beside the camera is projected anywhere
_FEW = 8  # people of a view, whose direction is drawn to that of all views


def fit(scenes: Sequence[Pairs], known: Collection[str] = KNOWN) -> NoiseTables:
    """Return the tables that describe scenes.

    Args:
        scenes: With at least one joint found.
        known: Which of `KNOWN` distance and visibility may depend on, besides the cause.
    """
    data = samples(scenes)
    parts = {name: t for name, t in terms(data, "side" in known).items() if name in known}
    both, rests, tables = [], [], []
    for values in (data.far, data.sure):
        measured = quantiles(values, data)
        score = scores(values, measured, data)
        added = additions(score, parts, data)
        shift = sum(
            (added[n][data.joint, data.cause, t.cell % _LEVELS[n]] for n, t in parts.items()),
            np.zeros(len(score)),
        )
        spread = deviation(score - shift, data)
        rests.append((score - shift) / spread[data.joint, data.cause])
        both.append({**added, "spread": spread})
        tables.append(unmixed(measured, shift, spread, data, RANKS))
    added = {
        name: np.stack([one.get(name, np.zeros((33, len(CAUSES), levels))) for one in both])
        for name, levels in _LEVELS.items()
    }
    together = _together(rests[0], rests[1], data)
    drift = _drift(data)
    over, near = _ties(rests, together, data, scenes)
    found = {
        "distance": tables[0].clip(max=_FARTHEST), "confidence": tables[1], **added, "drift": drift,
        "spread": np.stack([one["spread"] for one in both]), "together": together, "near": near,
        "lasting": over[:, 0], "seconds": over[:, 1], "power": over[:, 2],
        "causes": _often(scenes),
        "views": np.bincount([s.view for s in scenes], minlength=len(VIEWS)) / len(scenes),
    }  # fmt: skip
    return NoiseTables(**{k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in found.items()})


def _together(far: Array, sure: Array, data: Samples) -> Array:
    """Correlation of the scores of distance and visibility, ``[33, 5]``."""
    found = np.zeros(CELLS)
    cell = KIND[data.joint] * len(CAUSES) + data.cause
    count = people(cell, data.person, CELLS)
    for number, rows in rows_of(cell, CELLS):
        one, two = far[rows] - far[rows].mean(), sure[rows] - sure[rows].mean()
        tie = (one * two).mean() / max(float(one.std() * two.std()), 1e-6)
        found[number] = tie * count[number] / (count[number] + 2)
    return np.asarray(found.reshape(33, len(CAUSES))[KIND].clip(-0.98, 0.98))


def _drift(data: Samples) -> Array:
    """Mean ``[33, 5, V, 2]`` of the normal vector whose direction is distributed as offsets'."""
    mirrored = np.where(np.arange(33) == KIND, 1.0, -1.0)  # right joints: their x is turned round
    ways = data.offset / np.maximum(data.far, 1e-6)[:, None]
    flip = np.stack([mirrored, np.ones(33)], axis=-1)
    kind, turned = KIND[data.joint], ways * flip[data.joint]
    top = _mean_ways(kind, turned, 33, people(kind, data.person, 33), 2)
    cell = kind * len(CAUSES) + data.cause
    count = people(cell, data.person, CELLS)
    top = _mean_ways(cell, turned, CELLS, count, 2, np.repeat(top, len(CAUSES), axis=0))
    top = top.reshape(33, len(CAUSES), 2)[KIND] * flip[:, None]
    cells = CELLS * len(VIEWS)
    cell = (data.joint * len(CAUSES) + data.cause) * len(VIEWS) + data.view
    parent = np.repeat(top.reshape(CELLS, 2), len(VIEWS), axis=0)
    mean = _mean_ways(cell, ways, cells, people(cell, data.person, cells), _FEW, parent)
    length = np.linalg.norm(mean, axis=-1)
    grid = np.linspace(0.0, 4.0, 81)
    normal = np.random.default_rng(0).standard_normal((4000, 2))
    lengths = [_resultant(normal + np.array([m, 0.0])) for m in grid]
    scale = np.interp(length, lengths, grid) / np.maximum(length, 1e-6)
    return np.asarray((mean * scale[:, None]).reshape(33, len(CAUSES), len(VIEWS), 2))


def _mean_ways(
    cell: Array, ways: Array, cells: int, count: Array, few: int, parent: Array | float = 0.0
) -> Array:
    """Mean directions ``[cells, 2]``; those of few people are drawn to their parents'."""
    sums = np.stack([np.bincount(cell, ways[:, i], cells) for i in range(2)], axis=-1)
    own = sums / np.maximum(np.bincount(cell, minlength=cells), 1)[:, None]
    weight = count[:, None]
    return np.asarray((own * weight + np.asarray(parent) * few) / (weight + few))


def _resultant(vectors: Array) -> float:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(units[:, 0].mean())


def _ties(
    rests: Sequence[Array], together: Array, data: Samples, scenes: Sequence[Pairs]
) -> tuple[Array, Array]:
    """How distance, visibility and direction last, ``[3, 3]``, and are tied, ``[3, 33, 33]``."""
    tie = together[data.joint, data.cause]
    own = (rests[1] - tie * rests[0]) / np.sqrt(np.maximum(1 - tie**2, 0.05))
    ways = data.offset[:, 0] / np.maximum(data.far, 1e-6)
    cell = (data.joint * len(CAUSES) + data.cause) * len(VIEWS) + data.view
    count = np.maximum(np.bincount(cell, minlength=CELLS * len(VIEWS)), 1)
    ways = np.sqrt(2.0) * (ways - (np.bincount(cell, ways) / count[: cell.max() + 1])[cell])
    over, near = [], []
    for values in (rests[0], own, ways):
        whole = np.full(data.found.shape, np.nan)
        whole[data.found] = values
        over.append(over_time(whole, scenes))
        near.append(between(whole))
    return np.array(over), np.stack(near)


def _often(scenes: Sequence[Pairs]) -> Array:
    """How often each joint is hidden by what, ``[33, 5]``, left and right together."""
    cause = np.concatenate([scene.cause for scene in scenes])
    counts = np.stack([(cause == what).mean(axis=0) for what in range(len(CAUSES))], axis=1)
    other = np.array([np.flatnonzero(KIND[j] == KIND)[[0, -1]] for j in range(33)])  # [33, 2]
    return np.asarray(counts[other].mean(axis=1))
