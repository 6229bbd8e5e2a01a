"""How somebody sits in the rear of a car."""

import numpy as np
from numpy.random import Generator

from kpcomplete.cabin.child_seat import booster
from kpcomplete.cabin.puppet import Puppet
from kpcomplete.cabin.rig import fold
from kpcomplete.cabin.seating import ARM, GROWN, Seated, Sitting, hanging, settle
from kpcomplete.cabin.sitter import Legs

#: Seat -> metres from the middle of the car.
PLACES = {"rear_left": 0.40, "rear_right": -0.40}
THEMES = ("plain", "phone", "forward", "aside", "turned")
_BACK = 0.95  # metres from the front's middle to a hip on the bench


def sit_behind(puppet: Puppet, seat: str, rng: Generator, theme: str = "plain") -> Seated:
    """Let somebody sit down on the rear bench.

    Args:
        puppet: the body, not a baby's.
        seat: one of `PLACES`.
        rng: draws everything.
        theme: of what is done, one of `THEMES`.
    """
    size = puppet.length("upperarm01.L", "lowerarm01.L", "wrist.L") / ARM
    raised = bool(puppet.height < GROWN and rng.random() < 0.7)
    hip = (
        PLACES[seat] + rng.normal(0.0, 0.03),
        _BACK + rng.uniform(-0.05, 0.02) - 0.03 * raised,
        0.33 + 0.08 * size + 0.10 * raised + rng.uniform(-0.02, 0.02),
    )
    recline = float(rng.uniform(0.30, 0.52))
    cushion = [booster(PLACES[seat]).moved(shift=(0.0, _BACK, 0.115))] if raised else []
    legs = _legs(puppet, rng)
    return settle(puppet, Sitting(np.array(hip), recline), legs, cushion, False, rng, theme)


def _legs(puppet: Puppet, rng: Generator) -> Legs:
    """Feet below the front seats, knees up; short legs hang."""
    thigh = puppet.length("upperleg01.L", "lowerleg01.L")
    shin = puppet.length("lowerleg01.L", "foot.L")
    down = float(rng.uniform(0.28, 0.34))
    if shin < down:
        return hanging(rng)
    sides = []
    for _ in range(2):
        ahead = float(rng.uniform(0.36, 0.50))
        sides.append((*fold(thigh, shin, ahead, down), float(rng.normal(0.14, 0.08)), -0.05))
    return sides[0], sides[1]
