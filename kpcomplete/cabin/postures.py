"""Classes of posture, frame by frame, from where the joints are and what is done."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.sitter import Span

Array = NDArray[np.float64]

POSTURES = (
    "in_position",
    "leaning_forward",
    "reclined",
    "leaning_sideways",
    "turned_rear",
    "phone",
    "feet_on_dash",
    "getting_in",
)
#: Radians. Back rests put the trunk 9 to 25 degrees behind the vertical.
FORWARD, BACK, SIDE, ROUND = 0.08, -0.52, 0.21, 0.60
#: Acts that are a class of their own.
ACTS = {
    "phone": "phone", "low_phone": "phone", "call": "phone", "feet_on_dash": "feet_on_dash",
    "getting_in": "getting_in",
}  # fmt: skip


def trunk(joints: Array) -> tuple[Array, Array, Array]:
    """How the trunk leans forward, to the left, and is turned to the left, radians.

    Args:
        joints: in the vehicle frame of a person who faces ahead, metres, shape (T, 33, 3).

    Returns:
        Three arrays of shape (T,); forward and sideways are angles from the vertical.
    """
    left, right = (joints[:, NAMES.index(f"{side}_shoulder")] for side in ("left", "right"))
    hips = sum(joints[:, NAMES.index(f"{side}_hip")] for side in ("left", "right")) / 2.0
    up, across = (left + right) / 2.0 - hips, left - right
    forward, aside = np.arctan2(-up[:, 1], up[:, 2]), np.arctan2(up[:, 0], up[:, 2])
    return forward, aside, np.arctan2(across[:, 1], across[:, 0])


def classify(joints: Array, spans: Sequence[Span], times: Array) -> NDArray[np.uint8]:
    """Index into `POSTURES`, shape (T,).

    What is done counts more than how the trunk is held, then turning more than leaning.

    Args:
        joints: as for `trunk`.
        spans: what is done.
        times: of the frames, seconds, shape (T,).
    """
    forward, aside, turned = trunk(joints)
    code = np.zeros(len(joints), np.uint8)
    for name, holds in (
        ("reclined", forward < BACK),
        ("leaning_forward", forward > FORWARD),
        ("leaning_sideways", (np.abs(aside) > SIDE) & (forward < 0.30)),
        ("turned_rear", np.abs(turned) > ROUND),
    ):
        code[holds] = POSTURES.index(name)
    for name in ("phone", "feet_on_dash", "getting_in"):
        for span in spans:
            if ACTS.get(span.name) == name:
                code[(times >= span.start) & (times <= span.end)] = POSTURES.index(name)
    return code
