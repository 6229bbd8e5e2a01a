"""How well distracted driving of unknown drivers is told from normal driving, without labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from kpcomplete import metric
from kpcomplete.anomaly import Anomaly
from kpcomplete.anomaly.normality import Limit
from kpcomplete.benchmark.drivers import Drives
from kpcomplete.benchmark.judged import ENROLLED, MAIN, Choice, Judged, choose, each, judge, pooled
from kpcomplete.data import Data

_LIMIT = Limit(quantile=0.99)


def run(
    *,
    normal: Data,
    mixed: Data,
    parts: Mapping[str, Anomaly],
    test_drivers: Sequence[int] | None = None,
    clips: int | None = None,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, float]:
    """Return how well distraction is found in recordings of each driver in turn.

    Scores learn from the normal driving of all other drivers. Each is taken twice: after enrolment
    on the normal driving of the driver who is watched (other recordings than those measured), and
    by absolute places in the image, which no enrolment needs. They are causal and not smoothed;
    no label is learned from. Which kind counts in a view, and how views are fused, is chosen for
    each driver by the labels of the others alone. Prints each score and each view.

    Args:
        normal: Clips of normal driving.
        mixed: Recordings with both, labelled.
        parts: Name to score, not fitted.
        test_drivers: Who is measured, by number; by default everybody. All others teach and choose.
        clips: Of normal driving that enroll a driver; None: all there are, about ten minutes.
        seed: Of the intervals by driver.
        quick: Three drivers, two views.

    Returns:
        ``auroc`` of all frames of the mirror view, ``auroc_mean`` and ``auroc_worst`` over drivers;
        ``fused_minus_best``: of views fused minus the best single view, mean over drivers;
        ``rapid_protocol_auroc``: all frames, scores averaged over 4 s of past and future;
        ``fused_auroc``, ``fused_mean``, ``fused_worst``: the first three of views fused;
        ``same_joints_auroc``: between frames that show the same joints, so that missing joints tell
        nothing, and ``missing_auroc`` of the number of missing joints alone, means over drivers;
        ``accuracy``, ``precision`` and ``recall`` at a threshold of normal driving.
    """
    drives = Drives(normal=normal.load(), mixed=mixed.load(), quick=quick)
    people = drives.chosen(test_drivers)
    found = judge(drives, parts, clips)
    truth = [found[p].distracted for p in people]
    _print(found, list(parts), people)
    picked = {p: choose(found, p, drives.views) for p in people}
    for person, choice in picked.items():
        kinds = ", ".join(f"{view} {kind}" for view, kind in choice.kinds.items())
        print(f"{person}: the others' labels choose {kinds}; views by {choice.how}")
    views = {v: [picked[p].alone(found[p], v) for p in people] for v in drives.views}
    fused = [picked[p].fused(found[p]) for p in people]
    for name, scores in {**views, "fused": fused}.items():
        _row(name, scores, truth, people, seed)
    best = max(float(np.mean(each(scores, truth))) for scores in views.values())
    return {
        **_headline("", views[MAIN], truth),
        "fused_minus_best": float(np.mean(each(fused, truth))) - best,
        "rapid_protocol_auroc": pooled([_smooth(s) for s in views[MAIN]], truth),
        **_headline("fused_", fused, truth),
        **_missing(views[MAIN], [found[p] for p in people]),
        **_decided(found, picked, people),
    }


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


def _missing(scores: Sequence[Tensor], judged: Sequence[Judged]) -> dict[str, float]:
    pairs = list(zip(scores, judged, strict=True))
    same = [same_joints(s, j.distracted, j.shown[MAIN]) for s, j in pairs]
    count = [_bits(j.shown[MAIN]) for j in judged]
    alone = each([-c for c in count], [j.distracted for j in judged])
    return {"same_joints_auroc": float(np.nanmean(same)), "missing_auroc": float(np.mean(alone))}


def _bits(pattern: Tensor) -> Tensor:
    return sum(((pattern >> i) & 1 for i in range(16)), torch.zeros_like(pattern)).float()


def _headline(prefix: str, scores: Sequence[Tensor], truth: Sequence[Tensor]) -> dict[str, float]:
    drivers = each(scores, truth)
    return {
        f"{prefix}auroc": pooled(scores, truth),
        f"{prefix}{'auroc_' if not prefix else ''}mean": float(np.mean(drivers)),
        f"{prefix}{'auroc_' if not prefix else ''}worst": min(drivers),
    }


def _decided(
    found: Mapping[str, Judged], picked: Mapping[str, Choice], people: Sequence[str]
) -> dict[str, float]:
    """Return figures of flags: a threshold for each driver, from that driver's normal driving."""
    flags = []
    for person in people:
        judged = found[person]
        # only a driver's own driving tells what is normal for the driver
        normal = judged.normal[MAIN, ENROLLED].mean(dim=1)
        flags.append(judged.score(MAIN, ENROLLED) > _LIMIT.of(normal))
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


def _print(found: Mapping[str, Judged], names: Sequence[str], people: Sequence[str]) -> None:
    truth = [found[p].distracted for p in people]
    print("AUROC of all frames / mean over drivers / worst driver")
    for view, kind in found[people[0]].scores:
        for column, name in enumerate(names):
            scores = [found[p].scores[view, kind][:, column] for p in people]
            figures = " ".join(f"{v:.3f}" for v in _headline("", scores, truth).values())
            print(f"{view:<10} {kind:<10} {name:<14} {figures}")


def _row(
    name: str, scores: Sequence[Tensor], truth: Sequence[Tensor], people: Sequence[str], seed: int
) -> None:
    drivers = each(scores, truth)
    low, high = metric.interval_by_person(drivers, people, seed=seed)
    print(f"{name:<10} {pooled(scores, truth):.3f}  mean {np.mean(drivers):.3f} [{low:.3f}, "
          f"{high:.3f}]  each", *(f"{v:.3f}" for v in drivers))  # fmt: skip
