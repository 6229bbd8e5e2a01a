"""Whole bodies that moved as real ones did: what remains of it when somebody sits in a car."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpcomplete.cabin.reach import rotation, unit
from kpcomplete.cabin.recorded import SIDES, read_points
from kpcomplete.errors import SourceError

Array = NDArray[np.float64]

_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle")
JOINTS = ["neck", "head", *(f"{side[0]}_{part}" for side in SIDES for part in (*_ARM, *_LEG))]
#: How far trunk and head of somebody who wears a belt move away from how they are held, least and
#: most, radians: lean, sway, twist; nod, tilt. A back rest is behind.
TRUNK = ((-0.12, 0.75), (-0.40, 0.40), (-0.75, 0.75))
HEAD = ((-0.40, 0.60), (-0.35, 0.35))
#: Legs that walk or climb only stir in a car: share of what they did, and the most, radians.
STIRS, LEGS = 0.35, (-0.25, 0.25)
#: No wrist moves faster against its shoulder, metres a second: a take is in pieces where one does.
#: Takes of CMU's unknown people begin with one frame of a person who stands with both arms spread.
JUMP = 10.0
SHORT = 0.7  # seconds: shorter pieces are left out


@dataclass(frozen=True)
class Whole:
    """One person's movement over T frames.

    Attributes:
        subject: who was recorded.
        fps: frames a second.
        rows: shape (T, 21), columns as in `Columns`.
    """

    subject: str
    fps: float
    rows: Array


class Columns:
    """What the columns of `Whole.rows` are.

    Angles are radians away from the take's median. A hand is told from its shoulder, in the frame
    of the shoulders (x to the left one, y back, z up).

    Attributes:
        TORSO: lean forward, sway to the left, twist of the shoulders against the hips.
        HEAD: nod down, tilt to the left.
        WRIST: left and right: shoulder to wrist, a share of the arm's length.
        FINGERS: left and right: their direction.
        LEGS: left and right: thigh and shin forwards.
    """

    TORSO = slice(0, 3)
    HEAD = slice(3, 5)
    WRIST = slice(5, 11)
    FINGERS = slice(11, 17)
    LEGS = slice(17, 21)


def read_whole(path: str | Path, without: Collection[str] = ()) -> tuple[Whole, ...]:
    """Read whole bodies of CMU, a take each or several where it has frames that do not belong.

    Args:
        path: ``.npz`` with ``joints [N, J, 3]`` in metres, Y up and facing anywhere,
            ``clip_frames`` and ``subject`` a clip, ``joint_names`` and ``fps``.
        without: subjects to leave out.

    Raises:
        SourceError: If it is not of that form.
    """
    found = tuple(
        Whole(subject, fps, _retarget(piece))
        for subject, fps, points in read_points(path, JOINTS, without)
        for piece in pieces(points, fps)
    )
    if not found:
        raise SourceError(f"{path} should hold {SHORT} s of motion without jumps, but does not")
    return found


def pieces(points: Array, fps: float) -> list[Array]:
    """The parts of a take (T, J, 3) between jumps, that are not too short."""
    wrists, shoulders = (
        points[:, [JOINTS.index(f"{side[0]}_{part}") for side in SIDES]]
        for part in ("wrist", "shoulder")
    )
    speed = np.linalg.norm(np.diff(wrists - shoulders, axis=0), axis=-1).max(axis=1) * fps
    parts = np.split(points, np.flatnonzero(speed > JUMP) + 1)
    return [part for part in parts if len(part) >= max(2.0, SHORT * fps)]


def limited(values: Array, ranges: ArrayLike) -> Array:
    """Values (..., D) that reach the ends of ranges (D, 2) about 0 only gradually."""
    low, high = np.moveaxis(np.asarray(ranges, dtype=np.float64), -1, 0)
    end = np.where(values < 0.0, low, high)
    limit: Array = end * np.tanh(values / end)
    return limit


def turned(vectors: Array, angle: Array) -> Array:
    """Vectors (T, ..., 3) turned to the left about the vertical, radians, shape (T,)."""
    turn = rotation([0.0, 0.0, 1.0], angle)
    return np.asarray(np.einsum("tij,t...j->t...i", turn, vectors))


def facing(points: Array) -> Array:
    """Points (T, J, 3), Y up, in the frame of the hips: x to the left one, y back, z up."""
    points = np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)
    across = points[:, JOINTS.index("l_hip")] - points[:, JOINTS.index("r_hip")]
    return turned(points, -np.arctan2(across[:, 1], across[:, 0]))


def _retarget(points: Array) -> Array:
    """`Whole.rows` of `JOINTS`, metres, Y up, shape (T, J, 3)."""
    at = {name: facing(points)[:, i] for i, name in enumerate(JOINTS)}
    both = {
        part: np.stack([at[f"{side[0]}_{part}"] for side in SIDES], axis=1)
        for part in (*_ARM, *_LEG)
    }
    hips = both["hip"].mean(axis=1)
    across = both["shoulder"][:, 0] - both["shoulder"][:, 1]
    twist = np.arctan2(across[:, 1], across[:, 0])
    torso = np.column_stack([_leans(at["neck"] - hips), twist])
    head = _leans(at["head"] - at["neck"])
    share, fingers = _hands(both)
    legs = np.stack(
        [_forth(both["knee"] - both["hip"]), _forth(both["ankle"] - both["knee"])], axis=-1
    ).reshape(-1, 4)
    return np.concatenate(
        [
            limited(_moved(torso), TRUNK),
            limited(_moved(head), HEAD),
            turned(share, -twist).reshape(-1, 6),
            turned(fingers, -twist).reshape(-1, 6),
            limited(STIRS * _moved(legs), [LEGS] * 4),
        ],
        axis=1,
    )


def _leans(up: Array) -> Array:
    """How far vectors (T, 3) lean forward and to the left, radians, shape (T, 2)."""
    x, y, z = np.moveaxis(up, -1, 0)
    return np.stack([np.arctan2(-y, z), np.arctan2(x, np.hypot(y, z))], axis=-1)


def _forth(down: Array) -> Array:
    """How far vectors (..., 3) point forwards from hanging, radians, shape (...)."""
    return np.asarray(np.arctan2(-down[..., 1], -down[..., 2]))


def _moved(angles: Array) -> Array:
    """Angles (T, D) away from their median, -pi..pi."""
    away = angles - np.median(angles, axis=0)
    return np.asarray((away + np.pi) % (2.0 * np.pi) - np.pi)


def _hands(both: dict[str, Array]) -> tuple[Array, Array]:
    """Shoulder to wrist as a share of the arm's length, and fingers' direction, (T, 2, 3)."""
    shoulder, elbow, wrist, hand = (both[part] for part in _ARM)
    length = np.linalg.norm(elbow - shoulder, axis=-1) + np.linalg.norm(wrist - elbow, axis=-1)
    share = (wrist - shoulder) / np.median(length, axis=0)[:, None]
    return share, unit(hand - wrist)
