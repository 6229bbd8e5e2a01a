"""How far before a joint the solids of its own body may be met: by joint and by solid."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.landmarks import NAMES

Array = NDArray[np.float64]

#: Kind of joint -> solid of the body (a key of `padding.BARS`, `BALLS` or `SLABS`; "far" before it
#: means that of the other side) -> metres. Written by `python tools/benchmark.py nearness`.
NEAR: Mapping[str, Mapping[str, float]] = {
    "ankle": {"leg.below": 1.0},
    "elbow": {
        "arm.lower": 1.0, "forearm.upper": 0.136, "head": 0.0, "tips": 0.301, "torso.chest": 0.083,
    },
    "heel": {"leg.below": 0.04},
    "hip": {
        "forearm.lower": 0.112, "leg.above": 0.178, "leg.thigh": 1.0, "palm": 0.143, "tips": 0.287,
        "torso.belly": 1.0, "torso.hips": 1.0,
    },
    "index": {"fingers": 0.052, "head": 0.038, "palm": 0.048, "tips": 0.05, "torso.chest": 0.052},
    "knee": {"leg.above": 1.0, "leg.shin": 1.0},
    "pinky": {"fingers": 0.056, "head": 0.032, "leg.above": 0.0, "palm": 0.079, "tips": 0.05},
    "shoulder": {"arm.upper": 1.0, "head": 0.109, "torso.chest": 0.215, "torso.yoke": 0.094},
    "thumb": {
        "fingers": 0.055, "hand.thumb": 1.0, "head": 0.028, "palm": 0.068, "tips": 0.0,
        "torso.chest": 0.05,
    },
    "wrist": {
        "fingers": 0.057, "forearm.lower": 1.0, "hand.thumb": 0.074, "head": 0.05, "palm": 0.085,
        "tips": 0.0, "torso.chest": 0.047,
    },
}  # fmt: skip


def kind(joint: str) -> str:
    """A joint's name without its side: "left_eye_inner" is an "eye_inner"."""
    return joint.replace("left_", "").replace("right_", "")


def relation(joint: str, part: str) -> str:
    """What a solid is to a joint: "palm" of its own side, "far palm" of the other.

    Args:
        joint: of `landmarks.NAMES`.
        part: of `Padding.parts`.
    """
    base, _, side = part.rpartition(".") if part.endswith((".L", ".R")) else (part, "", "")
    if not side or not joint.startswith(("left_", "right_")):
        return base
    return base if joint[0].upper() == side else f"far {base}"


def measured(parts: Sequence[str]) -> Array:
    """Metres of `NEAR`, NaN where nothing was measured, shape (33, len(parts)).

    Args:
        parts: as in `Padding.parts`.
    """
    return np.array(
        [[NEAR.get(kind(j), {}).get(relation(j, part), np.nan) for part in parts] for j in NAMES]
    )
