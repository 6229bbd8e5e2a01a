"""How the car lies about people in one frame, as `kpcomplete.lifter.placing` has it; compiled."""

import math

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.lifter.placing import IN_CAR, METRES, MISSED, NEAREST, ROWS
from kpcomplete.pose import Array


@compiled("f4[:, ::1](f4[:, :, ::1], f8[:, :, ::1], f8[::1])")
def in_car(mounting: Array, turn: Array, unit: Array) -> Array:
    """Return how the car lies about people ``[P, F]``, see `placing.in_car`.

    Args:
        mounting: ``[P, 3, 4]``, see `kpcomplete.lifter.sight.Sight`.
        turn: ``[P, 3, 3]``, see `kpcomplete.lifter.placing.Placing`.
        unit: ``[P]`` radians a body unit.
    """
    out = np.zeros((len(unit), IN_CAR), np.float32)
    for person in range(len(unit)):
        _write(mounting[person], turn[person], unit[person], out[person])
    return out


@compiled()
def _write(mounting: Array, turn: Array, unit: float, out: Array) -> None:
    known, camera, ahead = False, np.zeros(3), np.zeros(3)
    for i in range(3):
        known = known or mounting[i, 3] != 0
        for k in range(3):
            known = known or mounting[i, k] != 0
            camera[k] -= mounting[i, k] * mounting[i, 3]
            ahead[k] += turn[2, i] * mounting[i, k]
    if not known:
        return
    for i in range(3):
        for k in range(3):
            out[i] += turn[i, k] * mounting[k, 2]
            out[3 + i] += turn[i, k] * mounting[k, 1]
        out[6 + i] = camera[i]
    for row in range(len(ROWS)):
        far = _along(ROWS[row], camera, ahead)
        for i in range(3):
            out[9 + 4 * row + i] = camera[i] + far * ahead[i]
        out[12 + 4 * row] = math.log(far * unit / METRES)
    out[len(out) - 1] = 1.0


@compiled()
def _along(seats: Array, camera: Array, ahead: Array) -> float:
    """Return how far along a ray somebody would sit in one of some seats, metres."""
    along, away = np.zeros(len(seats)), np.zeros(len(seats))
    for seat in range(len(seats)):
        for i in range(3):
            along[seat] += (seats[seat, i] - camera[i]) * ahead[i]
        for i in range(3):
            away[seat] += (seats[seat, i] - camera[i] - along[seat] * ahead[i]) ** 2
    far, total, least = 0.0, 0.0, away.min()
    for seat in range(len(seats)):
        weight = math.exp((least - away[seat]) / (2 * MISSED * MISSED))
        far, total = far + weight * along[seat], total + weight
    return max(far / total, NEAREST)
