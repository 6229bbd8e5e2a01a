"""What scores of a detector's errors depend on, one thing beside the other."""

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr, ndtri

from kpcomplete.benchmark.noise_pairs import Samples
from kpcomplete.corruption.noise_tables import CAUSES, CUTS, DEGREES, VIEWS
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

KIND = np.minimum(np.arange(33), Skeleton.load(CANONICAL).mirror)
"""``[33]`` the first of a joint and its mirror image."""
CELLS = 33 * len(CAUSES)
_FEW, _FEW_OF_ALL = 8, 20  # people whom the mean of a joint, of a cause is as good as without
_ROUNDS = 3  # terms are fitted one after the other, to what the others leave
_GRID = np.linspace(0.0, 1.0, 201)  # ranks
_MOST = 2000  # samples that stand for all of a cell


class Term:
    """One thing that adds to the score of a joint under a cause.

    What few people say of a joint is drawn to what all joints under the cause say, and that to 0.

    Args:
        level: ``[N]`` which of them.
        levels: How many there are.
        data: Samples.
        sided: Left and right are apart instead of mirror images.
    """

    def __init__(self, level: Array, levels: int, data: Samples, sided: bool = False) -> None:
        self._joint = np.arange(33) if sided else KIND
        side = (np.arange(33) != KIND) & sided
        whole = side[:, None] * len(CAUSES) + np.arange(len(CAUSES))  # [33, 5]
        self._levels = levels
        self.cell = (self._joint[data.joint] * len(CAUSES) + data.cause) * levels + level
        self._all = whole[data.joint, data.cause] * levels + level
        self._parent = (whole[..., None] * levels + np.arange(levels)).ravel()
        self._people = people(self.cell, data.person, CELLS * levels)
        self._crowd = people(self._all, data.person, 2 * len(CAUSES) * levels)

    def fit(self, rest: Array) -> Array:
        """Return what each level adds, ``[33, 5, L]``, that explains scores ``[N]``."""
        top = _mean(self._all, rest, len(self._crowd))
        top = (top * self._crowd / (self._crowd + _FEW_OF_ALL))[self._parent]
        own = _mean(self.cell, rest, len(self._people))
        found = (own * self._people + top * _FEW) / (self._people + _FEW)
        return np.asarray(found.reshape(33, len(CAUSES), self._levels)[self._joint])


def terms(data: Samples, sided: bool) -> dict[str, Term]:
    """Return what scores depend on, by the names of the tables."""
    return {
        "hidden": Term(data.degree, len(DEGREES) + 1, data),
        "cut": Term(data.cut, len(CUTS) + 1, data),
        "view": Term(data.view, len(VIEWS), data, sided),
    }


def additions(score: Array, parts: Mapping[str, Term], data: Samples) -> dict[str, Array]:
    """Return what each term adds to scores ``[N]``, ``[33, 5, L]``."""
    found = {name: np.zeros((33, len(CAUSES), 1)) for name in parts}
    adds = {name: np.zeros(len(score)) for name in parts}
    for _ in range(_ROUNDS):
        for name, term in parts.items():
            others = sum((add for other, add in adds.items() if other != name), np.zeros(1))
            found[name] = term.fit(score - others)
            level = term.cell % found[name].shape[-1]
            adds[name] = found[name][data.joint, data.cause, level]
    return found


def quantiles(values: Array, data: Samples) -> Array:
    """Return quantiles ``[33, 5, 201]``; what few people say is drawn to what all joints say."""
    cell = KIND[data.joint] * len(CAUSES) + data.cause
    count = people(cell, data.person, CELLS)
    whole = np.quantile(values, _GRID)
    by_cause = [values[data.cause == what] for what in range(len(CAUSES))]
    tops = [np.quantile(some, _GRID) if len(some) else whole for some in by_cause]
    found = np.tile(np.stack(tops), (33, 1))
    for number, rows in rows_of(cell, CELLS):
        share = count[number] / (count[number] + 1)
        found[number] = _mixed(np.quantile(values[rows], _GRID), found[number], share)
    return np.asarray(found.reshape(33, len(CAUSES), -1)[KIND])


def _mixed(one: Array, two: Array, share: float) -> Array:
    """Return quantiles of a mixture that is the first by a share, else the second."""
    both = np.concatenate([one, two])
    order = np.argsort(both, kind="stable")
    weight = np.where(order < len(one), share, 1 - share)
    rank = weight.cumsum() - weight / 2
    return np.interp(_GRID, (rank - rank[0]) / (rank[-1] - rank[0]), both[order])


def scores(values: Array, table: Array, data: Samples) -> Array:
    """Return normal scores ``[N]`` of values within their quantiles ``[33, 5, 201]``."""
    rank = np.zeros(len(values))
    for number, rows in rows_of(data.joint * len(CAUSES) + data.cause, CELLS):
        rank[rows] = np.interp(values[rows], table.reshape(CELLS, -1)[number], _GRID)
    return np.asarray(ndtri(np.clip(rank, 0.0025, 0.9975)))


def deviation(rest: Array, data: Samples) -> Array:
    """Return standard deviations of scores, ``[33, 5]``; of few people's, drawn to 1."""
    cell = KIND[data.joint] * len(CAUSES) + data.cause
    count = people(cell, data.person, CELLS)
    found = (_mean(cell, rest**2, CELLS) * count + 1.0) / (count + 1.0)
    return np.asarray(np.sqrt(found).reshape(33, len(CAUSES))[KIND])


def unmixed(table: Array, shift: Array, spread: Array, data: Samples, ranks: int) -> Array:
    """Return values at even ranks of a normal score, instead of at those of what is measured.

    Scores around what is expected of each sample mix to some distribution. The value at a score is
    that whose rank among all measured is the score's in the mixture, so that what is drawn is
    distributed as what was measured.

    Args:
        table: ``[33, 5, 201]`` quantiles.
        shift: ``[N]`` expected scores.
        spread: ``[33, 5]`` deviation of scores around them.
        data: Samples.
        ranks: How many.
    """
    score = ndtri(np.linspace(0.0, 1.0, ranks).clip(1e-6, 1 - 1e-6))
    rank = np.tile(np.linspace(0.0, 1.0, ranks), (33, len(CAUSES), 1))
    for number, rows in rows_of(KIND[data.joint] * len(CAUSES) + data.cause, CELLS):
        joint, cause = divmod(number, len(CAUSES))
        some = shift[rows[:: max(1, len(rows) // _MOST)]]
        mixed = ndtr((score - some[:, None]) / spread[joint, cause]).mean(axis=0)
        rank[joint, cause, 1:-1] = mixed[1:-1]
    rank, shape = rank[KIND], (CELLS, -1)
    pairs = zip(rank.reshape(shape), table.reshape(shape), strict=True)
    return np.stack([np.interp(r, _GRID, t) for r, t in pairs]).reshape(33, len(CAUSES), ranks)


def people(cell: Array, person: Array, cells: int) -> Array:
    """Return how many people each cell has."""
    some = np.unique(cell.astype(np.int64) * (int(person.max(initial=0)) + 1) + person)
    return np.bincount(some // (int(person.max(initial=0)) + 1), minlength=cells)


def rows_of(cell: Array, cells: int) -> list[tuple[int, Array]]:
    """Return the cells that have any samples, and which."""
    order = np.argsort(cell, kind="stable")
    ends = np.searchsorted(cell[order], np.arange(cells + 1))
    return [(i, order[ends[i] : ends[i + 1]]) for i in range(cells) if ends[i] < ends[i + 1]]


def _mean(cell: Array, values: Array, cells: int) -> Array:
    count = np.bincount(cell, minlength=cells)
    return np.asarray(np.bincount(cell, values, cells) / np.maximum(count, 1))
