"""Many different people, and the cars in which they ride in pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator

from kpcomplete.cabin.anthropometry import DRIVERS, draw_body, draw_kind
from kpcomplete.cabin.puppet import Puppet, Wardrobe
from kpcomplete.cabin.vehicle import Car

_BODY, _CAR, _RIDE = 0, 1, 2  # what a seed is drawn for


@dataclass(frozen=True)
class Person:
    """Somebody.

    Attributes:
        name: of the person.
        kind: one of `anthropometry.OCCUPANTS`.
        shape: of the body, as Anny counts.
        puppet: the body.
    """

    name: str
    kind: str
    shape: Mapping[str, float]
    puppet: Puppet


class Crowd:
    """People who are the same whoever asks for them first.

    Args:
        size: how many.
        cars: how many different ones they ride in.
        seed: of everybody and everything.
    """

    def __init__(self, size: int, cars: int, seed: int) -> None:
        self.size, self.cars, self.seed = size, cars, seed
        self._wardrobe = Wardrobe()
        self.person = lru_cache(maxsize=256)(self._person)
        self.kinds = [draw_kind(i, self._rng(_BODY, i)).name for i in range(size)]
        self.drivers = [i for i, kind in enumerate(self.kinds) if kind in DRIVERS]

    def _rng(self, what: int, number: int) -> Generator:
        return np.random.default_rng([self.seed, what, number])

    def _person(self, index: int) -> Person:
        rng = self._rng(_BODY, index)
        kind = draw_kind(index, rng)
        shape = draw_body(kind, self._wardrobe.stature, rng)
        return Person(f"sim_{index:03d}", kind.name, shape, self._wardrobe.puppet(shape))

    def pair(self, ride: int) -> tuple[int, int]:
        """Who drives, and who sits beside: all in turn, never the same in one car."""
        driver = self.drivers[ride % len(self.drivers)]
        others = [index for index in range(self.size) if index != driver]
        return driver, others[(ride * 7 + ride // len(others)) % len(others)]

    def car(self, ride: int) -> tuple[str, Car]:
        """Name and sizes of the car of a ride."""
        number = ride % self.cars
        return f"car_{number:02d}", draw_car(self._rng(_CAR, number))

    def ride(self, ride: int) -> Generator:
        """Draws what is done in a ride."""
        return self._rng(_RIDE, ride)


def draw_car(rng: Generator) -> Car:
    """A car of usual size."""
    dash, high, wide, roof, console = rng.uniform(
        (-0.06, -0.04, -0.03, -0.02, -0.05), (0.05, 0.05, 0.06, 0.08, 0.04)
    ).tolist()
    return Car(dash=dash, high=high, wide=wide, roof=roof, console=console)
