"""What the findings of a robustness test say of each completer, person by person."""

import functools
import operator
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kpcomplete import metric
from kpcomplete.metric import Array
from kpcomplete.robustness import WRONG, Findings, Trial
from kpcomplete.score import LEVELS, Pairs, Tally, coverage
from kpcomplete.skeleton import CANONICAL, Skeleton

Interval = tuple[float, float]
ENOUGH = 6
"""People from which on an interval over them is trusted: by chance they agree in 3 % of cases."""
_WORDS = ("recording", "person", *Trial._fields, "mask", "completer", "joint")
_NUMBERS = ("missing", "error", "pck", *map(coverage, LEVELS), "difference")
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in _WORDS]
    + [("count", pa.int64())]
    + [(name, pa.float32()) for name in _NUMBERS]
    + [("reference", pa.string())]
)
_OPEN = 0.02  # share of joints; nor may a reference leave more open than those who leave least


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How a completer did in one trial; every person counts the same.

    Attributes:
        error: Mean distance of what it answered, body units.
        interval: 95 % interval of that over people; None for one person.
        missing: Share of joints that it left open.
        pck: Share within 0.2 torso lengths; what is left open is not.
        coverage: Share in the regions of each of `LEVELS`, NaN without regions.
        difference: Mean error minus that of the reference where both answered; NaN for itself.
        between: 95 % interval of the difference over people; None for one person.
        people: How many people the difference is of.
    """

    error: float
    interval: Interval | None
    missing: float
    pck: float
    coverage: tuple[float, ...]
    difference: float
    between: Interval | None
    people: int

    @property
    def is_partial(self) -> bool:
        """Whether so much was left open that the error tells only of part of the joints."""
        return self.missing > _OPEN

    @property
    def verdict(self) -> int:
        """-1 if surely better than the reference, 1 if surely worse, else 0.

        Fewer than `ENOUGH` people never make it sure: that two of them agree is a coin's toss.
        """
        if self.between is None or self.people < ENOUGH:
            return 0
        return -1 if self.between[1] < 0 else int(self.between[0] > 0)


class Comparison:
    """Figures of all completers in all trials.

    Args:
        findings: Of `kpcomplete.robustness.compare`.
        judged: Completers that are measured against the best of the others.
        reference: The completer to measure against in every trial where it was tried; None: in
            each trial the one of the others with the smallest error, of those that fill in most.
    """

    def __init__(
        self, findings: Findings, judged: Collection[str] = (), reference: str | None = None
    ) -> None:
        self.findings = findings
        self.judged = tuple(judged)
        self.named = reference
        self.trials = tuple(findings.tallies)
        self.references = {trial: self._reference(trial, reference) for trial in self.trials}
        self.figures: Mapping[Trial, Mapping[str, Figure]] = {
            trial: {name: self._figure(trial, name) for name in findings.tallies[trial]}
            for trial in self.trials
        }

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who was completed."""
        return tuple(dict.fromkeys(p for pairs in self.findings.pairs.values() for p, _ in pairs))

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes in which something was tried."""
        return tuple(dict.fromkeys(trial.mode for trial in self.trials))

    def of(self, mode: str, *kinds: str) -> list[Trial]:
        """Return the trials of a mode; of all kinds except wrong places unless some are named."""
        return [
            t
            for t in self.trials
            if t.mode == mode and (t.kind in kinds if kinds else t.kind != WRONG)
        ]

    def best(self, trial: Trial) -> str:
        """Return the completer with the smallest error of those that fill in most."""
        return self._smallest(trial, tuple(self.findings.tallies[trial]))

    def by_joint(self, trials: Collection[Trial], completer: str) -> Array:
        """Return the mean error of each joint ``[J]`` over trials, body units; NaN if never."""
        sums = [tally for t in trials for tally in self.findings.tallies[t][completer].values()]
        return np.asarray(_total(sums).figures()["error"])

    def table(self) -> pa.Table:
        """Return every figure of every recording, person and joint, and of all joints at once.

        Rows of all joints also have the mean difference from the trial's reference, on joints
        that both answered.
        """
        rows = []
        joints = Skeleton.load(CANONICAL).joints
        for trial in self.trials:
            for completer, sums in self.findings.tallies[trial].items():
                one, other = self._places(trial, completer)
                for (person, recording), tally in sums.items():
                    head = {
                        "recording": recording,
                        "person": person,
                        **trial._asdict(),
                        "mask": self.findings.masks[recording, trial.family, trial.level],
                        "completer": completer,
                    }
                    rows += [head | row for row in _rows(tally, joints)]
                    gap = self.findings.pairs[trial][person, recording].difference(one, other)
                    against = {"reference": self.references[trial], "difference": gap}
                    rows.append(head | _rows(tally.all, ("all",))[0] | against)
        return pa.Table.from_pylist(rows, schema=_SCHEMA)

    def _people(self, trial: Trial, completer: str) -> Mapping[str, Tally]:
        sums: dict[str, list[Tally]] = {}
        for (person, _), tally in self.findings.tallies[trial][completer].items():
            sums.setdefault(person, []).append(tally.all)
        return {person: _total(parts) for person, parts in sums.items()}

    def _means(self, trial: Trial, completer: str) -> Mapping[str, Array]:
        """Return by name the figures of each person, ``[people]``."""
        people = [tally.figures() for tally in self._people(trial, completer).values()]
        return {name: np.array([p[name][0] for p in people]) for name in people[0]}

    def _figure(self, trial: Trial, completer: str) -> Figure:
        means = self._means(trial, completer)
        gaps = np.array(list(self._gaps(trial, completer).values()))
        return Figure(
            error=_mean(means["error"]),
            interval=_interval(means["error"]),
            missing=_mean(means["missing"]),
            pck=_mean(means["pck"]),
            coverage=tuple(_mean(means[coverage(level)]) for level in LEVELS),
            difference=_mean(gaps),
            between=_interval(gaps),
            people=int(np.isfinite(gaps).sum()),
        )

    def _gaps(self, trial: Trial, completer: str) -> Mapping[str, float]:
        """Return each person's mean difference from the reference; nobody's for itself."""
        one, other = self._places(trial, completer)
        sums: dict[str, list[Pairs]] = {}
        for (person, _), pairs in self.findings.pairs[trial].items():
            sums.setdefault(person, []).append(pairs)
        totals = {person: functools.reduce(operator.add, parts) for person, parts in sums.items()}
        return {p: v.difference(one, other) for p, v in totals.items() if one != other}

    def _places(self, trial: Trial, completer: str) -> tuple[int, int]:
        """Return the numbers of a completer and of the reference in the findings' pairs."""
        names = self.findings.completers[trial.mode]
        return names.index(completer), names.index(self.references[trial])

    def _reference(self, trial: Trial, named: str | None) -> str:
        names = tuple(self.findings.tallies[trial])
        if named in names:
            return named
        others = tuple(name for name in names if name not in self.judged)
        return self._smallest(trial, others or names)

    def _smallest(self, trial: Trial, names: tuple[str, ...]) -> str:
        means = {name: self._means(trial, name) for name in names}
        least = min(_mean(m["missing"]) for m in means.values())
        full = [name for name in names if _mean(means[name]["missing"]) <= least + _OPEN]
        return min(full, key=lambda name: np.nan_to_num(_mean(means[name]["error"]), nan=np.inf))


def _total(parts: Collection[Tally]) -> Tally:
    return functools.reduce(operator.add, parts)


def _rows(tally: Tally, joints: tuple[str, ...]) -> list[dict[str, Any]]:
    figures = tally.figures()
    return [
        {"joint": joint, "count": int(tally.count[j])}
        | {name: float(values[j]) for name, values in figures.items()}
        for j, joint in enumerate(joints)
        if tally.count[j]
    ]


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _interval(values: Array) -> Interval | None:
    """Return the 95 % bootstrap interval of a mean over people; None for fewer than two."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    return metric.interval_by_person(known, [str(i) for i in range(len(known))])
