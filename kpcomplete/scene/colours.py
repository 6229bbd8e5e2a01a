"""The colours of scenes; those of people are the overlay's."""

import numpy as np

from kpcomplete import draw
from kpcomplete.pose import Array
from kpcomplete.scene.parts import RGB


def _rgb(colour: draw.Colour) -> RGB:
    blue, green, red = colour
    return red / 255, green / 255, blue / 255


LEFT, RIGHT, MIDDLE, RAW = (_rgb(c) for c in (draw.LEFT, draw.RIGHT, draw.MIDDLE, draw.RAW))
CARRIES = _rgb(draw.CARRIES)
COMPLETED: RGB = (0.80, 0.47, 0.65)  # reddish purple: told from both sides by the colour-blind too
TRUTH: RGB = (0.0, 0.62, 0.45)
BACKGROUND: RGB = (0.10, 0.11, 0.14)
GRID: RGB = (0.25, 0.27, 0.31)
FRUSTUM: RGB = (0.94, 0.89, 0.26)
BAR: RGB = (0.055, 0.06, 0.08)
SEATS: tuple[RGB, ...] = (  # Okabe and Ito's, without those that mean something else
    (0.90, 0.62, 0.0), (0.34, 0.71, 0.91), (0.94, 0.89, 0.26), (0.0, 0.62, 0.45),
    (0.84, 0.37, 0.0), (0.60, 0.60, 0.90),
)  # fmt: skip
_HEAT = np.array([(0.16, 0.45, 0.75), (0.95, 0.90, 0.45), (0.85, 0.15, 0.10)])
_TIME = np.array([(0.27, 0.00, 0.33), (0.13, 0.57, 0.55), (0.99, 0.91, 0.14)])


def side(joint: str) -> RGB:
    """Return the colour of a joint of the left, the right, or neither."""
    parts = joint.split("_")
    return LEFT if "left" in parts else RIGHT if "right" in parts else MIDDLE


def heat(values: Array) -> Array:
    """Return colours ``[..., 3]`` from blue through yellow to red of values from 0 to 1."""
    return _ramp(values, _HEAT)


def rising(values: Array) -> Array:
    """Return colours ``[..., 3]`` from dark to light of values from 0 to 1."""
    return _ramp(values, _TIME)


def kinds(numbers: Array) -> Array:
    """Return a colour ``[..., 3]`` for each number of a kind; grey below 0."""
    table = np.array([*SEATS, (0.45, 0.75, 0.35), (0.75, 0.55, 0.35), (0.5, 0.5, 0.5)])
    found: Array = np.where(
        (numbers < 0)[..., None], (0.35, 0.35, 0.38), table[np.maximum(numbers, 0) % len(table)]
    )
    return found


def _ramp(values: Array, stops: Array) -> Array:
    place = np.clip(np.nan_to_num(values), 0, 1) * (len(stops) - 1)
    low = np.minimum(place.astype(int), len(stops) - 2)
    share = (place - low)[..., None]
    found: Array = stops[low] * (1 - share) + stops[low + 1] * share
    return found
