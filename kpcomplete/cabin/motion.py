"""Smooth movement over time: minimum-jerk tracks of postures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin.reach import unit

Array = NDArray[np.float64]

#: A place for a hand at a time: wrist (3), fingers' direction (3), palm's direction (3), curl (1).
Place = Callable[[float], Array]


def minimum_jerk(share: ArrayLike) -> Array:
    """Position along the smoothest point-to-point movement (Flash & Hogan 1985).

    Args:
        share: of the movement's duration that has passed; clipped to 0..1.

    Returns:
        Share of the way, 0..1, with zero velocity and acceleration at both ends.

    Example:
        >>> minimum_jerk([0.0, 0.5, 1.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    s = np.clip(np.asarray(share, dtype=np.float64), 0.0, 1.0)
    way: Array = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    return way


@dataclass(frozen=True)
class Track:
    """A value that moves between keys by minimum jerk and rests outside them.

    Attributes:
        times: of the keys, seconds, ascending, shape (K,).
        values: at the keys, shape (K, D).
    """

    times: Sequence[float]
    values: Sequence[Sequence[float]]

    def __call__(self, time: float) -> Array:
        """The value at a time in seconds, shape (D,)."""
        index, share = _segment(self.times, time)
        values = np.asarray(self.values, dtype=np.float64)
        after = min(index + 1, len(values) - 1)
        value: Array = values[index] + minimum_jerk(share) * (values[after] - values[index])
        return value


@dataclass(frozen=True)
class HandTrack:
    """A hand that goes from place to place; a place may move itself (the rim of a turning wheel).

    Attributes:
        times: of the keys, seconds, ascending, shape (K,).
        places: where the hand is at each key.
        lift: metres by which the hand rises in the middle of a move.
    """

    times: Sequence[float]
    places: Sequence[Place]
    lift: float = 0.05

    def __call__(self, time: float) -> "Hand":
        """The hand at a time in seconds."""
        index, share = _segment(self.times, time)
        start, end = self.places[index], self.places[min(index + 1, len(self.places) - 1)]
        way = float(minimum_jerk(share))
        values = start(time) if start is end else (1.0 - way) * start(time) + way * end(time)
        if start is not end:
            values[2] += self.lift * 16.0 * (way * (1.0 - way)) ** 2
        return Hand(values[:3], unit(values[3:6]), unit(values[6:9]), float(values[9]))


@dataclass(frozen=True)
class Hand:
    """Where a hand is and how it is held, in the vehicle frame (x left, y back, z up).

    Attributes:
        wrist: metres, shape (3,).
        fingers: direction from the wrist to the middle knuckle, shape (3,).
        palm: direction that the palm faces, shape (3,).
        curl: of the fingers, radians a finger joint; 0 = stretched.
    """

    wrist: Array
    fingers: Array
    palm: Array
    curl: float


@dataclass(frozen=True)
class Posture:
    """One person's posture at one moment.

    Attributes:
        torso: lean forward, sway to the left, twist to the left; radians, shape (3,).
        head: nod down, tilt to the left, turn to the left of the vehicle; radians, shape (3,).
        left: the left hand.
        right: the right hand.
    """

    torso: Array
    head: Array
    left: Hand
    right: Hand


@dataclass(frozen=True)
class Motion:
    """One person's movement; call it with a time in seconds for the posture.

    Attributes:
        torso, head: time in seconds -> three angles each, as in `Posture`; mostly tracks.
        left, right: tracks of the hands: time in seconds -> hand.
        wander: amplitude of slow random drift of torso and head, radians.
        phases: of that drift, radians, shape (6, 3).
    """

    torso: Callable[[float], Array]
    head: Callable[[float], Array]
    left: Callable[[float], "Hand"]
    right: Callable[[float], "Hand"]
    wander: float = 0.0
    phases: Array = field(default_factory=lambda: np.zeros((6, 3)))

    def __call__(self, time: float) -> Posture:
        """The posture at a time in seconds."""
        rates = 2.0 * np.pi * np.array([0.23, 0.41, 0.67])  # Hz, no common period
        drift = self.wander * np.sin(rates * time + self.phases).sum(axis=1) / 3.0
        torso, head = self.torso(time) + 0.6 * drift[:3], self.head(time) + drift[3:]
        return Posture(torso, head, self.left(time), self.right(time))


Parts = TypeVar("Parts")


def stack(moments: Sequence[Parts]) -> Parts:
    """Several of the same dataclass as one, whose numbers have a leading axis."""
    first = moments[0]
    if not is_dataclass(first) or isinstance(first, type):
        stacked: Parts = np.stack([np.asarray(moment, dtype=np.float64) for moment in moments])  # type: ignore[assignment]
        return stacked
    values = {
        part.name: stack([getattr(moment, part.name) for moment in moments])
        for part in fields(first)
    }
    return type(first)(**values)


def _segment(times: Sequence[float], time: float) -> tuple[int, float]:
    """Index of the key before a time, and the share of the way to the next one."""
    index = int(np.clip(np.searchsorted(times, time, side="right") - 1, 0, len(times) - 1))
    if index + 1 == len(times):
        return index, 0.0
    return index, (time - times[index]) / max(times[index + 1] - times[index], 1e-9)
