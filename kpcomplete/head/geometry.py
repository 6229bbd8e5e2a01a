"""What classes are told by: distances between joints, and where these are in the image."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.skeleton import Skeleton

_HALVES = (
    ("wrist", "ear"), ("wrist", "nose"), ("wrist", "shoulder"), ("wrist", "other shoulder"),
    ("wrist", "hip"), ("wrist", "other hip"), ("wrist", "knee"), ("wrist", "ankle"),
    ("index", "ear"), ("elbow", "shoulder"), ("elbow", "hip"), ("nose", "shoulder"),
    ("nose", "ear"), ("nose", "ankle"), ("ear", "shoulder"), ("shoulder", "hip"),
    ("shoulder", "knee"), ("shoulder", "ankle"), ("hip", "knee"), ("knee", "ankle"),
)  # fmt: skip
_ACROSS = (
    ("left_wrist", "right_wrist"), ("left_ear", "right_ear"), ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"), ("mouth_left", "mouth_right"),
    ("left_eye", "right_eye"),
)  # fmt: skip


def _named(joint: str, side: str) -> str:
    word = joint.removeprefix("other ")
    if word == "nose":
        return word
    other = {"left": "right", "right": "left"}[side]
    return f"{side if word == joint else other}_{word}"


def pairs(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    """Return the joints whose distances count: P first ones and P second ones."""
    named = _ACROSS + tuple(
        (_named(one, side), _named(two, side)) for one, two in _HALVES for side in ("left", "right")
    )
    known = [pair for pair in named if set(pair) <= set(skeleton.joints)]
    return skeleton.indices([a for a, _ in known]), skeleton.indices([b for _, b in known])


def geometry(
    last: Float[Tensor, "batch joint 2"],
    mean: Float[Tensor, "batch joint 2"],
    placement: normalize.Placement,
    between: tuple[Sequence[int], Sequence[int]],
) -> Float[Tensor, "batch feature"]:
    """Return places in the image, and ways and distances between joints, at last and on average.

    From some thousand windows nothing that is given coordinates finds out by itself that their
    differences count; what a hand is near is told by these.

    Args:
        last: Of the last frame of windows, body units.
        mean: Over the window, body units.
        placement: Of the people in image widths.
        between: See `pairs`.
    """
    first, second = between
    places = mean * placement.scale[:, None, None] + placement.centre[:, None]
    apart = [points[:, first] - points[:, second] for points in (last, mean)]
    distances = [(ways.square().sum(dim=-1) + 1e-6).sqrt() for ways in apart]
    return torch.cat([places.flatten(1), *distances, *(ways.flatten(1) for ways in apart)], dim=1)
