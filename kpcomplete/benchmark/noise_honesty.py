"""How well a detector's visibility tells seen joints from hidden ones, and what is invented."""

from collections.abc import Sequence

import numpy as np

from kpcomplete import metric
from kpcomplete.benchmark.noise_pairs import Pairs, Samples
from kpcomplete.benchmark.noise_terms import quantiles, scores
from kpcomplete.benchmark.noise_ties import lagged
from kpcomplete.corruption.noise_tables import CAMERAS, CAUSES, SEATS
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

_ROW = "{:<14}" + " {:>9}" * 9
_LAGS = np.array([0.1, 1.0])  # seconds
_SURE = 0.5  # a hidden joint that is reported as more visible is invented


def honesty(data: Samples) -> dict[str, float]:
    """Print how honest visibility is, by joint and cause and by camera and seat.

    Returns:
        ``visibility_auroc`` and ``invented``, of all that is in the image.
    """
    words = [name.replace("left", "").replace("right", "").strip("_")
             for name in Skeleton.load(CANONICAL).joints]  # fmt: skip
    kinds = np.array(words)[data.joint]
    hidden = [name for name in CAUSES if name != "visible"]
    print(_ROW.format("visibility of", "seen", *(x for name in hidden for x in (name, "auroc"))))
    for kind in dict.fromkeys(words):
        print(_ROW.format(kind, *_line(data, kinds == kind)))
    for which, name in enumerate(CAMERAS):
        print(_ROW.format(name, *_line(data, data.view // len(SEATS) == which)))
    for which, name in enumerate(SEATS):
        print(_ROW.format(name, *_line(data, data.view % len(SEATS) == which)))
    print(_ROW.format("all", *_line(data, np.ones(len(data.joint), bool))))
    inside = data.cause != CAUSES.index("outside")
    sure, seen = data.sure[inside], data.cause[inside] == 0
    return {
        "visibility_auroc": metric.auroc(sure, seen),
        "invented": float((sure[~seen] > _SURE).mean()),
    }


def _line(data: Samples, mine: Array) -> list[str]:
    """Counts of seen joints and of those hidden by each cause, and how well these are told."""
    sure, cause = data.sure[mine], data.cause[mine]
    seen = cause == 0
    values = [str(int(seen.sum()))]
    for what in range(1, len(CAUSES)):
        rows = cause == what
        some = seen | rows
        auroc = metric.auroc(sure[some], seen[some]) if rows.sum() > 30 else np.nan
        values += [str(int(rows.sum())), f"{auroc:.3f}"]
    return values


def invented(measured: Samples, simulated: Samples) -> None:
    """Print how often hidden joints are reported as visible, measured and simulated."""
    for what, name in enumerate(CAUSES[1:], start=1):
        one, two = (data.sure[data.cause == what] > _SURE for data in (measured, simulated))
        if len(one):
            print(f"invented, hidden by {name}: measured {one.mean():.3f}, simulated "
                  f"{two.mean():.3f}")  # fmt: skip


def lasting(
    measured: tuple[Samples, Sequence[Pairs]], simulated: tuple[Samples, Sequence[Pairs]]
) -> None:
    """Print correlations over time and between neighbouring joints, measured and simulated."""
    skeleton = Skeleton.load(CANONICAL)
    for name in ("far", "sure"):
        found = []
        for data, scenes in (measured, simulated):
            values = getattr(data, name)
            rows = np.full(data.found.shape, np.nan)
            rows[data.found] = scores(values, quantiles(values, data), data)
            pairs = rows[:, skeleton.bone_indices]  # [F, bones, 2]
            bones = np.nanmean(pairs.prod(axis=-1)) / np.nanmean(pairs**2)
            found.append([*lagged(rows, scenes, _LAGS)[0], float(bones)])
        what = "distance" if name == "far" else "visibility"
        ends = [f"after {lag:g} s" for lag in _LAGS] + ["along bones"]
        text = [f"{end}: measured {a:.2f}, simulated {b:.2f}"
                for end, a, b in zip(ends, *found, strict=True)]  # fmt: skip
        print(f"correlation of {what} {'; '.join(text)}")
