"""What anybody may do in the front of a car: hands, head, torso and legs, drawn at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kpcomplete.cabin.behaviour import MOVES, Angles, Performer, Plan, grip, hold
from kpcomplete.cabin.motion import Motion, Place, Track
from kpcomplete.cabin.rig import Leg
from kpcomplete.cabin.vehicle import Wheel

Array = NDArray[np.float64]
Act = Callable[[float], float]
Legs = tuple[Angles, Angles]

#: Where a right hand may be: anchor, offset in metres of a grown arm (x to the left, y back, z
#: up), direction of the fingers, direction of the palm, curl in radians.
SPOTS: dict[str, tuple[str, Angles, Angles, Angles, float]] = {
    "thigh": ("hip", (-0.10, -0.21, 0.13), (0.4, -0.9, -0.1), (0.0, 0.1, -1.0), 0.3),
    "knee": ("hip", (-0.13, -0.32, 0.14), (0.2, -1.0, -0.3), (0.0, 0.1, -1.0), 0.5),
    "lap": ("hip", (-0.03, -0.14, 0.16), (0.8, -0.6, 0.0), (0.1, 0.4, -0.9), 0.6),
    "seat": ("hip", (-0.27, -0.08, 0.05), (-0.2, -1.0, -0.2), (0.1, 0.0, -1.0), 0.2),
    "armrest": ("hip", (-0.27, -0.16, 0.26), (-0.1, -1.0, 0.0), (0.0, 0.0, -1.0), 0.4),
    "console": ("hip", (-0.31, -0.26, 0.12), (0.0, -1.0, -0.2), (0.2, 0.0, -1.0), 0.8),
    "belly": ("hip", (0.02, -0.16, 0.28), (1.0, -0.2, 0.1), (0.1, 1.0, 0.0), 0.3),
    "crossed": ("chest", (0.08, -0.18, -0.24), (1.0, 0.2, 0.2), (0.2, 1.0, 0.0), 0.4),
    "phone": ("chest", (-0.06, -0.28, -0.24), (0.3, -0.5, 0.8), (0.2, 0.8, 0.4), 0.8),
    "low_phone": ("hip", (-0.05, -0.23, 0.24), (0.4, -0.8, 0.4), (0.3, 0.4, 0.8), 0.8),
    "book": ("chest", (-0.13, -0.32, -0.26), (0.2, -0.8, 0.5), (0.8, 0.4, 0.3), 0.7),
    "call": ("face", (-0.10, 0.06, -0.05), (0.1, 0.3, 1.0), (1.0, 0.1, 0.0), 0.8),
    "chin": ("face", (-0.03, 0.00, -0.13), (0.3, 0.1, 1.0), (0.3, 0.9, 0.2), 0.9),
    "cheek": ("face", (-0.09, 0.02, -0.10), (0.1, 0.3, 1.0), (0.6, 0.7, 0.0), 0.7),
    "eyes": ("face", (-0.07, -0.02, -0.02), (0.6, 0.0, 0.8), (0.2, 1.0, 0.0), 0.5),
    "hair": ("face", (-0.09, 0.06, 0.13), (0.4, 0.5, 0.7), (0.5, 0.5, -0.6), 0.5),
    "neck": ("face", (-0.08, 0.13, -0.12), (0.3, 0.9, 0.2), (0.9, 0.0, 0.0), 0.4),
    "drink": ("face", (-0.04, -0.12, -0.10), (0.7, -0.2, 0.5), (0.6, 0.6, 0.0), 1.0),
    "visor": ("face", (-0.12, -0.22, 0.22), (0.2, -0.8, 0.6), (0.0, -0.3, 1.0), 0.4),
    "belt": ("chest", (0.10, -0.10, -0.06), (0.9, 0.1, 0.4), (0.1, 1.0, 0.0), 0.6),
    "wave": ("chest", (-0.25, -0.22, 0.14), (0.0, -0.3, 1.0), (0.1, -1.0, 0.0), 0.1),
    "front": ("chest", (-0.04, -0.42, -0.08), (0.1, -1.0, 0.2), (0.2, 0.0, -1.0), 0.3),
    "dash": ("chest", (-0.18, -0.54, -0.16), (0.0, -1.0, 0.1), (0.0, 0.0, -1.0), 0.4),
    "middle": ("chest", (0.26, -0.46, -0.18), (0.4, -1.0, 0.0), (0.0, 0.0, -1.0), 0.4),
    "window": ("chest", (-0.36, -0.24, -0.04), (-0.8, -0.6, 0.2), (0.0, 0.0, -1.0), 0.3),
    "handle": ("chest", (-0.30, -0.18, 0.34), (-0.3, -0.5, 0.9), (0.4, -0.6, 0.3), 1.0),
    "back": ("hip", (-0.32, 0.16, 0.30), (-0.4, 0.9, 0.0), (0.0, 0.0, -1.0), 0.4),
    "glove_box": ("chest", (-0.02, -0.66, -0.42), (0.1, -1.0, -0.2), (0.0, 0.0, -1.0), 0.4),
    "floor": ("hip", (-0.10, -0.52, -0.12), (0.1, -0.8, -0.6), (0.0, 0.3, -1.0), 0.6),
    "buckle": ("hip", (-0.20, 0.02, 0.10), (-0.3, -0.2, -1.0), (1.0, 0.0, 0.0), 0.9),
}
#: What both hands do when nothing is done, left and right.
RESTS = (
    ("thigh", "thigh"), ("lap", "lap"), ("thigh", "lap"), ("crossed", "crossed"),
    ("belly", "belly"), ("phone", "phone"), ("low_phone", "low_phone"), ("book", "book"),
    ("armrest", "thigh"), ("thigh", "phone"), ("armrest", "low_phone"), ("seat", "seat"),
    ("knee", "knee"), ("armrest", "armrest"), ("cheek", "lap"), ("call", "thigh"),
)  # fmt: skip
#: Both hands do the same at times.
TOGETHER = ("phone", "book", "hair", "eyes", "knee", "lap", "neck", "dash", "crossed", "wave")


TRUNK = 0.22  # metres: half the width of a grown trunk
#: Spots for which one leans forward, and how far, radians.
FAR = {
    "dash": (0.2, 0.5), "middle": (0.1, 0.4), "front": (0.0, 0.35), "back": (0.0, 0.35),
    "knee": (0.0, 0.35), "glove_box": (0.3, 0.7), "floor": (0.6, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """When something is done.

    Attributes:
        name: of the act; one of `SPOTS` for a hand.
        side: "left" or "right" hand, or "" for the whole body.
        start, end: seconds.
    """

    name: str
    side: str
    start: float
    end: float


@dataclass(frozen=True)
class Stature:
    """What of a body its movements must fit.

    Attributes:
        hip: where the person sits, metres, shape (3,).
        chest: middle of the shoulders when nothing is done, metres, shape (3,).
        face: tip of the nose, likewise.
        size: length of an arm, a share of 0.55 m.
        legs: how the left and the right leg are held: the four angles of `rig.Leg`.
        limbs: lengths of thigh and shin, metres.
        front: how far the belly is before the line from hip to chest, metres.
    """

    hip: Array
    chest: Array
    face: Array
    size: float
    legs: Legs
    limbs: tuple[float, float] = (0.44, 0.42)
    front: float = 0.0

    def outside(self, wrist: Array) -> Array:
        """A place for a wrist, shape (3,), moved ahead until it is before the trunk."""
        share = (wrist[2] - self.hip[2]) / max(self.chest[2] - self.hip[2], 0.05)
        middle = self.hip + share * (self.chest - self.hip)
        if not 0.0 < share < 1.1 or abs(wrist[0] - middle[0]) > TRUNK * self.size:
            return wrist
        ahead = min(wrist[1], middle[1] - self.front)
        return np.array([wrist[0], ahead, wrist[2]])


class Sitter(Performer):
    """Someone in a car; with a wheel, someone who drives.

    Args:
        stature: the body.
        wheel: that is steered, if any.
        still: angles of torso and head when nothing is done.
        rng: draws what is done and how.
    """

    def __init__(
        self, stature: Stature, wheel: Wheel | None, still: tuple[Angles, Angles], rng: Generator
    ) -> None:
        self.stature, self.wheel, self.rng = stature, wheel, rng
        self.turn: Plan[Angles] = Plan((0.0,))
        self.legs = (Plan(stature.legs[0]), Plan(stature.legs[1]))
        self.done: list[str] = []
        self.spans: list[Span] = []
        names = RESTS[rng.integers(len(RESTS))]
        names = names if rng.random() < 0.5 else names[::-1]
        left, right = self.spot(names[0], "left"), self.spot(names[1], "right")
        if wheel:
            high, low = rng.uniform(-0.5, 1.0), np.pi - rng.uniform(-0.5, 1.0)
            hands = grip(wheel, high, self.turned), grip(wheel, low, self.turned)
            names = [("wheel", "wheel"), ("wheel", names[1]), (names[0], "wheel")][
                rng.choice(3, p=[0.6, 0.25, 0.15])
            ]
            left, right = (
                hand if name == "wheel" else other
                for name, hand, other in zip(names, hands, (left, right), strict=True)
            )
        self.done.append("-".join(names))
        self.resting = names
        super().__init__((left, right), still, float(rng.uniform(0.02, 0.12)), rng)

    def spot(self, name: str, side: str) -> Place:
        """One of `SPOTS` for a hand of this body, a little off."""
        anchor, offset, fingers, palm, curl = SPOTS[name]
        flip = np.array([-1.0 if side == "left" else 1.0, 1.0, 1.0])
        spread = 0.02 if anchor == "face" else 0.05
        shift = np.asarray(offset) * flip + self.rng.normal(0.0, spread, 3)
        wrist = getattr(self.stature, anchor) + self.stature.size * shift
        if anchor != "face" and shift[1] < 0.0:
            wrist = self.stature.outside(wrist)
        turn = self.rng.normal(0.0, 0.15, (2, 3))
        return hold(wrist, fingers * flip + turn[0], palm * flip + turn[1], curl)

    def turned(self, time: float) -> Array:
        """How far the wheel is turned at a time, radians, shape (1,)."""
        return Track(self.turn.times, self.turn.stops)(time)

    def held(self, time: float) -> tuple[Leg, Leg]:
        """How the legs are held at a time."""
        angles = [Track(plan.times, plan.stops)(time).tolist() for plan in self.legs]
        return Leg(*angles[0]), Leg(*angles[1])

    def perform(self, duration: float) -> Motion:
        """Do this and that until `duration` seconds are filled; some people hardly move."""
        self.calm = float(self.rng.uniform(0.0, 0.8))
        motion = super().perform(duration)
        self.spans += self._rests(duration)
        return motion

    def _rests(self, duration: float) -> list[Span]:
        """When each hand rests; what both hold is in the right one."""
        both = self.resting[0] == self.resting[1]
        found = []
        for side, name, plan in zip(
            ("left", "right"), self.resting, (self.left, self.right), strict=True
        ):
            if name == "wheel" or (both and side == "left"):
                continue
            home, times = plan.stops[0], [*plan.times, max(duration, plan.times[-1])]
            stays = [
                (times[i], times[i + 1])
                for i, stop in enumerate(plan.stops)
                if stop is home and (i + 1 == len(plan.stops) or plan.stops[i + 1] is home)
            ]
            found += [Span(name, side, start, end) for start, end in stays if end > start]
        return found

    def acts(self) -> Sequence[Act]:
        """The next thing to be done."""
        if self.rng.random() < self.calm:
            return (self.stay,)
        some: list[Act] = [self.glance, self.touch, self.touch, self.shift, self.stretch]
        return (some[self.rng.integers(len(some))],) if not self.wheel else (self._drive(some),)

    def _drive(self, some: list[Act]) -> Act:
        return self.steer if self.rng.random() < 0.4 else some[self.rng.integers(len(some))]

    def stay(self, time: float) -> float:
        """Do nothing."""
        return time + float(self.rng.uniform(0.5, 2.5))

    def glance(self, time: float) -> float:
        """Look somewhere."""
        self.done.append("glance")
        far = 0.8 if self.wheel else 1.1
        angles = tuple(self.rng.uniform((-0.25, -0.2, -far), (0.55, 0.2, far)).tolist())
        stay = float(self.rng.uniform(0.5, 2.0))
        self.look(time, time + stay, angles)
        return time + stay + 0.6

    def touch(self, time: float) -> float:
        """Put one hand or both somewhere, often with a look and a lean."""
        stay = float(self.rng.uniform(0.8, 2.5))
        if not self.wheel and self.rng.random() < 0.25:
            return self.handle(time, stay, str(self.rng.choice(TOGETHER)), ["left", "right"])
        return self.handle(time, stay, str(self.rng.choice(list(SPOTS))), [self._one()])

    def handle(self, time: float, stay: float, name: str, sides: Sequence[str]) -> float:
        """Put hands to one of `SPOTS` for some seconds."""
        for side in sides:
            self.put(side, time, time + stay, self.spot(name, side))
            half = MOVES / 2.0  # there, and again on the way back
            self.spans.append(Span(name, side, time + half, time + stay + half))
        self.done.append(name)
        turn = float(self.rng.normal(0.0, 0.4))
        if self.rng.random() < 0.6:
            nod = float(self.rng.uniform(-0.1, 0.5))
            self.look(time - 0.1, time + stay, (nod, 0.1 * turn, turn))
        if name in FAR or self.rng.random() < 0.3:
            lean = float(self.rng.uniform(*FAR.get(name, (0.0, 0.35))))
            self.bend(time, time + stay, (lean, -0.15 * turn, 0.4 * turn))
        return time + stay + 0.7

    def _one(self) -> str:
        return ("left", "right")[self._side()]

    def _side(self) -> int:
        return int(self.rng.integers(2))

    def shift(self, time: float) -> float:
        """Move the legs a little, one or both, for good."""
        self.done.append("legs")
        for plan in self.legs if self.rng.random() < 0.4 else [self.legs[self._side()]]:
            change = self.rng.normal(0.0, (0.05, 0.12, 0.08, 0.12))
            plan.to(time, float(self.rng.uniform(0.3, 0.8)), tuple(plan.stops[0] + change))
        return time + float(self.rng.uniform(0.3, 1.0))

    def stretch(self, time: float) -> float:
        """Lean forwards or to a side, or sink back."""
        self.done.append("lean")
        angles = tuple(self.rng.normal((0.12, 0.0, 0.0), (0.18, 0.14, 0.18)).tolist())
        stay = float(self.rng.uniform(0.8, 2.5))
        self.bend(time, time + stay, angles)
        return time + stay + 0.8

    def steer(self, time: float) -> float:
        """Turn the wheel and straighten it again."""
        self.done.append("steer")
        angle = float(self.rng.normal(0.0, 0.6))
        self.turn.to(time, 0.9, (angle,))
        self.turn.to(time + float(self.rng.uniform(0.9, 1.8)), 0.9, (0.0,))
        return time + 2.4
