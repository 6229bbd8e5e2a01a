"""Rotations and two-bone inverse kinematics: how an arm reaches a point."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: An arm is never stretched further than this share of its length: a straight elbow has no plane.
LONGEST = 0.985


def unit(vector: Array) -> Array:
    """Scale vectors to length one along the last axis (zero vectors stay zero)."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    scaled: Array = np.asarray(vector, dtype=np.float64) / np.maximum(length, 1e-12)
    return scaled


def rotation(axis: Array, angle: float) -> Array:
    """Rotation about an axis by Rodrigues' formula.

    Args:
        axis: direction, shape (3,), any length above zero.
        angle: radians, right-handed.

    Returns:
        Rotation matrix, shape (3, 3), for column vectors.
    """
    x, y, z = unit(np.asarray(axis, dtype=np.float64))
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    matrix: Array = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
    return matrix


def frame(along: Array, beside: Array) -> Array:
    """Orthonormal right-handed frame as columns: `along`, then `beside` made perpendicular."""
    first = unit(along)
    second = unit(beside - first * (beside @ first))
    return np.column_stack([first, second, np.cross(first, second)])


def between(turn: Array, axis: Array) -> float:
    """Angle in radians by which rotation `turn` twists about `axis` (swing-twist decomposition)."""
    axis = unit(axis)
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    real = 1.0 + np.trace(turn)  # 4 w^2 of the quaternion; skew = 4 w * (x, y, z)
    return float(2.0 * np.arctan2(skew @ axis, real))


def blend(turn: Array, share: float) -> Array:
    """The rotation that is `share` of the way from no rotation to `turn`, about the same axis."""
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    angle = float(np.arctan2(np.linalg.norm(skew) / 2.0, (np.trace(turn) - 1.0) / 2.0))
    if np.linalg.norm(skew) < 1e-9:
        return np.eye(3)
    return rotation(skew, share * angle)


def two_bone(
    shoulder: Array, target: Array, lengths: tuple[float, float], pole: Array
) -> tuple[Array, Array]:
    """Where the elbow and the wrist go when the wrist reaches for a target.

    Args:
        shoulder: position, metres, shape (3,).
        target: where the wrist shall be, shape (3,). Out of reach: the arm points at it.
        lengths: of the upper arm and the forearm, metres.
        pole: direction towards which the elbow points, shape (3,); need not be perpendicular.

    Returns:
        Elbow and wrist, each of shape (3,); their distances are exactly `lengths`.

    Example:
        >>> origin, down = np.zeros(3), np.array([0.0, 0.0, -1.0])
        >>> elbow, wrist = two_bone(origin, np.array([0.0, -0.5, 0.0]), (0.3, 0.4), down)
        >>> wrist.round(6).tolist(), bool(elbow[2] < 0)
        ([0.0, -0.5, 0.0], True)
    """
    upper, lower = lengths
    reach = target - shoulder
    limits = (abs(upper - lower) + 1e-6, LONGEST * (upper + lower))
    distance = float(np.clip(np.linalg.norm(reach), *limits))
    forward = unit(reach)
    sideways = unit(pole - forward * (pole @ forward))
    along = (upper**2 - lower**2 + distance**2) / (2.0 * distance)
    away = np.sqrt(max(upper**2 - along**2, 0.0))
    elbow: Array = shoulder + forward * along + sideways * away
    wrist: Array = shoulder + forward * distance
    return elbow, wrist
