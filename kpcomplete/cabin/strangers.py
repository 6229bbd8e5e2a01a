"""Rides of people who were never seen before: shapes, clothes, light and cameras at random."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kpcomplete.cabin.anthropometry import DRIVERS, Kind, draw_body, draw_kind
from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.clothes import Color, Outfit
from kpcomplete.cabin.crowd import draw_car
from kpcomplete.cabin.light import Light
from kpcomplete.cabin.occupant import Figure, Occupant
from kpcomplete.cabin.puppet import Wardrobe
from kpcomplete.cabin.rear import PLACES, THEMES, sit_behind
from kpcomplete.cabin.ride import Ride
from kpcomplete.cabin.seating import Seated, fitted, sit_down
from kpcomplete.cabin.shapes import Block
from kpcomplete.cabin.themes import draw_theme
from kpcomplete.cabin.things import draw_load
from kpcomplete.cabin.vehicle import Wheel
from kpcomplete.errors import SettingError

Array = NDArray[np.float64]

_SKIN = ((0.93, 0.77, 0.67), (0.30, 0.19, 0.14))  # from the lightest to the darkest


@dataclass(frozen=True)
class Stranger:
    """Somebody of whom there is only one ride.

    Attributes:
        kind: one of `anthropometry.OCCUPANTS`.
        shape: of the body, as Anny counts.
    """

    kind: str
    shape: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Variety:
    """How often people are not just two who sit in front with bare heads; shares from 0 to 1.

    Attributes:
        rear: of rides, with one or two more people behind.
        glasses: of people, three in ten of them dark.
        hats: of people, without and with a peak in turn.
        masks: of people.
        loads: of passengers, with a bag or a box on the lap.

    Raises:
        SettingError: If a share is none.
    """

    rear: float = 0.0
    glasses: float = 0.0
    hats: float = 0.0
    masks: float = 0.0
    loads: float = 0.0

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0.0 <= share <= 1.0:
                raise SettingError(f"the share of {name} must be from 0 to 1, but got {share}")


def draw_ride(
    number: int,
    duration: float,
    rng: Generator,
    relight: int = 3,
    light: Light | None = None,
    variety: Variety = Variety(),
) -> tuple[Ride, Mapping[str, Stranger]]:
    """A driver and a passenger, who is a child or a baby in every second ride.

    Args:
        number: of the ride.
        duration: seconds.
        rng: draws everything.
        relight: see `Ride`.
        light: that falls in; drawn as well if it is None.
        variety: what else there is.

    Returns:
        The ride, and seat -> who sits there.
    """
    wardrobe = _wardrobe()
    kinds = {"driver": draw_kind(0, rng), "passenger": draw_kind(1 + number % 2, rng)}
    shapes = {seat: draw_body(kind, wardrobe.stature, rng) for seat, kind in kinds.items()}
    people = {}
    for seat, shape in shapes.items():
        drives = seat == "driver"
        theme = draw_theme(drives, kinds[seat].name in DRIVERS, rng)
        people[seat] = sit_down(wardrobe.puppet(shape), drives, rng, theme)
    more = rng.spawn(1)[0]  # with or without variety, those in front are the same
    if more.random() < variety.rear:
        for seat in more.permutation(list(PLACES))[: more.integers(1, len(PLACES) + 1)].tolist():
            kinds[seat] = _behind(more)
            shapes[seat] = draw_body(kinds[seat], wardrobe.stature, more)
            theme = str(more.choice(THEMES))
            people[seat] = sit_behind(wardrobe.puppet(shapes[seat]), seat, more, theme)
    motions = {seat: person.sitter.perform(duration) for seat, person in people.items()}
    ride = Ride(
        {
            seat: _dressed(
                people[seat], shapes[seat], variety, more if seat in PLACES else rng, more
            )
            for seat in people
        },
        motions,
        people["driver"].wheel or Wheel(),
        people["driver"].sitter.turned,
        sits={seat: person.at for seat, person in people.items()},
        car=fitted(draw_car(rng), people),
        extra=[shape for person in people.values() for shape in person.extra],
        loads=_loads(people, variety.loads, more),
        spans={seat: person.sitter.spans for seat, person in people.items()},
        light=light or draw_light(rng),
        relight=relight,
    )
    return ride, {seat: Stranger(kinds[seat].name, shapes[seat]) for seat in kinds}


@cache
def _wardrobe() -> Wardrobe:
    return Wardrobe()


def _behind(rng: Generator) -> Kind:
    """Anybody but a baby."""
    while (kind := draw_kind(int(rng.integers(3)), rng)).name == "infant_seat":
        pass
    return kind


def _loads(people: Mapping[str, Seated], share: float, rng: Generator) -> list[Block]:
    found = [
        draw_load(person.seat.hip, person.sitter.stature.size, share, rng)
        for person in people.values()
        if person.wheel is None and not person.seat.facing
    ]
    return [load for load in found if load is not None]


def _dressed(
    person: Seated, shape: Mapping[str, float], variety: Variety, rng: Generator, more: Generator
) -> Occupant:
    outfit = draw_headwear(draw_outfit(rng), variety, more)
    return Occupant(Figure(shape, outfit), person.seat)


def draw_headwear(outfit: Outfit, variety: Variety, rng: Generator) -> Outfit:
    """The same, with hat, glasses and mask as often as wanted."""
    glasses, hats, masks = rng.random(3) < (variety.glasses, variety.hats, variety.masks)
    dark, peak = rng.random(2) < (0.3, 0.5)
    colors = rng.uniform(0.05, 0.8, (2, 3))
    pale = np.array([0.93, 0.95, 0.96]) if rng.random() < 0.5 else colors[1]
    return replace(
        outfit,
        hat=("cap" if peak else "beanie") if hats else "",
        hat_color=_color(colors[0]),
        glasses=("dark" if dark else "clear") if glasses else "",
        mask=_color(pale) if masks else None,
    )


def draw_outfit(rng: Generator) -> Outfit:
    """Somebody's skin, hair and clothes."""
    light, dark = np.array(_SKIN)
    shirt = rng.uniform(0.06, 0.92, 3)
    return replace(
        Outfit(),
        skin=_color(light + rng.random() * (dark - light)),
        hair=_color(rng.uniform(0.04, 0.6) * np.array([1.0, 0.75, 0.55])),
        shirt=_color(shirt),
        stripe=_color(0.75 * shirt + 0.25 * rng.random(3)),
        trousers=_color(rng.uniform(0.06, 0.5) * rng.uniform(0.7, 1.0, 3)),
        sleeve=float(rng.uniform(-0.6, 1.0)),
        stripes=float(rng.choice([0.0, 0.0, 14.0, 30.0])),
        long_hair=bool(rng.random() < 0.4),
        seed=int(rng.integers(1000)),
    )


def draw_light(rng: Generator) -> Light:
    """Daylight from any side, now and then low and bright behind the people."""
    turn, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.2, 1.2)
    strength, exposure = rng.uniform(1.0, 5.0), rng.uniform(0.7, 1.6)
    if rng.random() < 0.15:
        turn, height, strength = np.pi + rng.normal(0.0, 0.4), rng.uniform(0.1, 0.4), 8.0
        exposure *= 0.6
    return Light(
        sun=(float(np.sin(turn)), float(-np.cos(turn)), float(height)),
        strength=float(strength),
        ambient=float(rng.uniform(0.15, 0.45)),
        exposure=float(exposure),
        directions=16,
    )


def infrared(camera: Camera, rng: Generator) -> Light:
    """Night: an infrared lamp beside the camera, and hardly anything from outside."""
    x, y, z = (camera.center + rng.normal(0.0, 0.04, 3)).tolist()
    return Light(
        strength=0.5,
        ambient=float(rng.uniform(0.01, 0.04)),
        exposure=0.10,
        directions=8,
        lamp=(x, y, z),
        power=float(rng.uniform(5.0, 14.0)),
        outside=float(rng.uniform(0.02, 0.12)),
    )


def _color(values: Array) -> Color:
    red, green, blue = np.clip(values, 0.0, 1.0).tolist()
    return red, green, blue
