"""How far apart two sets of a detector's errors are."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from kpcomplete.benchmark.noise_pairs import Samples
from kpcomplete.corruption.noise_tables import CAMERAS, CAUSES, CUTS, DEGREES, SEATS
from kpcomplete.pose import Array

_ENOUGH = 300  # joints of a kind under a cause, or they are not measured
_TIMES = 20  # rides are drawn again so often
_BINS = 400  # of the values, for rides that are drawn again
_ROW = "{:<24}" + " {:>15}" * len(CAUSES)


def by_cause(measured: Samples, other: Samples, name: str) -> dict[str, float]:
    """Print Kolmogorov-Smirnov distances under each cause, and sum them up.

    Returns:
        ``max``: the largest, of distance and of visibility under each cause, all joints together;
        ``joint``: joint by joint, the median.
    """
    largest, each = 0.0, []
    for what, hidden_by in enumerate(CAUSES):
        rows, drawn = measured.cause == what, other.cause == what
        gaps = _gaps(measured, rows, other, drawn)
        if gaps is None:
            continue
        largest = max(largest, *gaps)
        print(f"held-out rides against {name}, {hidden_by}: KS of distance {gaps[0]:.3f}, of "
              f"visibility {gaps[1]:.3f}, {rows.sum()} joints")  # fmt: skip
        for joint in range(33):
            mine, theirs = rows & (measured.joint == joint), drawn & (other.joint == joint)
            each += list(_gaps(measured, mine, other, theirs) or ())
    return {"max": largest, "joint": float(np.median(each)) if each else float("nan")}


def by_chance(measured: Samples, seed: int) -> float:
    """Print how far these rides are from as many that are drawn from them; return the largest.

    This is what is to be expected of a perfect simulation: other rides would have been different.
    """
    rng = np.random.default_rng(seed)
    rides = int(measured.ride.max(initial=0)) + 1
    largest = 0.0
    for what, hidden_by in enumerate(CAUSES):
        rows = measured.cause == what
        if rows.sum() < _ENOUGH:
            continue
        gaps = []
        for values in (measured.far[rows], measured.sure[rows]):
            edges = np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])
            cell = measured.ride[rows] * _BINS + np.searchsorted(edges, values)
            counts = np.bincount(cell, minlength=rides * _BINS).reshape(rides, _BINS).astype(float)
            again = rng.multinomial(rides, np.full(rides, 1 / rides), size=_TIMES) @ counts
            each = [(c / c.sum(axis=-1, keepdims=True)).cumsum(axis=-1)
                    for c in (again + 1e-9, counts.sum(axis=0))]  # fmt: skip
            gaps.append(float(np.abs(each[0] - each[1]).max(axis=-1).mean()))
        largest = max(largest, *gaps)
        print(f"held-out rides against as many others, by chance, {hidden_by}: KS of distance "
              f"{gaps[0]:.3f}, of visibility {gaps[1]:.3f}")  # fmt: skip
    return largest


def by_part(measured: Samples, other: Samples) -> None:
    """Print distances by degree of occlusion and truncation and by view, under each cause."""
    print(_ROW.format("KS distance/visibility", *CAUSES))
    for name, rows, drawn in _parts(measured, other):
        cells = []
        for what in range(len(CAUSES)):
            gaps = _gaps(measured, rows & (measured.cause == what),
                         other, drawn & (other.cause == what))  # fmt: skip
            cells.append(f"{gaps[0]:.3f} / {gaps[1]:.3f}" if gaps else "-")
        print(_ROW.format(name, *cells))


def _parts(measured: Samples, other: Samples) -> Iterator[tuple[str, Array, Array]]:
    """Yield names of parts of samples, and which of both are in them."""
    borders = [0.0, *DEGREES, 1.0]
    names = [f"{a:.0%} to {b:.0%} near it" for a, b in pairwise(borders)]
    for level, name in enumerate(names):
        yield f"hidden {name}", measured.degree == level, other.degree == level
    ends = ["none", *(f"up to {int(border)}" for border in CUTS[1:]), "more"]
    for level, name in enumerate(ends):
        yield f"outside: {name}", measured.cut == level, other.cut == level
    for which, name in enumerate(CAMERAS):
        yield name, measured.view // len(SEATS) == which, other.view // len(SEATS) == which
    for which, name in enumerate(SEATS):
        yield name, measured.view % len(SEATS) == which, other.view % len(SEATS) == which


def _gaps(one: Samples, mine: Array, two: Samples, theirs: Array) -> tuple[float, float] | None:
    """Return the distances of distance and visibility; None if there is not enough."""
    if min(mine.sum(), theirs.sum()) < _ENOUGH:
        return None
    return apart(one.far[mine], two.far[theirs]), apart(one.sure[mine], two.sure[theirs])


def apart(one: Array, two: Array) -> float:
    """Return the Kolmogorov-Smirnov distance of two sets of values."""
    one, two = np.sort(one), np.sort(two)
    both = np.concatenate([one, two])
    ranks = [np.searchsorted(x, both, side="right") / len(x) for x in (one, two)]
    return float(np.abs(ranks[0] - ranks[1]).max())
