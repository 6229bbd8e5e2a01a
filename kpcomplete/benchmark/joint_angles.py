"""Angles of arms and trunk, of simulated and of recorded people alike."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.recorded import SIDES, read_points
from kpcomplete.cabin.whole_body import JOINTS, facing, pieces
from kpcomplete.data.take import Take
from kpcomplete.pose import Array

_ARM = ("shoulder", "elbow", "wrist")
_RAISED = -0.25  # share of an arm below the shoulder; arms whose wrist is lower hang or rest

#: Name of an angle -> degrees, one a frame and side.
Angles = Mapping[str, Array]


def arms(points: Array, raised: bool = False) -> dict[str, Array]:
    """Elbow flexion (0 is stretched) and the upper arm's angle from hanging, degrees.

    Args:
        points: shoulder, elbow and wrist of both sides, z up, shape (T, 2, 3, 3).
        raised: leave out arms that hang or rest.
    """
    shoulder, elbow, wrist = np.moveaxis(points.reshape(-1, 3, 3), 1, 0)
    upper, lower = elbow - shoulder, wrist - elbow
    length = np.linalg.norm(upper, axis=-1) + np.linalg.norm(lower, axis=-1)
    chosen = np.isfinite(length)
    if raised:
        chosen &= (wrist - shoulder)[:, 2] > _RAISED * length
    down = np.broadcast_to([0.0, 0.0, -1.0], upper.shape)
    return {"elbow": _angle(upper, lower)[chosen], "arm": _angle(upper, down)[chosen]}


def trunk(points: Array) -> dict[str, Array]:
    """How the trunk leans forward and twists, degrees away from the take's median.

    Args:
        points: left and right shoulder, left and right hip of somebody whose hips face ahead: x
            left, y back, z up, shape (T, 4, 3).
    """
    up = points[:, :2].mean(axis=1) - points[:, 2:].mean(axis=1)
    across = points[:, 0] - points[:, 1]
    found = {
        "lean": np.degrees(np.arctan2(-up[:, 1], up[:, 2])),
        "twist": np.degrees(np.arctan2(across[:, 1], across[:, 0])),
    }
    return {name: values - np.median(values) for name, values in found.items()}


def of_take(take: Take, every: int, raised: bool = False) -> dict[str, Array]:
    """All angles of somebody simulated, of every few frames."""
    points = take.cabin[::every].astype(np.float64)

    def at(side: str, part: str) -> Array:
        return np.asarray(points[:, NAMES.index(f"{side}_{part}")])

    both = np.stack([np.stack([at(side, p) for p in _ARM], axis=1) for side in SIDES], axis=1)
    body = np.stack([at(side, part) for part in ("shoulder", "hip") for side in SIDES], axis=1)
    return arms(both, raised) | trunk(body)


def of_whole_bodies(file: str | Path, subjects: Collection[str], every: int) -> dict[str, Array]:
    """All angles of CMU's people with these names; arms only where they are raised."""
    rows = []
    names = [f"{side[0]}_{part}" for side in SIDES for part in _ARM]
    trunks = [f"{side[0]}_{part}" for part in ("shoulder", "hip") for side in SIDES]
    for subject, fps, points in read_points(file, JOINTS, ()):
        for piece in pieces(points, fps) if subject in subjects else ():
            ahead = facing(piece)[::every]
            both = ahead[:, [JOINTS.index(name) for name in names]].reshape(-1, 2, 3, 3)
            body = ahead[:, [JOINTS.index(name) for name in trunks]]
            rows.append(arms(both, raised=True) | trunk(body))
    return gathered(rows)


def of_arms(file: str | Path, every: int) -> dict[str, Array]:
    """Angles of UE_ADL's arms."""
    names = [f"{side[0]}_{part}" for side in SIDES for part in _ARM]
    rows = []
    for _, _, points in read_points(file, names, ()):
        up = np.stack([-points[..., 0], points[..., 2], points[..., 1]], axis=-1)[::every]
        rows.append(arms(up.reshape(-1, 2, 3, 3)))
    return gathered(rows)


def gathered(rows: Sequence[Angles]) -> dict[str, Array]:
    """Several people's angles as one's; nothing of nobody."""
    return {name: np.concatenate([row[name] for row in rows]) for name in (rows[0] if rows else ())}


def _angle(one: Array, other: Array) -> Array:
    length = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    cosine = (one * other).sum(axis=-1) / np.maximum(length, 1e-9)
    return np.asarray(np.degrees(np.arccos(cosine.clip(-1, 1))))
