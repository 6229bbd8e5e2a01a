"""One simulated child, written as `kpcomplete simulate` does, and a detector that errs by cause."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from kpcomplete.cabin.cameras import mirror

CAUSES = ("visible", "self", "object", "outside")
FRAMES = 40


class Detector:
    """Is off by as much as what hides a joint has a number, and unsure of what is outside."""

    causes = ("visible", "self", "vehicle", "other", "outside")

    def __init__(self, views=("mirror passenger",), fps=30):
        self.views, self.apart = views, 1 / fps
        self.told = []

    def reseed(self, step):
        self.step = step

    def draw(self, cause, times, view=None):
        self.told += view.tolist()
        assert times[0, 1] - times[0, 0] == pytest.approx(self.apart)
        offset = torch.stack([cause.double(), torch.zeros(cause.shape).double()], dim=-1)
        return offset, torch.where(cause == 4, 0.1, 0.9)


def child_file(folder):
    """Write one child who is seen twice, faces the camera, and leans forward from frame 20 on."""
    body = np.zeros((FRAMES, 33, 3), np.float16)
    body[:, 0] = (0, 0, 0.9)
    body[:, 11], body[:, 12] = (0.1, 0, 0.75), (-0.1, 0, 0.75)
    causes = np.zeros((FRAMES, 2, 33), np.uint8)
    causes[:, :, 13], causes[:, :, 14], causes[:, :, 15] = 1, 2, 3
    posture = np.repeat(np.array([0, 1], np.uint8), FRAMES // 2)
    posture[-1] = 2
    about = {
        "fps": 30.0, "people": ["sim_0"], "lengths": [FRAMES], "seats": ["passenger"],
        "acts": [[]], "shapes": {}, "seed": 0, "occupants": ["child"], "themes": [""],
        "rides": [0], "cars": ["car"], "cameras": [[mirror().as_dict()] * 2],
        "causes": CAUSES, "postures": ["in_position", "leaning_forward", "getting_in"],
    }  # fmt: skip
    path = folder / "crowd.safetensors"
    arrays = {"joints": body, "causes": causes, "posture": posture,
              "dash": np.zeros(FRAMES, np.float16)}  # fmt: skip
    save_file(arrays, path, {"kpcomplete": json.dumps(about)})
    return str(path)
