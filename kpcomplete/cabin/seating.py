"""How somebody sits down: seat, wheel, legs, hands and what is done first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kpcomplete.cabin.behaviour import Angles, grip
from kpcomplete.cabin.child_seat import booster, carrier
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.motion import Hand, Posture, minimum_jerk
from kpcomplete.cabin.puppet import Puppet
from kpcomplete.cabin.rig import Leg, Seat, fold
from kpcomplete.cabin.shapes import Shape
from kpcomplete.cabin.sitter import Legs, Span, Stature
from kpcomplete.cabin.themes import Themed
from kpcomplete.cabin.vehicle import Car, FrontSeat, Wheel
from kpcomplete.car import FRONT

Array = NDArray[np.float64]

ARM = 0.55  # metres, of a grown-up
_RESTS = 0.04  # metres from the middle of the car at which a seat that is not slid holds a hip
GROWN = 1.44  # metres; who is smaller sits on a cushion now and then
ENTERS = 0.06  # share of clips that begin outside of the seat
BABY = 0.85  # metres; who is smaller lies in a carrier
BELLY = 0.03  # metres by which the trunk's middle is before the line from hip to shoulders
BEHIND = 0.6  # metres: hips of those in the rear are farther back
#: Where hands hold the wheel, left and right, radians; share of an arm's length beyond which the
#: seat is slid to the wheel, and how often, by a centimetre each.
HANDS, STRETCHED, SLIDES = ((-0.5, 0.0, 1.0), (np.pi + 0.5, np.pi, np.pi - 1.0)), 0.93, 25
_EVEN = Leg(1.45, 0.45, 0.08)
_LIMBS = (("upperleg01.L", "lowerleg01.L"), ("lowerleg01.L", "foot.L"))


@dataclass(frozen=True)
class Sitting(Seat):
    """A seat in which the legs are held each in its way.

    Attributes:
        left, right: how.
    """

    left: Leg = _EVEN
    right: Leg = _EVEN

    def leg(self, side: str) -> Leg:
        """How the "L" or the "R" leg is held."""
        return self.left if side == "L" else self.right


@dataclass(frozen=True)
class Seated:
    """Somebody who sits in a car and may begin to do things.

    Attributes:
        seat: where, and how at first.
        sitter: what is done.
        wheel: that is steered, if any.
        extra: what else is on the seat.
        door: from where the person comes in, metres from the seat, shape (3,).
        entering: seconds that it takes; 0: the person is in.
    """

    seat: Sitting
    sitter: Themed
    wheel: Wheel | None
    extra: Sequence[Shape] = ()
    door: Array = field(default_factory=lambda: np.zeros(3))
    entering: float = 0.0

    def at(self, time: float) -> Sitting:
        """How the person sits at a time in seconds."""
        left, right = self.sitter.held(time)
        away = 1.0 - minimum_jerk(time / self.entering) if self.entering else 0.0
        return replace(self.seat, left=left, right=right, hip=self.seat.hip + away * self.door)


def sit_down(puppet: Puppet, drives: bool, rng: Generator, theme: str = "plain") -> Seated:
    """Let somebody sit down in a seat that fits more or less.

    Args:
        puppet: the body; one below `BABY` lies in a carrier that faces the rear.
        drives: behind the wheel.
        rng: draws everything.
        theme: of what is done, see `kpcomplete.cabin.themes`.
    """
    size = puppet.length("upperarm01.L", "lowerarm01.L", "wrist.L") / ARM
    baby = puppet.height < BABY
    seat, extra = _carried(rng) if baby else _seat(puppet, size, drives, theme, rng)
    legs = hanging(rng) if baby else _legs(puppet, drives, rng)
    return settle(puppet, seat, legs, extra, drives, rng, theme)


def settle(
    puppet: Puppet, seat: Sitting, legs: Legs, extra: Sequence[Shape], drives: bool, rng: Generator,
    theme: str,
) -> Seated:  # fmt: skip
    """Let somebody begin to do things in a seat.

    Args:
        puppet: the body.
        seat: where, whatever it says of the legs.
        legs: how they are held.
        extra: what else is on the seat.
        drives: behind the wheel.
        rng: draws everything.
        theme: of what is done.
    """
    size = puppet.length("upperarm01.L", "lowerarm01.L", "wrist.L") / ARM
    baby = puppet.height < BABY
    seat = replace(seat, left=Leg(*legs[0]), right=Leg(*legs[1]))
    still: tuple[Angles, Angles] = (
        tuple(rng.normal((0.06, 0.0, 0.0), (0.07, 0.06, 0.07)).tolist()),
        tuple(rng.normal((0.06, 0.0, 0.0), (0.12, 0.06, 0.15)).tolist()),
    )
    if baby:
        still = (still[0], (still[1][0] - 0.5, *still[1][1:]))
    chest, face = _at_rest(puppet, replace(seat, facing=0.0), still)
    limbs = tuple(puppet.length(*bones) for bones in _LIMBS)
    stature = Stature(seat.hip, chest, face, size, legs, (limbs[0], limbs[1]), _front(puppet))
    wheel = _wheel(puppet, chest, size, rng) if drives else None
    sitter = Themed(stature, wheel, still, rng)
    sitter.theme = "plain" if baby else theme
    enters = not baby and seat.hip[1] < BEHIND and rng.random() < ENTERS
    if not enters:
        return Seated(seat, sitter, wheel, extra)
    side, seconds = float(np.sign(seat.hip[0])), float(rng.uniform(1.5, 3.0))
    sitter.spans.append(Span("getting_in", "", 0.0, 0.9 * seconds))
    door = rng.normal((0.42 * side, -0.05, 0.10), (0.05, 0.05, 0.03))
    return Seated(seat, sitter, wheel, extra, door, seconds)


def _front(puppet: Puppet) -> float:
    """How far the belly is before the line from hip to chest, metres."""
    padding = puppet.padding
    start = len(padding.radius)  # capsules come first
    trunk = [
        i
        for i, part in enumerate(padding.parts[start : start + len(padding.sizes)])
        if part in ("torso.belly", "torso.chest")
    ]
    return float(padding.sizes[trunk, 1].max()) + BELLY


def _carried(rng: Generator) -> tuple[Sitting, list[Shape]]:
    """A baby in a carrier on the passenger's seat, facing the rear."""
    hip = np.array([-FRONT, 0.10, 0.38]) + rng.normal(0.0, 0.02, 3)
    seat = Sitting(hip, recline=float(rng.uniform(0.75, 1.0)), facing=float(np.pi))
    return seat, carrier(hip, seat.recline)


def _seat(
    puppet: Puppet, size: float, drives: bool, theme: str, rng: Generator
) -> tuple[Sitting, list[Shape]]:
    legs = puppet.length("upperleg01.L", "lowerleg01.L", "foot.L")
    raised = bool(puppet.height < GROWN and rng.random() < 0.7)  # a booster cushion
    back = rng.uniform(-0.06, 0.10) + (0.5 * (legs - 0.8) if drives else 0.0)
    hip = (
        (FRONT if drives else -FRONT) + rng.normal(0.0, 0.02),
        0.02 + back,
        0.24 + 0.10 * size + 0.10 * raised + rng.uniform(-0.03, 0.05),
    )
    recline = rng.uniform(0.68, 0.98) if theme == "reclined" else rng.uniform(0.18, 0.52)
    seat = Sitting(np.array(hip), recline=float(recline))
    return seat, [booster(hip[0])] if raised else []


def _wheel(puppet: Puppet, chest: Array, size: float, rng: Generator) -> Wheel:
    """A wheel that both hands reach with bent elbows: the seat is slid until they do."""
    away, down, side = rng.uniform((0.34, 0.10, -0.02), (0.48, 0.24, 0.02))  # elbows bent
    center = (chest[0] + side, chest[1] - size * away, chest[2] - size * down)
    wheel = Wheel(
        (float(center[0]), float(center[1]), float(center[2])),
        radius=float(rng.uniform(0.165, 0.205)),
        tilt=float(rng.uniform(0.30, 0.62)),
    )
    arm = puppet.length("upperarm01.L", "lowerarm01.L", "wrist.L")
    wide = puppet.rig.rest("upperarm01.L")[0] - puppet.rig.rest("upperarm01.R")[0]
    shoulders = chest + np.array([[wide / 2.0, 0.0, 0.0], [-wide / 2.0, 0.0, 0.0]])
    for _ in range(SLIDES):
        far = [
            np.linalg.norm(grip(wheel, angle, lambda time: np.zeros(1))(0.0)[:3] - shoulder)
            for shoulder, angles in zip(shoulders, HANDS, strict=True)
            for angle in angles
        ]
        if max(far) <= STRETCHED * arm:
            break
        x, y, z = wheel.center
        wheel = replace(wheel, center=(x, y + 0.01, z))
    return wheel


def _legs(puppet: Puppet, drives: bool, rng: Generator) -> Legs:
    """How both legs are held: feet on the floor or the pedals, or hanging where they are short."""
    thigh, shin = (puppet.length(*bones) for bones in _LIMBS)
    down = float(rng.uniform(0.22, 0.44))  # from hip to ankle, metres
    if shin < down - 0.02:
        return hanging(rng)
    stretched = rng.uniform(0.80, 0.98) if drives else rng.uniform(0.45, 0.97)
    wide = rng.normal(0.10, 0.10, 2)
    ahead = np.sqrt(max((stretched * (thigh + shin)) ** 2 - down**2, 0.09))
    sides = []
    for side in range(2):
        forth = ahead + rng.normal(0.0, 0.05)
        height = down - (rng.uniform(0.0, 0.06) if drives else 0.0)  # pedals
        foot = rng.uniform(-0.7, -0.1) if drives else rng.normal(-0.05, 0.12)
        sides.append((*fold(thigh, shin, forth, height), float(wide[side]), float(foot)))
    if not drives and rng.random() < 0.12:  # one leg over the other
        upper = int(rng.integers(2))
        over = rng.normal((1.80, 0.55, -0.28, 0.2), (0.06, 0.12, 0.06, 0.15))
        sides[upper] = tuple(over.tolist())
    return sides[0], sides[1]


def hanging(rng: Generator) -> Legs:
    """Legs that hang over the edge of a cushion."""
    shin, wide = rng.uniform(0.1, 1.3), rng.normal(0.10, 0.10)
    left, right = (
        tuple(rng.normal((1.52, shin, wide, 0.35 - 0.4 * shin), (0.06, 0.12, 0.07, 0.15)).tolist())
        for _ in range(2)
    )
    return left, right


def _at_rest(puppet: Puppet, seat: Seat, still: tuple[Angles, Angles]) -> tuple[Array, Array]:
    """Middle of the shoulders and tip of the nose when nothing is done, metres."""
    ahead, down = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, -1.0])
    hand = Hand(seat.hip + np.array([0.0, -0.25, 0.1]), ahead, down, 0.3)
    posture = Posture(np.asarray(still[0]), np.asarray(still[1]), hand, hand)
    points = dict(zip(NAMES, puppet.landmarks([posture], [seat])[0], strict=True))
    return (points["left_shoulder"] + points["right_shoulder"]) / 2.0, points["nose"]


def fitted(car: Car, seated: Mapping[str, Seated]) -> Car:
    """The car with its front seats set as those who sit in them need it."""
    seats = {seat: person.seat for seat, person in seated.items()}
    ways = {
        seat: FrontSeat(
            slide=float(place.hip[1]) - _RESTS,
            recline=0.33 if place.facing else max(0.33, 0.92 * place.recline),
        )
        for seat, place in seats.items()
    }
    return replace(car, left=ways["driver"], right=ways["passenger"])
