"""Two people in a car for some seconds, as joints and as what cameras see of them; no drawing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from kpcomplete.cabin import proxies, recorded, sight, things, whole_seated
from kpcomplete.cabin.anthropometry import DRIVERS
from kpcomplete.cabin.cameras import Camera, draw_camera
from kpcomplete.cabin.crowd import Crowd, Person
from kpcomplete.cabin.motion import Motion
from kpcomplete.cabin.postures import classify
from kpcomplete.cabin.puppet import Puppet
from kpcomplete.cabin.rays import Solids
from kpcomplete.cabin.rear import PLACES, THEMES, sit_behind
from kpcomplete.cabin.recorded import REACH, Arms
from kpcomplete.cabin.rig import Seat
from kpcomplete.cabin.seating import Seated, fitted, sit_down
from kpcomplete.cabin.shapes import Shape
from kpcomplete.cabin.sight import Actor
from kpcomplete.cabin.themes import draw_theme
from kpcomplete.cabin.vehicle import Car, Wheel
from kpcomplete.cabin.whole_body import Whole

Array = NDArray[np.float64]

LOADS = 0.12  # share of people with something on the lap
SOLVED = 10.0  # postures a second; between them bones and joints move along splines


@dataclass(frozen=True)
class Clip:
    """One person in one seat for some seconds.

    Attributes:
        person: who it is.
        seat: "driver", "passenger", or one of `rear.PLACES`.
        theme: what is done often.
        acts: what is done, in order.
        joints: the 33 landmarks in the vehicle frame (x left, y back, z up), metres, (T, 33, 3).
        posture: index into `postures.POSTURES`, shape (T,).
        dash: from the nose to the dash, metres, shape (T,).
        causes: index into `visibility.CAUSES` for each camera of the outing, shape (T, C, 33).
        source: of the motion: `recorded.REACH`, or whose arms or whole body moved so.
    """

    person: Person
    seat: str
    theme: str
    acts: tuple[str, ...]
    joints: Array
    posture: NDArray[np.uint8]
    dash: Array
    causes: NDArray[np.uint8]
    source: str = REACH


@dataclass(frozen=True)
class Outing:
    """One ride.

    Attributes:
        car: its name.
        cameras: that look.
        clips: of the driver, of the passenger, and of those behind.
    """

    car: str
    cameras: tuple[Camera, ...]
    clips: tuple[Clip, ...]


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What is not in every simulation.

    Attributes:
        latest: seconds after the beginning at which looking begins at the latest, a moment a ride.
        arms: real ones, whose motion passengers' arms may have.
        share: of passengers whose arms have.
        whole: real bodies, as which passengers may move.
        whole_share: of passengers who do.
        rear: share of rides with one or two more people behind.
    """

    latest: float = 0.0
    arms: Sequence[Arms] = ()
    share: float = 0.0
    whole: Sequence[Whole] = ()
    whole_share: float = 0.0
    rear: float = 0.0


_NONE = Extras()


def go(
    crowd: Crowd, number: int, frames: int, fps: float, views: Sequence[str], count: int,
    size: tuple[int, int], watch: Callable[[Collection[Actor]], object] | None = None,
    extras: Extras = _NONE,
) -> Outing:  # fmt: skip
    """Simulate one ride; the same whatever was simulated before.

    Args:
        crowd: who rides.
        number: of the ride.
        frames: how many.
        fps: frames a second.
        views: kinds of camera to choose from, see `cameras.CAMERAS`.
        count: how many of them look.
        size: width and height of the images, pixels.
        watch: is given all people with their bodies.
        extras: what else there is.
    """
    rng, (name, car) = crowd.ride(number), crowd.car(number)
    pair = crowd.pair(number)
    people = dict(zip(("driver", "passenger"), map(crowd.person, pair), strict=True))
    seated = {}
    for seat, person in people.items():
        drives = seat == "driver"
        theme = draw_theme(drives, person.kind in DRIVERS, rng)
        seated[seat] = sit_down(person.puppet, drives, rng, theme)
    if extras.rear and rng.random() < extras.rear:
        for seat, index in behind(crowd, pair, rng).items():
            people[seat] = crowd.person(index)
            seated[seat] = sit_behind(people[seat].puppet, seat, rng, str(rng.choice(THEMES)))
    start = float(rng.uniform(0.0, extras.latest)) if extras.latest else 0.0
    times = start + np.arange(frames) / fps
    actors, sources = {}, {}
    for seat, person in people.items():
        motion, sits, sources[seat] = _motion(person.puppet, seated[seat], times, extras, rng)
        actors[seat] = act(person.puppet, motion, sits, times)
    if watch is not None:
        watch(actors.values())
    kinds = rng.permutation(len(views))[:count]
    cameras = tuple(draw_camera(views[kind], size, rng, car.dash) for kind in kinds)
    extra = [shape for person in seated.values() for shape in person.extra]
    driver = seated["driver"]
    vehicle = around(
        fitted(car, seated), driver.wheel or Wheel(), extra, driver.sitter.turned, times
    )
    objects = _objects(actors, seated, times, rng)
    seen = [sight.causes(camera, actors, vehicle, objects) for camera in cameras]
    clips = []
    for seat, person in people.items():
        joints, sitting = actors[seat].joints, seated[seat]
        posture = classify(joints, sitting.sitter.spans, times)
        clips.append(
            Clip(
                person, seat, sitting.sitter.theme, tuple(sitting.sitter.done), joints,
                np.where(sitting.seat.facing, 0, posture).astype(np.uint8),
                car.to_dash(joints[:, 0]), np.stack([found[seat] for found in seen], axis=1),
                sources[seat],
            )
        )  # fmt: skip
    return Outing(name, cameras, tuple(clips))


def behind(crowd: Crowd, front: Collection[int], rng: Generator) -> dict[str, int]:
    """Who sits where in the rear: one or two who are not in front and no babies."""
    free = [i for i, kind in enumerate(crowd.kinds) if i not in front and kind != "infant_seat"]
    count = min(int(rng.integers(1, len(PLACES) + 1)), len(free))
    seats = rng.permutation(list(PLACES))[:count].tolist()
    return dict(zip(seats, rng.permutation(free)[:count].tolist(), strict=True))


def _motion(
    puppet: Puppet, seated: Seated, times: Array, extras: Extras, rng: Generator
) -> tuple[Motion, Callable[[float], Seat], str]:
    """Everything that one person does, how it sits meanwhile, and where it has its motion from."""
    duration = float(times[-1]) + 1.0
    passenger = seated.wheel is None and not seated.seat.facing
    if passenger and extras.whole and rng.random() < extras.whole_share:
        return whole_seated.perform(seated, puppet, extras.whole, duration, rng)
    if passenger and extras.arms and rng.random() < extras.share:
        motion, source = recorded.perform(seated, puppet, extras.arms, duration, rng)
        return motion, seated.at, source
    return seated.sitter.perform(duration), seated.at, REACH


def act(puppet: Puppet, motion: Motion, sits: Callable[[float], Seat], times: Array) -> Actor:
    """What one person does, posture by posture and then in between.

    Args:
        puppet: the body.
        motion: what it does.
        sits: time in seconds -> how it sits.
        times: of the frames, seconds, shape (T,), even.
    """
    span = float(times[-1] - times[0])
    keys = np.linspace(times[0], times[-1], max(4, round(span * SOLVED) + 1))
    turns, heads = puppet.pose([motion(t) for t in keys], [sits(t) for t in keys])
    joints = CubicSpline(keys, puppet.follow(turns, heads))(times)
    bones = puppet.padding.used
    # between keys a tenth of a second apart, even means of rotations are as good as rotations
    full_turns = np.zeros((len(times), *turns.shape[1:]))
    full_heads = np.zeros((len(times), *heads.shape[1:]))
    full_turns[:, bones], full_heads[:, bones] = between(
        keys, (turns[:, bones], heads[:, bones]), times
    )
    return Actor(joints, full_turns, puppet.padding, puppet.padding.posed(full_turns, full_heads))


def between(keys: Array, values: Sequence[Array], times: Array) -> list[Array]:
    """Values at times from those at even keys, along straight lines."""
    place = np.clip((times - keys[0]) / (keys[1] - keys[0]), 0.0, len(keys) - 1.0)
    start = np.minimum(place.astype(np.int64), len(keys) - 2)
    return [
        value[start]
        + (place - start).reshape(-1, *[1] * (value.ndim - 1)) * np.diff(value, axis=0)[start]
        for value in values
    ]


def around(
    car: Car,
    wheel: Wheel,
    extra: Sequence[Shape],
    turned: Callable[[float], Array],
    times: Array,
) -> list[Solids]:
    """What of the car hides joints.

    Args:
        car: as its seats are set.
        wheel: that is steered.
        extra: what else stands still in the car.
        turned: time in seconds -> how far the wheel is turned, radians, shape (1,).
        times: of the frames, seconds, shape (T,).
    """
    turn = np.array([float(turned(time)[0]) for time in times])
    return [*proxies.still([*car.shapes(wheel), *extra]), *proxies.steered(wheel, turn)]


def _objects(
    actors: Mapping[str, Actor], seated: Mapping[str, Seated], times: Array, rng: Generator
) -> list[Solids]:
    solids: list[Solids] = []
    for seat, actor in actors.items():
        solids += things.held(actor.joints, seated[seat].sitter.spans, times)
        stature = seated[seat].sitter.stature
        load = things.draw_load(stature.hip, stature.size, LOADS, rng)
        if load is not None and seat != "driver" and not seated[seat].seat.facing:
            solids += proxies.still([load])
    return solids
