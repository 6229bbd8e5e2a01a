"""Many different people who sit in many different ways: bodies, seats, wheels and clips."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from kpcomplete.cabin.behaviour import Angles
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.motion import Hand, Posture
from kpcomplete.cabin.puppet import Puppet
from kpcomplete.cabin.rig import Leg, Seat
from kpcomplete.cabin.sitter import Legs, Sitter, Stature
from kpcomplete.cabin.vehicle import Wheel

Array = NDArray[np.float64]

ARM = 0.55  # metres, of a grown-up
DRIVES = 0.5  # age from which on people drive, as Anny counts: 1/3 child, 2/3 young, 1 old
_EVEN = Leg(1.45, 0.45, 0.08)
_FRONT = 0.36  # metres from the middle of the car to a front seat's


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


def draw_shape(index: int, rng: Generator) -> dict[str, float]:
    """Anny's shape parameters of somebody: every third is a child of about 4 to 14 years."""
    child = index % 3 == 2
    low, high = (0.14, 0.45) if child else (0.52, 1.0)
    return {
        "gender": float(rng.integers(2)) * 0.8 + float(rng.uniform(0.0, 0.2)),
        "age": float(rng.uniform(low, high)),
        "muscle": float(rng.uniform(0.2, 0.8)),
        "weight": float(rng.uniform(0.1, 0.95)),
        "height": float(rng.uniform(0.0, 0.6)),  # 0.5 is 1.90 m for a young man
        "proportions": float(rng.uniform(0.2, 0.8)),
    }


@dataclass(frozen=True)
class Clip:
    """One person in one seat for some seconds.

    Attributes:
        joints: the 33 landmarks in the vehicle frame (x left, y back, z up), metres, shape
            (T, 33, 3).
        seat: "driver" or "passenger".
        acts: what is done, in order.
    """

    joints: Array
    seat: str
    acts: tuple[str, ...]


def film(
    puppet: Puppet, shape: Mapping[str, float], frames: int, fps: float, rng: Generator
) -> Clip:
    """Let somebody sit down anew and do things.

    Postures are solved ten times a second; between them the landmarks move along cubic splines.

    Args:
        puppet: the body.
        shape: its parameters; children do not drive.
        frames: of the clip.
        fps: frames a second.
        rng: draws everything.
    """
    drives = shape["age"] >= DRIVES and rng.random() < 0.5
    person = sit_down(puppet, drives, rng)
    motion = person.sitter.perform(frames / fps)
    end = (frames - 1) / fps
    times = np.linspace(0.0, end, max(4, round(end * 10) + 1))
    seats = [person.at(time) for time in times]
    solved = puppet.landmarks([motion(time) for time in times], seats)
    joints = CubicSpline(times, solved)(np.arange(frames) / fps)
    return Clip(joints, "driver" if drives else "passenger", tuple(person.sitter.done))


@dataclass(frozen=True)
class Seated:
    """Somebody who sits in a car and may begin to do things.

    Attributes:
        seat: where, and how at first.
        sitter: what is done.
        wheel: that is steered, if any.
    """

    seat: Sitting
    sitter: Sitter
    wheel: Wheel | None

    def at(self, time: float) -> Sitting:
        """How the person sits at a time in seconds."""
        left, right = self.sitter.held(time)
        return replace(self.seat, left=left, right=right)


def sit_down(puppet: Puppet, drives: bool, rng: Generator) -> Seated:
    """Let somebody sit down in a seat that fits more or less.

    Args:
        puppet: the body.
        drives: behind the wheel.
        rng: draws everything.
    """
    size = puppet.length("upperarm01.L", "lowerarm01.L", "wrist.L") / ARM
    seat = _seat(puppet, size, drives, rng)
    legs = _legs(puppet, seat, drives, rng)
    seat = replace(seat, left=Leg(*legs[0]), right=Leg(*legs[1]))
    still: tuple[Angles, Angles] = (
        tuple(rng.normal((0.06, 0.0, 0.0), (0.07, 0.06, 0.07)).tolist()),
        tuple(rng.normal((0.06, 0.0, 0.0), (0.12, 0.06, 0.15)).tolist()),
    )
    chest, face = _at_rest(puppet, seat, still)
    stature = Stature(seat.hip, chest, face, size, legs)
    wheel = _wheel(chest, size, rng) if drives else None
    return Seated(seat, Sitter(stature, wheel, still, rng), wheel)


def _seat(puppet: Puppet, size: float, drives: bool, rng: Generator) -> Sitting:
    legs = puppet.length("upperleg01.L", "lowerleg01.L", "foot.L")
    raised = 0.10 * (puppet.height < 1.4 and rng.random() < 0.7)  # a booster cushion
    back = rng.uniform(-0.06, 0.10) + (0.5 * (legs - 0.8) if drives else 0.0)
    hip = (
        (_FRONT if drives else -_FRONT) + rng.normal(0.0, 0.02),
        0.02 + back,
        0.24 + 0.10 * size + raised + rng.uniform(-0.03, 0.05),
    )
    return Sitting(np.array(hip), recline=float(rng.uniform(0.18, 0.52)))


def _wheel(chest: Array, size: float, rng: Generator) -> Wheel:
    away, down, side = rng.uniform((0.40, 0.10, -0.02), (0.58, 0.26, 0.02))
    center = (chest[0] + side, chest[1] - size * away, chest[2] - size * down)
    return Wheel(
        (float(center[0]), float(center[1]), float(center[2])),
        radius=float(rng.uniform(0.165, 0.205)),
        tilt=float(rng.uniform(0.30, 0.62)),
    )


def _legs(puppet: Puppet, seat: Sitting, drives: bool, rng: Generator) -> Legs:
    """How both legs are held: feet on the floor or the pedals, or hanging where they are short."""
    thigh, shin = (
        puppet.length(f"{name}01.L", end)
        for name, end in (("upperleg", "lowerleg01.L"), ("lowerleg", "foot.L"))
    )
    down = float(rng.uniform(0.22, 0.44))  # from hip to ankle, metres
    if shin < down - 0.02:
        return _hanging(rng)
    stretched = rng.uniform(0.80, 0.98) if drives else rng.uniform(0.45, 0.97)
    wide = rng.normal(0.10, 0.10, 2)
    ahead = np.sqrt(max((stretched * (thigh + shin)) ** 2 - down**2, 0.09))
    sides = []
    for side in range(2):
        forth = ahead + rng.normal(0.0, 0.05)
        height = down - (rng.uniform(0.0, 0.06) if drives else 0.0)  # pedals
        foot = rng.uniform(-0.7, -0.1) if drives else rng.normal(-0.05, 0.12)
        sides.append((*_bend(thigh, shin, forth, height), float(wide[side]), float(foot)))
    if not drives and rng.random() < 0.12:  # one leg over the other
        upper = int(rng.integers(2))
        over = rng.normal((1.80, 0.55, -0.28, 0.2), (0.06, 0.12, 0.06, 0.15))
        sides[upper] = tuple(over.tolist())
    return sides[0], sides[1]


def _hanging(rng: Generator) -> Legs:
    shin, wide = rng.uniform(0.1, 1.3), rng.normal(0.10, 0.10)
    left, right = (
        tuple(rng.normal((1.52, shin, wide, 0.35 - 0.4 * shin), (0.06, 0.12, 0.07, 0.15)).tolist())
        for _ in range(2)
    )
    return left, right


def _bend(thigh: float, shin: float, ahead: float, down: float) -> tuple[float, float]:
    """Angles of thigh and shin, as in `rig.Leg`, that put the ankle before and below the hip.

    Args:
        thigh: its length, metres.
        shin: its length, metres.
        ahead: how far the ankle is before the hip, metres; cut to what the leg can reach.
        down: how far it is below it, metres.
    """
    far = np.clip(np.hypot(ahead, down), abs(thigh - shin) + 1e-3, 0.99 * (thigh + shin))
    towards = np.arctan2(ahead, down)
    hip = np.arccos((thigh**2 + far**2 - shin**2) / (2.0 * thigh * far))
    ankle = np.arccos((shin**2 + far**2 - thigh**2) / (2.0 * shin * far))
    return float(towards + hip), float(towards - ankle)


def _at_rest(puppet: Puppet, seat: Seat, still: tuple[Angles, Angles]) -> tuple[Array, Array]:
    """Middle of the shoulders and tip of the nose when nothing is done, metres."""
    ahead, down = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, -1.0])
    hand = Hand(seat.hip + np.array([0.0, -0.25, 0.1]), ahead, down, 0.3)
    posture = Posture(np.asarray(still[0]), np.asarray(still[1]), hand, hand)
    points = dict(zip(NAMES, puppet.landmarks([posture], [seat])[0], strict=True))
    return (points["left_shoulder"] + points["right_shoulder"]) / 2.0, points["nose"]
