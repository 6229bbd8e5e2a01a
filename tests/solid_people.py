"""People in 3D, made for tests of what lifts them."""

import math

import numpy as np
import torch

from kpcomplete.data.solid import SolidBatch, pinhole
from kpcomplete.lifter.sight import Sight
from kpcomplete.skeleton import CANONICAL, Skeleton

SKELETON = Skeleton.load(CANONICAL)
# metres to the person's left, up and ahead of the middle of its shoulders, sitting upright
_HALF = {
    "shoulder": (0.18, 0.0, 0.0), "elbow": (0.25, -0.27, 0.08), "wrist": (0.2, -0.2, 0.33),
    "pinky": (0.21, -0.2, 0.42), "index": (0.18, -0.18, 0.43), "thumb": (0.16, -0.17, 0.38),
    "hip": (0.11, -0.48, 0.03), "knee": (0.16, -0.42, 0.46), "ankle": (0.15, -0.83, 0.52),
    "heel": (0.14, -0.9, 0.48), "foot_index": (0.16, -0.9, 0.65), "ear": (0.08, 0.2, 0.02),
    "eye_inner": (0.02, 0.23, 0.11), "eye": (0.035, 0.23, 0.11), "eye_outer": (0.05, 0.23, 0.1),
}  # fmt: skip


def sitter() -> np.ndarray:
    """``[33, 3]`` metres: left, up, ahead of somebody who sits."""
    out = np.zeros((len(SKELETON), 3), dtype=np.float32)
    for i, joint in enumerate(SKELETON.joints):
        side, _, part = joint.partition("_")
        if joint == "nose":
            out[i] = (0.0, 0.2, 0.13)
        elif side == "mouth":
            out[i] = (0.03 if part == "left" else -0.03, 0.15, 0.11)
        else:
            x, y, z = _HALF[part]
            out[i] = (x if side == "left" else -x, y, z)
    return out


def seen(windows: int = 2, time: int = 12, seed: int = 0) -> SolidBatch:
    """Sitters of several sizes who turn and sway a little, a metre before pinholes."""
    rng = np.random.default_rng(seed)
    body = sitter() * np.array([-1, -1, -1], np.float32)  # facing the camera: x right, y down
    solid = np.empty((windows, time, len(SKELETON), 3), dtype=np.float32)
    for window in range(windows):
        scale, angle = rng.uniform(0.8, 1.1), rng.uniform(-0.8, 0.8)
        shift = rng.uniform([-0.2, -0.2, 1.2], [0.2, 0.1, 2.0])
        for frame in range(time):
            a = angle + 0.3 * math.sin(frame / 9)
            turn = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0],
                             [-math.sin(a), 0, math.cos(a)]])  # fmt: skip
            solid[window, frame] = scale * body @ turn.T + shift
    return pinhole(torch.from_numpy(solid), torch.full((windows,), 500.0), fps=30.0)


def sight(clean: SolidBatch, hidden: torch.Tensor | None = None) -> Sight:
    """Return what is seen, without the joints of ``hidden``."""
    left = clean if hidden is None else clean.hide(hidden)
    middle = torch.zeros(len(clean), 2)
    return Sight.through(left, left.observed, clean.focal, middle, clean.mounting)
