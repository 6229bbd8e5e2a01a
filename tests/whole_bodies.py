"""A small file of whole bodies in motion, as CMU's."""

import numpy as np

from kpcomplete.cabin.reach import rotation
from kpcomplete.cabin.whole_body import JOINTS

#: Metres to the left, up and ahead (CMU's axes) of somebody who stands with hanging arms.
STANDS = {
    "neck": (0.0, 0.45, 0.0), "head": (0.0, 0.70, 0.05),
    "shoulder": (0.18, 0.42, 0.0), "elbow": (0.20, 0.14, -0.03), "wrist": (0.22, -0.12, 0.04),
    "hand": (0.22, -0.16, 0.05), "hip": (0.09, -0.05, 0.0), "knee": (0.10, -0.48, 0.02),
    "ankle": (0.10, -0.90, -0.03),
}  # fmt: skip


def write(path, heading=0.0, **changes):
    """Two takes of A and one of B; all swing their arms, nod and bend their right knees."""
    frames = 40
    joints = np.zeros((3 * frames, len(JOINTS), 3))
    for i, name in enumerate(JOINTS):
        side, _, part = name.rpartition("_")
        joints[:, i] = np.array(STANDS[part]) * [-1.0 if side == "r" else 1.0, 1.0, 1.0]
    swing = np.sin(np.arange(3 * frames) / 5.0)
    joints[:, JOINTS.index("l_wrist")] += swing[:, None] * [0.0, 0.4, 0.3]
    joints[:, JOINTS.index("l_hand")] += swing[:, None] * [0.0, 0.4, 0.3]
    joints[:, JOINTS.index("head"), 2] += 0.05 * swing
    joints[:, JOINTS.index("r_ankle"), 2] -= 0.2 * (1.0 + swing)
    joints = joints @ rotation([0.0, 1.0, 0.0], heading).T
    values = {"joints": joints, "clip_frames": np.array([frames] * 3), "fps": np.array(30.0),
              "subject": np.array(["A", "A", "B"]), "joint_names": np.array(JOINTS)}  # fmt: skip
    np.savez(path, **values | changes)
    return path
