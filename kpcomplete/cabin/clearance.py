"""Where the wrists of somebody who sits in a car cannot be: lap, trunk, back rest, door, roof."""

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.sitter import TRUNK, Stature

Array = NDArray[np.float64]

SOFT = 0.02  # metres within which a limit is approached: whoever meets it slows down
LAP = 0.13  # metres of a grown body from the line hip to knee up to a wrist that lies on the thigh
#: Metres from the hip that there is room for a wrist: to the door, to the middle, and ahead; and
#: from the floor up to where fingers touch the roof.
DOOR, MIDDLE, AHEAD, ROOF = 0.27, 0.40, 0.58, 1.16
_STEEP = 1.8  # a trunk that leans is thicker along the level, at most so many times
_OVER = (1.0, 1.3)  # shares of the way from hip to shoulders between which the trunk ends


def above(values: Array, limit: Array | float) -> Array:
    """Values raised to a limit, smoothly: never below it, and as they were well above it."""
    return np.asarray(limit + SOFT * np.logaddexp(0.0, (values - limit) / SOFT))


def below(values: Array, limit: Array | float) -> Array:
    """Values lowered to a limit, smoothly."""
    return -above(-values, -np.asarray(limit))


def clear(wrist: Array, chest: Array, stature: Stature, thighs: Array) -> Array:
    """Places for wrists outside of what they cannot pass through, without jumps.

    Args:
        wrist: where they would be, metres from the hip, shape (..., 3).
        chest: middle of the shoulders, metres from the hip, shape (..., 3) or one that broadcasts.
        stature: the body.
        thighs: angles of the left and the right one as in `rig.Leg`, shape (..., 2), likewise.

    Returns:
        Where they may be, shape (..., 3).
    """
    x, y, z = np.moveaxis(np.asarray(wrist, dtype=np.float64), -1, 0)
    y = below(y, _front(x, above(z, _lap(y, stature, thighs)), chest, stature))
    y = above(y, -AHEAD)
    side = 1.0 if stature.hip[0] > 0.0 else -1.0  # of the car
    x = side * above(below(side * x, DOOR), -MIDDLE)
    z = below(above(z, _lap(y, stature, thighs)), ROOF - stature.hip[2])
    return np.stack([x, y, z], axis=-1)


def _lap(y: Array, stature: Stature, thighs: Array) -> Array:
    """How far above the hip a wrist lies on the higher thigh, metres, shape (...)."""
    length = stature.limbs[0]
    ahead, raised = length * np.sin(thighs), length * np.maximum(-np.cos(thighs), 0.0)
    rises = raised * np.clip(-y[..., None] / np.maximum(ahead, 0.05), 0.0, 1.0)
    return np.asarray(LAP * stature.size + rises.max(axis=-1))


def _front(x: Array, z: Array, chest: Array, stature: Stature) -> Array:
    """How far back a wrist may be before trunk and back rest, metres from the hip, shape (...)."""
    high = np.maximum(chest[..., 2], 0.15)
    share = np.clip(z / high, 0.0, _OVER[1])
    aside = np.clip((x - share * chest[..., 0]) / (TRUNK * stature.size), -1.0, 1.0)
    steep = np.minimum(np.hypot(1.0, chest[..., 1] / high), _STEEP)
    ends = np.clip((_OVER[1] - share) / (_OVER[1] - _OVER[0]), 0.0, 1.0)
    thick = stature.front * steep * np.cos(np.pi / 2.0 * aside) ** 2 * ends
    return np.asarray(np.minimum(share, 1.0) * chest[..., 1] - thick)
