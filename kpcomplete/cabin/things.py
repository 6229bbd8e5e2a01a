"""Things that people hold or have on the lap."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.mesh import Mesh
from kpcomplete.cabin.proxies import boxes
from kpcomplete.cabin.rays import Solids
from kpcomplete.cabin.reach import frame
from kpcomplete.cabin.shapes import Block, box
from kpcomplete.cabin.sitter import Span
from kpcomplete.cabin.themes import HELD

Array = NDArray[np.float64]

#: Full lengths along fingers, thumb's side and palm, metres: a phone, a cup, a paperback.
SIZES = {"phone": (0.150, 0.074, 0.010), "cup": (0.075, 0.075, 0.120), "book": (0.20, 0.14, 0.02)}
COLORS = {"phone": (0.06, 0.06, 0.07), "cup": (0.80, 0.78, 0.74), "book": (0.75, 0.72, 0.64)}
GAP = 0.028  # metres from the middle of the hand's bones to the thing's
_FAR = -20.0  # metres: where things are that are not there


def held(joints: Array, spans: Sequence[Span], times: Array) -> list[Solids]:
    """What is in both hands, as solids.

    Args:
        joints: in the vehicle frame, metres, shape (T, 33, 3).
        spans: what is done.
        times: of the frames, seconds, shape (T,).
    """
    solids: list[Solids] = []
    for span in spans:
        if span.name in HELD:
            center, turn = in_hand(joints, span.side)
            there = (times >= span.start) & (times <= span.end)
            center = np.where(there[:, None], center, _FAR)
            half = np.array(SIZES[HELD[span.name]]) / 2.0
            solids.append(boxes(center[:, None], turn[:, None], half[None]))
    return solids


def in_hand(joints: Array, side: str) -> tuple[Array, Array]:
    """Where a thing in a hand is, metres, (T, 3), and how it is turned, (T, 3, 3).

    Its axes are along the fingers, towards the thumb, and out of the palm.
    """
    wrist, index, pinky = (
        joints[:, NAMES.index(f"{side}_{name}")] for name in ("wrist", "index", "pinky")
    )
    knuckles = (index + pinky) / 2.0
    turn = frame(knuckles - wrist, index - pinky)
    palm = turn[..., 2] * (1.0 if side == "left" else -1.0)
    return (wrist + 2.0 * knuckles) / 3.0 + GAP * palm, turn


def mesh(span: Span, landmarks: Array, time: float) -> Mesh:
    """What is held during a span, at a time; far away where it is not held.

    Args:
        span: one whose name is in `HELD`.
        landmarks: of the person, metres, shape (33, 3).
        time: seconds.
    """
    what = HELD[span.name]
    center, turn = in_hand(landmarks[None], span.side)
    shift = center[0] if span.start <= time <= span.end else np.full(3, _FAR)
    return box((0.0, 0.0, 0.0), SIZES[what], COLORS[what], 0.006).mesh().moved(turn[0], shift)


def draw_load(hip: Array, size: float, share: float, rng: Generator) -> Block | None:
    """A soft bag or a box on a lap, now and then.

    Args:
        hip: where its owner sits, metres, shape (3,).
        size: of the owner's arms, a share of a grown-up's.
        share: how often there is one.
        rng: draws whether and what.
    """
    if rng.random() >= share:
        return None
    lengths = rng.uniform((0.22, 0.12, 0.12), (0.42, 0.30, 0.34))
    center = hip + size * np.array([0.0, -0.28, 0.10]) + [0.0, 0.0, lengths[2] / 2.0]
    soft = rng.random() < 0.6
    color = rng.uniform(0.05, 0.7, 3) if soft else np.array([0.62, 0.47, 0.31])
    return box(center, lengths, color.tolist(), 0.05 if soft else 0.006)
