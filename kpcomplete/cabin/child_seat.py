"""What children and babies sit in."""

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.reach import rotation
from kpcomplete.cabin.shapes import Shape, box

Array = NDArray[np.float64]

X, _, Z = np.eye(3)


def booster(x: float) -> Shape:
    """A child's booster cushion on the front seat at `x`, metres."""
    return box((x, -0.08, 0.285), (0.42, 0.36, 0.10), (0.20, 0.22, 0.27), 0.04)


def carrier(hip: Array, recline: float) -> list[Shape]:
    """A baby's carrier that faces the rear, about a baby whose pelvis is at `hip`, metres."""
    shell, back = (0.16, 0.17, 0.20), rotation(X, -recline)
    around = rotation(Z, np.pi)
    parts: list[Shape] = [
        box((0.0, 0.10, 0.22), (0.34, 0.05, 0.62), shell, 0.02).moved(back),
        box((0.0, -0.06, -0.10), (0.34, 0.40, 0.06), shell, 0.02),
    ]
    for side in (-0.17, 0.17):
        parts.append(box((side, 0.02, 0.24), (0.03, 0.20, 0.56), shell, 0.01).moved(back))
    return [part.moved(around, hip) for part in parts]
