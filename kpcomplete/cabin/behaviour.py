"""What people do in a car: the driver steers and reaches, the passenger fidgets."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin.motion import HandTrack, Motion, Place, Track
from kpcomplete.cabin.vehicle import Wheel

Array = NDArray[np.float64]
Turn = Callable[[float], Array]
Angles = tuple[float, ...]
Stop = TypeVar("Stop")

#: Hand's wrist to the middle of the palm, metres of a grown hand, and half the palm's thickness.
PALM, THICK = 0.062, 0.018
MOVES = 0.7  # seconds that a hand takes from place to place


def hold(wrist: ArrayLike, fingers: ArrayLike, palm: ArrayLike, curl: float) -> Place:
    """A place that stays where it is; arguments as in `motion.Hand`."""
    values = np.concatenate([np.asarray(part, dtype=float) for part in (wrist, fingers, palm)])
    fixed = np.append(values, curl)
    return lambda time: fixed.copy()


def grip(wheel: Wheel, angle: float, turn: Turn, slide: float = 1.0) -> Place:
    """A hand round the wheel's rim.

    Args:
        wheel: that is held.
        angle: of the hand on the rim when the wheel is straight, radians (0 left, pi / 2 top).
        turn: time -> how far the wheel is turned, radians, shape (1,).
        slide: share of the turn that the hand follows; below 1 the rim slides through it.
    """

    def place(time: float) -> Array:
        at, outwards, driver = wheel.rim(angle + slide * float(turn(time)[0]))
        wrist = at + (wheel.grip + THICK) * outwards + 0.9 * PALM * driver
        up = np.array([0.0, 0.0, 0.25])
        return np.concatenate([wrist, -driver + up - 0.1 * outwards, -outwards, [1.05]])

    return place


class Plan(Generic[Stop]):
    """Keys that are added one after the other: stay for a while, then go somewhere."""

    def __init__(self, start: Stop) -> None:
        self.times: list[float] = [0.0]
        self.stops: list[Stop] = [start]

    def to(self, time: float, duration: float, stop: Stop) -> None:
        """Go to `stop` within `duration` seconds from `time` on, or once the last move is done."""
        start = max(time, self.times[-1])
        self.times += [start, start + duration]
        self.stops += [self.stops[-1], stop]


class Performer:
    """Someone who does one thing after the other; subclasses say what.

    Args:
        hands: where the left and the right hand are when nothing is done.
        still: angles of torso and head when nothing is done, as in `motion.Posture`.
        wander: how much torso and head drift, radians.
        rng: draws times and drift.
    """

    def __init__(
        self,
        hands: tuple[Place, Place],
        still: tuple[Angles, Angles],
        wander: float,
        rng: Generator,
    ) -> None:
        self.home, self.still, self.wander, self.rng = hands, still, wander, rng
        self.left, self.right = Plan(hands[0]), Plan(hands[1])
        self.torso, self.head = Plan(still[0]), Plan(still[1])

    def acts(self) -> Sequence[Callable[[float], float]]:
        """What is done in turn; each takes the time to begin at, returns the time it ends."""
        return ()

    def perform(self, duration: float) -> Motion:
        """Do everything in turn, with short breaks, until `duration` seconds are filled."""
        time = float(self.rng.uniform(0.2, 0.5))
        while time < duration and self.acts():
            for act in self.acts():
                if time < duration:
                    time = act(time) + float(self.rng.uniform(0.0, 0.3))
        return Motion(
            Track(self.torso.times, self.torso.stops),
            Track(self.head.times, self.head.stops),
            HandTrack(self.left.times, self.left.stops),
            HandTrack(self.right.times, self.right.stops),
            self.wander,
            self.rng.uniform(0.0, 2.0 * np.pi, (6, 3)),
        )

    def look(self, time: float, until: float, angles: Angles) -> None:
        """Turn the head, and back from `until` on."""
        self.head.to(time, 0.55, angles)
        self.head.to(until, 0.55, self.still[1])

    def bend(self, time: float, until: float, angles: Angles) -> None:
        """Move the torso, and back from `until` on."""
        self.torso.to(time, 0.8, angles)
        self.torso.to(until, 0.8, self.still[0])

    def put(self, side: str, time: float, until: float, place: Place) -> None:
        """Put the "left" or "right" hand somewhere, and back from `until` on."""
        plan, home = (self.left, self.home[0]) if side == "left" else (self.right, self.home[1])
        plan.to(time, MOVES, place)
        plan.to(until, MOVES, home)


class Driver(Performer):
    """Steers to and fro, works the centre screen, rests a hand low behind the wheel.

    Args:
        wheel: that is steered.
        hip: where the driver sits, metres, shape (3,).
        rng: draws times and angles.

    Attributes:
        turn: plan of the wheel's turn, radians.
    """

    def __init__(self, wheel: Wheel, hip: Array, rng: Generator) -> None:
        self.turn: Plan[Angles] = Plan((0.0,))
        high, low = 0.30, -1.05
        hands = (grip(wheel, high, self.turned), grip(wheel, np.pi - high, self.turned))
        super().__init__(hands, ((0.10, 0.0, 0.0), (0.02, 0.0, 0.0)), 0.05, rng)
        self.low = grip(wheel, low, self.turned, 0.3)
        self.screen = hold((0.085, -0.385, 0.75), (-0.3, -1.0, 0.1), (0.25, 0.0, -1.0), 0.25)
        self.lap = hold(
            hip + np.array([0.02, -0.29, 0.135]), (0.3, -1.0, -0.1), (0.0, 0.1, -1.0), 0.5
        )
        self.chin = hold(
            hip + np.array([0.09, -0.10, 0.50]), (-0.35, -0.1, 1.0), (-0.5, 0.9, 0.2), 0.9
        )

    def acts(self) -> Sequence[Callable[[float], float]]:
        """What a driver does in turn."""
        return (self.steer, self.reach, self.rest, self.steer, self.think)

    def turned(self, time: float) -> Array:
        """How far the wheel is turned at a time, radians, shape (1,)."""
        return Track(self.turn.times, self.turn.stops)(time)

    def steer(self, time: float) -> float:
        """Turn the wheel one way, the other way, and straight again."""
        angle = float(self.rng.uniform(0.8, 1.15) * self.rng.choice([-1.0, 1.0]))
        for share, start in ((1.0, 0.0), (-0.9, 0.95), (0.0, 2.0)):
            self.turn.to(time + start, 0.85, (share * angle,))
        self.look(time, time + 1.4, (0.03, 0.0, -0.35 * float(np.sign(angle))))
        return time + 2.9

    def reach(self, time: float) -> float:
        """Reach to the centre screen and back."""
        self.put("right", time, time + 1.25, self.screen)
        self.look(time - 0.1, time + 1.1, (0.22, -0.03, -0.45))
        self.bend(time, time + 1.2, (0.22, -0.07, 0.12))
        return time + 2.1

    def rest(self, time: float) -> float:
        """One hand in the lap, one low on the wheel, a glance at the passenger."""
        self.put("right", time, time + 1.8, self.lap)
        self.put("left", time + 0.2, time + 1.6, self.low)
        self.look(time + 0.3, time + 1.3, (0.05, 0.0, -0.75))
        return time + 2.6

    def think(self, time: float) -> float:
        """A hand at the chin, a look out of the side window, the other hand steers a little."""
        self.put("left", time, time + 1.5, self.chin)
        self.look(time, time + 1.3, (0.0, 0.05, 0.5))
        self.turn.to(time + 0.2, 0.8, (0.4,))
        self.turn.to(time + 1.2, 0.8, (0.0,))
        return time + 2.3


class Passenger(Performer):
    """A child who lifts a hand, leans over, looks about and fidgets.

    Args:
        hip: where the child sits, metres, shape (3,).
        size: height of the child, a share of a grown-up's.
        rng: draws times.
    """

    def __init__(self, hip: Array, size: float, rng: Generator) -> None:
        def at(x: float, y: float, z: float) -> Array:
            return np.asarray(hip + size * np.array([x, y, z]))

        down = (0.0, 0.15, -1.0)
        left = hold(at(0.13, -0.28, 0.17), (-0.75, -0.7, -0.1), down, 0.45)
        right = hold(at(-0.13, -0.28, 0.17), (0.75, -0.7, -0.1), down, 0.45)
        super().__init__((left, right), ((0.05, 0.0, 0.0), (0.05, 0.0, 0.05)), 0.10, rng)
        self.high = hold(at(-0.30, -0.22, 0.62), (0.1, -0.2, 1.0), (0.1, -1.0, 0.0), 0.1)
        self.front = hold(at(0.22, -0.40, 0.45), (0.1, -0.9, 0.45), (-0.6, 0.0, -0.6), 0.35)
        self.face = hold(at(0.07, -0.20, 0.585), (-0.35, -0.1, 1.0), (-0.4, 0.9, 0.2), 0.8)
        self.window = hold(at(-0.36, -0.36, 0.50), (-0.8, -0.6, 0.2), (0.0, 0.0, -1.0), 0.3)

    def acts(self) -> Sequence[Callable[[float], float]]:
        """What a child does in turn."""
        return (self.lift, self.point, self.rub, self.lean)

    def lift(self, time: float) -> float:
        """Lift the right hand, look at the driver."""
        self.put("right", time, time + 1.5, self.high)
        self.look(time, time + 1.4, (-0.05, 0.08, 0.45))
        return time + 2.3

    def point(self, time: float) -> float:
        """Turn to the side window and point."""
        self.put("right", time + 0.1, time + 1.3, self.window)
        self.look(time, time + 1.5, (0.0, -0.05, -0.80))
        self.bend(time, time + 1.5, (0.08, -0.08, -0.15))
        return time + 2.4

    def rub(self, time: float) -> float:
        """Rub the face."""
        self.put("left", time, time + 1.0, self.face)
        self.look(time, time + 1.0, (0.15, 0.05, 0.0))
        return time + 1.8

    def lean(self, time: float) -> float:
        """Lean over to the driver and reach out."""
        self.put("left", time + 0.1, time + 1.5, self.front)
        self.look(time + 0.1, time + 1.6, (0.10, 0.10, 0.60))
        self.bend(time, time + 1.7, (0.16, 0.20, 0.12))
        return time + 2.7
