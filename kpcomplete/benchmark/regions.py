"""Regions in which hidden joints should lie: how many do, and how large they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kpcomplete import metric
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark.hiding import Task
from kpcomplete.completer import Completer
from kpcomplete.metric import Array
from kpcomplete.model.timeline import KINDS, Timeline

LEVEL = 0.9
FEWEST = 100
"""Hidden joints of a kind, or of a driver, below which nothing is said about them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaled:
    """A completer that looks at each frame by itself, with calibrated regions.

    Attributes:
        completer: Which one.
        factor: ``[K]`` on the standard deviation, by the `KINDS` of hidden joints.
        causal: Kinds are those of joints whose later frames are not known.
    """

    completer: Completer
    factor: Tensor
    causal: bool

    @classmethod
    def of(
        cls, parts: Mapping[str, tuple[Completer, PoseBatch, PoseBatch]], *, causal: bool
    ) -> dict[str, "Scaled"]:
        """Return completers whose regions hold 90 % of the hidden joints of each kind.

        Args:
            parts: View to its completer, and windows with and without joints hidden. All views
                are calibrated together.
            causal: See `Scaled`.
        """
        squares, kinds = [], []
        for completer, corrupted, clean in parts.values():
            done = completer(corrupted)
            hidden = clean.observed & ~corrupted.observed & done.observed
            squares.append(_squares(done, clean.keypoints)[hidden.numpy()])
            kinds.append(Timeline.of(corrupted, causal=causal).kind[hidden].numpy())
        square, kind = np.concatenate(squares), np.concatenate(kinds)
        factor = torch.ones(len(KINDS))
        for place in range(len(KINDS)):
            some = np.sort(square[(kind == place) & np.isfinite(square)])
            if len(some) >= FEWEST:
                rank = math.ceil(LEVEL * len(some)) - 1
                factor[place] = math.sqrt(some[rank] / metric.chi_square(LEVEL))
        return {v: cls(completer=p[0], factor=factor, causal=causal) for v, p in parts.items()}

    def __call__(self, batch: PoseBatch, asked: slice) -> PoseBatch:
        """Return some frames of windows, completed."""
        kind = Timeline.of(batch, causal=self.causal).kind[:, asked]
        done = self.completer(batch.frames(asked))
        assert done.covariance is not None  # of the contract of completers
        done.covariance.mul_(self.factor[kind].square()[..., None, None])
        return done


@dataclass(kw_only=True)
class _Sums:
    joints: int = 0  # hidden, and completed by the network
    inside: int = 0
    both: int = 0  # completed by the rival, too
    area: float = 0.0  # body units S squared, of these
    rival_area: float = 0.0
    rival_inside: int = 0

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def cover(self) -> float:
        return self.inside / self.joints if self.joints else math.nan


@dataclass(kw_only=True)
class Regions:
    """What was found about the regions of a network and of its rival, by family and person."""

    _sums: dict[str, dict[str, _Sums]] = field(default_factory=dict, init=False)
    _informal: set[str] = field(default_factory=set, init=False)

    def add(
        self,
        family: str,
        task: Task,
        model: Completer,
        rivals: Mapping[str, Scaled],
        *,
        counts: bool = True,
    ) -> None:
        """Take in what a network and its rivals, one a view, say of hidden joints.

        Args:
            family: Of masks; several tasks of one are pooled.
            task: What is hidden.
            model: The network.
            rivals: View to rival.
            counts: Whether the family counts in the figures.
        """
        if not counts:
            self._informal.add(family)
        asked = task.trial.place
        for view in sorted(set(task.windows.view)):
            part = task.of_view(view)
            truth, unit = part.truth[:, asked], part.unit[:, None, None].numpy()
            done = model(part.shown).frames(asked)
            other = rivals[view](part.shown, asked)
            hidden = (part.counted[:, asked] & done.observed).numpy()
            both = hidden & other.observed.numpy()
            inside = _squares(done, truth) <= metric.chi_square(LEVEL)
            rival_inside = _squares(other, truth) <= metric.chi_square(LEVEL)
            area, rival_area = (_area(x) * unit**2 for x in (done, other))
            people = np.array(part.windows.person)
            for person in sorted(set(part.windows.person)):
                mine = (people == person)[:, None, None]
                sums = self._sums.setdefault(family, {})
                sums[person] = sums.get(person, _Sums()) + _Sums(
                    joints=int((hidden & mine).sum()),
                    inside=int((inside & hidden & mine).sum()),
                    both=int((both & mine).sum()),
                    area=float(area[both & mine].sum()),
                    rival_area=float(rival_area[both & mine].sum()),
                    rival_inside=int((rival_inside & both & mine).sum()),
                )

    def figures(self) -> dict[str, float]:
        """Return the least and largest coverage, the least of a person, and the ratio of areas."""
        counted = {f: people for f, people in self._sums.items() if f not in self._informal}
        pooled = [_total(people) for people in counted.values()]
        covers = [one.cover for one in pooled] or [math.nan]
        least = [_least(people)[1] for people in counted.values()] or [math.nan]
        some = [one for one in pooled if one.both]
        area = sum(one.area / one.both for one in some)
        rival = sum(one.rival_area / one.both for one in some)
        return {
            "cover_min": min(covers),
            "cover_max": max(covers),
            "cover_person_min": min(least),
            "area_ratio": area / rival if rival else math.nan,
        }

    def text(self) -> str:
        """Return a row for each family."""
        width = max((len(family) for family in self._sums), default=0) + 2
        lines = [f"{'':<{width}}   joints  inside  least of a driver   Gaussian inside"
                 "   area   Gaussian's   ratio"]  # fmt: skip
        for family, people in self._sums.items():
            one, (who, least) = _total(people), _least(people)
            both = max(one.both, 1)
            ratio = one.area / one.rival_area if one.rival_area else math.nan
            lines.append(
                f"{family:<{width}}  {one.joints:>7}  {one.cover:>6.1%}  {who:>9} {least:>7.1%}   "
                f"{one.rival_inside / both:>15.1%}  {one.area / both:>5.3f}   "
                f"{one.rival_area / both:>10.3f}  {ratio:>6.2f}"
                + (" (does not count)" if family in self._informal else "")
            )
        return "\n".join(lines)


def _total(people: Mapping[str, _Sums]) -> _Sums:
    return sum(people.values(), _Sums())


def _least(people: Mapping[str, _Sums]) -> tuple[str, float]:
    """Return who has the least coverage of those with enough hidden joints."""
    enough = {p: s.cover for p, s in people.items() if s.joints >= FEWEST}
    if not enough:
        return "nobody", math.nan
    who = min(enough, key=enough.__getitem__)
    return who, enough[who]


def _squares(done: PoseBatch, truth: Tensor) -> Array:
    """Return ``[B, T, J]`` squared deviations, NaN where there is no region."""
    assert done.covariance is not None  # of the contract of completers
    return metric.squared_deviations(done.keypoints.numpy(), truth.numpy(), done.covariance.numpy())


def _area(done: PoseBatch) -> Array:
    assert done.covariance is not None
    return metric.area(done.covariance.numpy(), LEVEL)
