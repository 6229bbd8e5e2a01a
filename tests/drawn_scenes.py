"""Made scenes of drawn drives, as files of `kpcomplete stage`."""

import numpy as np

from kpcomplete import staged
from kpcomplete.camera import Camera
from kpcomplete.staged import Scene

EYE = Camera(width=640, height=480, fx=500.0, fy=480.0, cx=300.0, cy=250.0,
             distortion=(-0.1, 0.0, 0.0, 0.0))  # fmt: skip


def scene(name="1_000_driver", frames=6, fps=15.0):
    rng = np.random.default_rng(len(name) + ord(name[0]))
    solid = rng.uniform([-0.3, -0.4, 0.9], [0.3, 0.4, 1.3], (frames, 33, 3)).astype(np.float32)
    return Scene(
        person=name, seat="driver", camera="dash", fps=fps, image_size=(640, 480),
        keypoints=EYE.project(solid).astype(np.float32), confidence=np.ones((frames, 33)),
        truth=EYE.project(solid).astype(np.float32), visible=np.ones((frames, 33), bool),
        cause=np.zeros((frames, 33), np.uint8), solid=solid,
        world=np.zeros((frames, 33, 3), np.float32), posture=np.zeros(frames, np.uint8),
        occupant="adult_50", eye=EYE.as_dict(),
    )  # fmt: skip


def file_of(tmp_path, *scenes):
    path = tmp_path / "staged.safetensors"
    staged.write(path, scenes)
    return str(path)
