"""Who in a piece of a recording is who in the piece before."""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from kpcomplete.pose import Array, PoseSequence
from kpcomplete.recording import Recording

_NUMBERED = re.compile(r"(seat|person)(\d+)")
_NEAR = 0.5  # of a person's size; people who are further apart are two


@dataclass
class Names:
    """Gives people who were numbered anew in each piece the names that they had before.

    Names that stand for a place, as ``driver`` does, stay. Somebody with a number is who was seen
    at the same time at the same place in the frames that two pieces share; a seat that was empty
    then is the one at the same place. Everybody else is new.
    """

    known: tuple[str, ...] = ()
    _now: dict[str, str] = field(default_factory=dict, init=False)
    _last: dict[str, PoseSequence] = field(default_factory=dict, init=False)
    _places: dict[str, Array] = field(default_factory=dict, init=False)

    def of(self, name: str) -> str:
        """Return who somebody of the present piece is."""
        return self._now[name]

    def meet(self, recording: Recording, first: int) -> None:
        """Go on to the next piece.

        Args:
            recording: With the frames before that it shares with the piece before.
            first: Its first frame that the piece before does not have.
        """
        shared = int((recording.frames < first).sum())
        people = recording.raw
        self._now = {n: n for n in people if not self.known or not _NUMBERED.fullmatch(n)}
        self._assign(lambda new, old: _apart(people[new], self._last[old], shared),
                     people, self._last)  # fmt: skip
        places = {n: _place(p) for n, p in people.items() if p.is_observed.any()}
        seats = [n for n in places if n.startswith("seat")]
        self._assign(lambda new, old: _moved(places[new], self._places[old]), seats, self._places)
        for name in people:
            if name not in self._now:
                self._now[name] = self._fresh(name)
        self.known = tuple(dict.fromkeys([*self.known, *(self._now[n] for n in people)]))
        self._last = {self._now[n]: poses for n, poses in people.items()}
        self._places |= {self._now[n]: place for n, place in places.items()}

    def _assign(
        self, cost: Callable[[str, str], float], people: Iterable[str], before: Iterable[str]
    ) -> None:
        """Give those who have no name yet the names of those who are nearest, if they are near."""
        new = [n for n in people if n not in self._now]
        old = [n for n in before if n not in self._now.values() and _NUMBERED.fullmatch(n)]
        if not new or not old:
            return
        costs = np.array([[cost(a, b) for b in old] for a in new])
        for row, column in zip(*linear_sum_assignment(np.minimum(costs, 1e6)), strict=True):
            if costs[row, column] < _NEAR:
                self._now[new[row]] = old[column]

    def _fresh(self, name: str) -> str:
        """Return a name of the same kind that nobody has."""
        kind = name.rstrip("0123456789")
        taken = {*self.known, *self._now.values()}
        return next(f"{kind}{i}" for i in itertools.count() if f"{kind}{i}" not in taken)


def _apart(now: PoseSequence, before: PoseSequence, shared: int) -> float:
    """Return the mean distance of two people in the frames that are shared, in their sizes."""
    count = min(shared, len(before))
    a = now.keypoints[shared - count : shared]
    distance = np.linalg.norm(a - before.keypoints[len(before) - count :], axis=-1)
    known = np.isfinite(distance)
    if not known.any():
        return np.inf
    return float(distance[known].mean() / max(float(_place(now)[2]), 1e-6))


def _moved(place: Array, before: Array) -> float:
    """Return how far a place is from another, in sizes of whoever is there."""
    size = max(float(place[2]), float(before[2]), 1e-6)
    return float(np.linalg.norm(place[:2] - before[:2])) / size


def _place(poses: PoseSequence) -> Array:
    """Return x, y of the middle of all joints seen, and how far they reach, in pixels."""
    points = poses.keypoints[poses.is_observed]
    middle = np.median(points, axis=0)
    reach = 2 * float(np.linalg.norm(points - middle, axis=-1).mean())
    out: Array = np.array([*middle, reach])
    return out
