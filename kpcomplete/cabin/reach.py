"""Rotations and two-bone inverse kinematics: how an arm reaches a point."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

#: An arm is never stretched further than this share of its length: of UE_ADL's people who reach at
#: a table (github.com/MiaH-kin/UE_ADLdatabase), 99 % of the time the elbow bends by 32 degrees or
#: more; and a straight elbow has no plane.
LONGEST = 0.96
#: How far an elbow bends, radians: 150 degrees (American Academy of Orthopaedic Surgeons 1965).
BEND = 2.618
#: Vector -> matrix of its cross product.
_CROSS = np.zeros((3, 3, 3))
_CROSS[[0, 1, 2], [2, 0, 1], [1, 2, 0]] = 1.0
_CROSS[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = -1.0


def unit(vector: Array) -> Array:
    """Scale vectors to length one along the last axis (zero vectors stay zero)."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    scaled: Array = np.asarray(vector, dtype=np.float64) / np.maximum(length, 1e-12)
    return scaled


def rotation(axis: ArrayLike, angle: ArrayLike) -> Array:
    """Rotation about an axis by Rodrigues' formula.

    Args:
        axis: direction, shape (..., 3), any length above zero.
        angle: radians, right-handed, shape (...).

    Returns:
        Rotation matrices, shape (..., 3, 3), for column vectors.
    """
    unit_axis = unit(np.asarray(axis, dtype=np.float64))
    angles = np.asarray(angle, dtype=np.float64)[..., None, None]
    cross = np.einsum("...i,ijk->...jk", unit_axis, _CROSS)
    matrix: Array = np.eye(3) + np.sin(angles) * cross + (1.0 - np.cos(angles)) * cross @ cross
    return matrix


def frame(along: Array, beside: Array) -> Array:
    """Orthonormal right-handed frames as columns: `along`, then `beside` made perpendicular."""
    first = unit(along)
    second = unit(beside - first * dot(beside, first))
    return np.stack(np.broadcast_arrays(first, second, np.cross(first, second)), axis=-1)


def dot(one: Array, other: Array) -> Array:
    """Products of vectors along the last axis, which is kept, shape (..., 1)."""
    product: Array = np.sum(one * other, axis=-1, keepdims=True)
    return product


def between(turn: Array, axis: Array) -> Array:
    """Angles in radians by which rotations (..., 3, 3) twist about `axis` (swing-twist), (...)."""
    skew, real = _skew(turn), 1.0 + np.trace(turn, axis1=-2, axis2=-1)
    # of the quaternion w, x, y, z these are 4 w * (x, y, z) and 4 w^2
    angle: Array = 2.0 * np.arctan2(dot(skew, unit(axis))[..., 0], real)
    return angle


def angle_of(turn: Array) -> Array:
    """By how much rotations (..., 3, 3) turn about whatever axis, radians, shape (...)."""
    sine = np.linalg.norm(_skew(turn), axis=-1) / 2.0
    angle: Array = np.arctan2(sine, (np.trace(turn, axis1=-2, axis2=-1) - 1.0) / 2.0)
    return angle


def blend(turn: Array, share: ArrayLike) -> Array:
    """Rotations that are `share` (...) of the way to `turn` (..., 3, 3), about the same axis."""
    return rotation(_skew(turn), np.asarray(share) * angle_of(turn))


def within(turn: Array, limit: float) -> Array:
    """The rotations (..., 3, 3), but none by more than `limit` radians."""
    angle = angle_of(turn)
    return blend(turn, np.minimum(1.0, limit / np.maximum(angle, 1e-9)))


def _skew(turn: Array) -> Array:
    """Axes of rotations (..., 3, 3), twice the sine of the angle long, shape (..., 3)."""
    return np.stack(
        [
            turn[..., 2, 1] - turn[..., 1, 2],
            turn[..., 0, 2] - turn[..., 2, 0],
            turn[..., 1, 0] - turn[..., 0, 1],
        ],
        axis=-1,
    )


def two_bone(
    shoulder: Array, target: Array, lengths: tuple[float, float], pole: Array
) -> tuple[Array, Array]:
    """Where the elbow and the wrist go when the wrist reaches for a target.

    Args:
        shoulder: position, metres, shape (..., 3).
        target: where the wrist shall be, shape (..., 3). Out of reach, or so near that the elbow
            would bend by more than `BEND`: the arm points at it.
        lengths: of the upper arm and the forearm, metres.
        pole: direction towards which the elbow points, shape (..., 3); need not be perpendicular.

    Returns:
        Elbow and wrist, each of shape (..., 3); their distances are exactly `lengths`.

    Example:
        >>> origin, down = np.zeros(3), np.array([0.0, 0.0, -1.0])
        >>> elbow, wrist = two_bone(origin, np.array([0.0, -0.5, 0.0]), (0.3, 0.4), down)
        >>> wrist.round(6).tolist(), bool(elbow[2] < 0)
        ([0.0, -0.5, 0.0], True)
    """
    upper, lower = lengths
    reach = target - shoulder
    nearest = np.sqrt(upper**2 + lower**2 + 2.0 * upper * lower * np.cos(BEND))
    distance = np.clip(np.linalg.norm(reach, axis=-1), nearest, LONGEST * (upper + lower))[
        ..., None
    ]
    forward = unit(reach)
    sideways = unit(pole - forward * dot(forward, pole))
    along = (upper**2 - lower**2 + distance**2) / (2.0 * distance)
    away = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    elbow: Array = shoulder + forward * along + sideways * away
    wrist: Array = shoulder + forward * distance
    return elbow, wrist
