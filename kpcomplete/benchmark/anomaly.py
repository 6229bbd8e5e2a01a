"""How well distracted driving of unknown drivers is told from normal driving, without labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from kpcomplete import metric
from kpcomplete.anomaly import Anomaly
from kpcomplete.anomaly.gathered import UPPER
from kpcomplete.anomaly.normality import FUSIONS, Limit, Normality, fuse
from kpcomplete.benchmark.drivers import Drives
from kpcomplete.data import Data
from kpcomplete.skeleton import CANONICAL, Skeleton

MAIN = "mirror"
_STRIDE = 16
_LIMIT = Limit(quantile=0.99)


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What scores say of one recording of an unknown driver.

    Attributes:
        scores: View to standardised scores ``[T, P]``.
        normal: View to the same of normal driving that was not fitted.
        distracted: ``[T]`` bool.
        shown: View to which joints are there, ``[T]``, one number a pattern.
    """

    scores: Mapping[str, Tensor]
    normal: Mapping[str, Tensor]
    distracted: Tensor
    shown: Mapping[str, Tensor]


def run(
    *,
    normal: Data,
    mixed: Data,
    parts: Mapping[str, Anomaly],
    test_drivers: Sequence[int] | None = None,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, float]:
    """Return how well distraction is found in recordings of each driver in turn.

    Scores learn from the normal driving of all other drivers, and are calibrated on the normal
    driving of the one who is watched, in other recordings; no label of anybody is learned from.
    They are causal and not smoothed. Which scores are averaged and how views are fused is chosen
    for each driver by the labels of the others alone. Prints each score, each view, what one
    clip of calibration and none give, and comparisons of frames that show the same joints.

    Args:
        normal: Clips of normal driving.
        mixed: Recordings with both, labelled.
        parts: Name to score, not fitted.
        test_drivers: Who is measured; by default everybody. All others teach and choose.
        seed: Of the intervals by driver.
        quick: Three drivers, one view fewer.

    Returns:
        ``auroc`` of all frames of the mirror view, ``auroc_mean`` and ``auroc_worst`` over drivers,
        ``fused_auroc``, ``fused_minus_best``: views fused minus the best single view, mean over
        drivers, ``same_joints_auroc`` between frames that show the same joints,
        ``accuracy``, ``precision`` and ``recall`` at a threshold of normal driving, and
        ``rapid_protocol_auroc``, the first with the drivers' normal driving pooled and scores
        averaged over 4 s of past and future.
    """
    drives = Drives(normal=normal.load(), mixed=mixed.load(), quick=quick)
    people = drives.chosen(test_drivers)
    found = judge(drives, parts)
    names = list(parts)
    tables = {"calibrated on all normal clips": found}
    if not quick:
        tables["on one normal clip"] = judge(drives, parts, clips=1)
        tables["on none"] = judge(drives, parts, clips=0)
    for title, judged in tables.items():
        _print(title, judged, names, people)
    picked = {p: choose(found, p, drives.views) for p in people}
    for person, (which, how) in picked.items():
        print(f"{person}: the others' labels choose {' + '.join(names[i] for i in which)}, {how}")
    alone = {v: [found[p].scores[v][:, list(picked[p][0])].mean(dim=1) for p in people]
             for v in drives.views}  # fmt: skip
    fused = [fuse([found[p].scores[v][:, list(picked[p][0])] for v in drives.views], picked[p][1])
             for p in people]  # fmt: skip
    truth = [found[p].distracted for p in people]
    by_view = {v: _per_driver(scores, truth) for v, scores in alone.items()}
    for view in by_view:
        _row(f"chosen, {view}", alone[view], truth, people, seed)
    _row("chosen, views fused", fused, truth, people, seed)
    figures = _headline(alone[MAIN], truth)
    fusion = _per_driver(fused, truth)
    best = max(float(np.mean(values)) for values in by_view.values())
    return {
        **figures,
        "fused_auroc": _pooled(fused, truth),
        "fused_minus_best": float(np.mean(fusion)) - best,
        "same_joints_auroc": float(np.nanmean([
            same_joints(s, found[p].distracted, found[p].shown[MAIN])
            for p, s in zip(people, alone[MAIN], strict=True)
        ])),
        **_decided(found, picked, people),
        "rapid_protocol_auroc": _pooled([_smooth(s) for s in alone[MAIN]], truth),
    }  # fmt: skip


def judge(
    drives: Drives, parts: Mapping[str, Anomaly], clips: int | None = None
) -> dict[str, Judged]:
    """Return what scores say of each driver, calibrated on so many normal clips; None: all."""
    out = {}
    for person in tqdm(drives.people, desc="drivers", disable=None):
        scores, normal, shown = {}, {}, {}
        for view in drives.views:
            others = [drives.normal_of(q, view) for q in drives.people if q != person]
            own = drives.normal_of(person, view)[:clips]
            fitted = Normality.fit(parts, others, own, stride=_STRIDE)
            recording, labels = drives.mixed_of(person, view)
            scores[view], normal[view] = fitted(recording), fitted.normal
            shown[view] = _pattern(recording)
        out[person] = Judged(scores=scores, normal=normal, distracted=labels == 1, shown=shown)
    return out


def choose(
    found: Mapping[str, Judged], person: str, views: Sequence[str]
) -> tuple[tuple[int, ...], str]:
    """Return which scores to average and how to fuse views: the best of all other drivers."""
    others = [judged for name, judged in found.items() if name != person]
    count = others[0].scores[views[0]].shape[1]
    subsets = [s for size in range(1, count + 1) for s in combinations(range(count), size)]
    truth = [judged.distracted for judged in others]

    def worth(scores: list[Tensor]) -> float:
        return _pooled(scores, truth) + float(np.mean(_per_driver(scores, truth)))

    which = max(
        subsets, key=lambda s: worth([j.scores[MAIN][:, list(s)].mean(dim=1) for j in others])
    )
    how = max(
        FUSIONS,
        key=lambda h: worth(
            [fuse([j.scores[v][:, list(which)] for v in views], h) for j in others]
        ),
    )
    return which, how


def same_joints(score: Tensor, distracted: Tensor, shown: Tensor) -> float:
    """Return the AUROC between frames that show the same joints, each pair counting alike."""
    total, pairs = 0.0, 0
    for pattern in torch.unique(shown).tolist():
        rows = shown == pattern
        bad = int(distracted[rows].sum())
        count = bad * (int(rows.sum()) - bad)
        if count:
            total += count * metric.auroc(score[rows].numpy(), distracted[rows].numpy())
            pairs += count
    return total / pairs if pairs else float("nan")


def _pattern(recording: Tensor) -> Tensor:
    seen = recording[:, Skeleton.load(CANONICAL).indices(UPPER)].isfinite().all(dim=-1)
    return (seen.long() * 2 ** torch.arange(seen.shape[1])).sum(dim=1)


def _pooled(scores: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    return metric.auroc(torch.cat(list(scores)).numpy(), torch.cat(list(truth)).numpy())


def _per_driver(scores: Sequence[Tensor], truth: Sequence[Tensor]) -> list[float]:
    return [metric.auroc(s.numpy(), t.numpy()) for s, t in zip(scores, truth, strict=True)]


def _headline(scores: Sequence[Tensor], truth: Sequence[Tensor]) -> dict[str, float]:
    each = _per_driver(scores, truth)
    return {"auroc": _pooled(scores, truth), "auroc_mean": float(np.mean(each)),
            "auroc_worst": min(each)}  # fmt: skip


def _decided(
    found: Mapping[str, Judged],
    picked: Mapping[str, tuple[tuple[int, ...], str]],
    people: Sequence[str],
) -> dict[str, float]:
    """Return figures of flags: a threshold for each driver, from that driver's normal driving."""
    flags = []
    for person in people:
        which = list(picked[person][0])
        limit = _LIMIT.of(found[person].normal[MAIN][:, which].mean(dim=1))
        flags.append(found[person].scores[MAIN][:, which].mean(dim=1) > limit)
    flag, truth = torch.cat(flags), torch.cat([found[p].distracted for p in people])
    hits = float((flag & truth).sum())
    return {
        "accuracy": float((flag == truth).float().mean()),
        "precision": hits / max(float(flag.sum()), 1.0),
        "recall": hits / max(float(truth.sum()), 1.0),
    }


def _smooth(score: Tensor, frames: int = 241) -> Tensor:
    """Return means over ±4 s, as RAPID reports them; not causal."""
    half = frames // 2
    total = torch.nn.functional.pad(score.double().cumsum(0), (1, 0))
    place = torch.arange(len(score))
    low, high = (place - half).clamp_min(0), (place + half + 1).clamp_max(len(score))
    return (total[high] - total[low]) / (high - low)


def _print(
    title: str, found: Mapping[str, Judged], names: Sequence[str], people: Sequence[str]
) -> None:
    truth = [found[p].distracted for p in people]
    print(f"\n{title}: AUROC of all frames / mean over drivers / worst driver")
    for view in found[people[0]].scores:
        for column, name in enumerate(names):
            figures = _headline([found[p].scores[view][:, column] for p in people], truth)
            print(f"{view:<10} {name:<16}", *(f"{v:.3f}" for v in figures.values()))


def _row(
    name: str, scores: Sequence[Tensor], truth: Sequence[Tensor], people: Sequence[str], seed: int
) -> None:
    each = _per_driver(scores, truth)
    low, high = metric.interval_by_person(each, people, seed=seed)
    print(f"{name:<22} {_pooled(scores, truth):.3f}  mean {np.mean(each):.3f} [{low:.3f}, "
          f"{high:.3f}]  each", *(f"{v:.3f}" for v in each))  # fmt: skip
