"""What somebody keeps doing besides driving and fidgeting: postures that matter to safety."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator

from kpcomplete.cabin.behaviour import Angles
from kpcomplete.cabin.rig import fold
from kpcomplete.cabin.sitter import Act, Sitter, Span

#: What is in the hand at which spots.
HELD = {"phone": "phone", "low_phone": "phone", "call": "phone", "drink": "cup", "book": "book"}
#: Themes and their share of clips; drivers neither put their feet on the dash nor sleep.
SHARES = {
    "plain": 0.24, "phone": 0.14, "forward": 0.15, "aside": 0.12, "turned": 0.12,
    "reclined": 0.09, "feet_on_dash": 0.14,
}  # fmt: skip
OFTEN = 0.8  # share of acts that follow the theme


def draw_theme(drives: bool, grown: bool, rng: Generator) -> str:
    """One of `SHARES`; only grown-ups reach the dash with their feet."""
    names = [name for name in SHARES if name != "feet_on_dash" or (grown and not drives)]
    shares = np.array([SHARES[name] for name in names])
    return str(rng.choice(names, p=shares / shares.sum()))


class Themed(Sitter):
    """A sitter who does one kind of thing more often than others; arguments as for `Sitter`.

    Attributes:
        theme: one of `SHARES`.
    """

    theme = "plain"

    def acts(self) -> Sequence[Act]:
        """The next thing to be done."""
        acts: Mapping[str, Act] = {
            "phone": self.phone,
            "forward": self.lean_forward,
            "aside": self.lean_aside,
            "turned": self.turn_round,
            "reclined": self.doze,
            "feet_on_dash": self.lift_feet,
        }
        if self.theme in acts and self.rng.random() < OFTEN:
            return (acts[self.theme],)
        if self.theme == "plain" and self.rng.random() < 0.1:
            return (self.drink,)
        return super().acts()

    def phone(self, time: float) -> float:
        """Call, read or type."""
        stay = float(self.rng.uniform(1.5, 4.0))
        name = str(self.rng.choice(["call", "phone", "low_phone"]))
        return self.handle(time, stay, name, [self._one()])

    def drink(self, time: float) -> float:
        """Lift a cup."""
        return self.handle(time, float(self.rng.uniform(1.0, 2.5)), "drink", [self._one()])

    def lean_forward(self, time: float) -> float:
        """To the dash, or to something on it."""
        stay = float(self.rng.uniform(1.5, 4.0))
        self.lean(time, stay, (self.rng.uniform(0.55, 1.0), *self.rng.normal(0.0, 0.08, 2)))
        for side, name in zip(("left", "right"), self.resting, strict=True):
            if self.wheel and name in ("belly", "crossed", "lap"):  # the trunk comes there
                self.put(side, time - 0.3, time + stay + 0.5, self.spot("knee", side))
        if not self.wheel and self.rng.random() < 0.6:
            name = str(self.rng.choice(["dash", "front", "glove_box", "knee", "middle"]))
            side = self._one()
            self.put(side, time, time + stay, self.spot(name, side))
        return time + stay + 0.8

    def lean_aside(self, time: float) -> float:
        """To the window or to the middle."""
        stay, way = float(self.rng.uniform(1.5, 4.0)), float(self.rng.choice([-1.0, 1.0]))
        sway = way * self.rng.uniform(0.32, 0.60)
        self.lean(time, stay, (self.rng.normal(0.10, 0.10), sway, self.rng.normal(0.0, 0.1)))
        self.look(time, time + stay, (0.1, 0.8 * sway, float(self.rng.normal(0.0, 0.3))))
        return time + stay + 0.8

    def turn_round(self, time: float) -> float:
        """To the rear seat, one hand with it now and then."""
        stay, way = float(self.rng.uniform(1.5, 3.5)), float(self.rng.choice([-1.0, 1.0]))
        twist = way * self.rng.uniform(0.75, 1.1)
        self.lean(time, stay, (self.rng.normal(0.1, 0.08), 0.15 * way, twist))
        self.look(time, time + stay, (0.05, 0.1 * way, twist + way * self.rng.uniform(0.5, 1.1)))
        if self.rng.random() < 0.6:
            side = "left" if way > 0.0 else "right"
            self.put(side, time, time + stay, self.spot("back", side))
        return time + stay + 0.8

    def lean(self, time: float, stay: float, angles: Angles) -> None:
        """Move the torso far, and back."""
        self.done.append("lean")
        self.bend(time, time + stay, tuple(float(angle) for angle in angles))

    def doze(self, time: float) -> float:
        """Let the head sink and do nothing."""
        stay = float(self.rng.uniform(2.0, 5.0))
        self.done.append("doze")
        angles = self.rng.normal((0.25, 0.0, 0.0), (0.3, 0.25, 0.35))
        self.look(time, time + stay, tuple(angles.tolist()))
        return time + stay + 0.6

    def lift_feet(self, time: float) -> float:
        """Put one foot or both on the dash; they stay for a while."""
        stay = float(self.rng.uniform(2.5, 6.0))
        thigh, shin = self.stature.limbs
        for plan in self.legs if self.rng.random() < 0.6 else [self.legs[self._side()]]:
            before, above = self.rng.uniform((0.50, 0.28), (0.68, 0.42))
            up = (*fold(thigh, shin, before, -above), *self.rng.normal((0.1, -0.9), (0.1, 0.15)))
            back = tuple(plan.stops[-1])
            plan.to(time, 1.0, tuple(float(angle) for angle in up))
            plan.to(time + stay, 1.0, back)
        self.done.append("feet_on_dash")
        self.spans.append(Span("feet_on_dash", "", time + 0.7, time + stay + 0.3))
        return time + stay + 1.2
