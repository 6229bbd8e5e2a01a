"""Recordings with 3D joints whose truth is known, small enough for tests of what is shown."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from kpcomplete import sample
from kpcomplete.cabin.cameras import mirror
from kpcomplete.camera import Camera
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.pose import PoseSequence
from kpcomplete.result import Person, Result
from kpcomplete.sink.archive import Archive
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")
INFO = StreamInfo(name="ride.mp4", fps=30.0, image_size=(640, 480))
HIDDEN = slice(23, 33)  # hips and legs are completed
MISSING = slice(29, 33)  # feet are not
TASKS = {"position": ("in_position", "leaning_forward", "unknown")}
CARRIES = 15  # the left wrist carries decisions


def camera(*, posed: bool = False) -> Camera:
    """The camera of the bundled clip; it knows where it is only if it is to."""
    real = mirror()
    found = Camera(width=640, height=480, fx=real.fx, fy=real.fy, cx=real.cx, cy=real.cy)
    if not posed:
        return found
    return replace(found, turn=real.turn, shift=-real.turn @ real.center, in_car=True)


def recorded(
    path: Path,
    *,
    length: int = 40,
    solid: bool = True,
    posed: bool = False,
    decided: bool = False,
    name: str = INFO.name,
) -> Path:
    """Write the driver and the child of the bundled clip as if they had been processed well."""
    people = {}
    for seat, true in sample.read_truth().items():
        points = true.keypoints[:length].copy()
        unseen = np.zeros(points.shape[:2], bool)
        unseen[:, HIDDEN] = True
        observed = PoseSequence.observed(
            np.where(unseen[..., None], np.nan, points), np.where(unseen, 0, 0.9),
            skeleton=SKELETON, fps=INFO.fps, image_size=INFO.image_size, person=seat,
        )  # fmt: skip
        state = np.where(unseen, 1, 2).astype(np.uint8)
        state[:, MISSING] = 0
        points[:, MISSING] = np.nan
        covariance = np.where(unseen[..., None, None], np.eye(2) * 9, np.nan)
        completed = replace(
            observed, keypoints=points.astype(np.float32), visibility=state,
            confidence=np.where(state == 2, 0.9, np.where(state == 1, 0.5, 0)).astype(np.float32),
            covariance=np.where((state == 1)[..., None, None], covariance, np.nan).astype("f4"),
        )  # fmt: skip
        std = np.where(unseen, 0.12, 0.02).astype(np.float32)
        people[seat] = Person(
            observed=observed, completed=completed,
            joints3d=true.joints3d[:length] if solid else None, std3d=std if solid else None,
        )  # fmt: skip
        if decided:
            likely = np.tile(np.array([0.1, 0.9, 0.0], np.float32), (length, 1))
            carried = np.zeros((length, 33), np.float32)
            carried[:, CARRIES] = 2.0
            people[seat] = replace(
                people[seat], classes={"position": likely}, carried=carried,
                decisions={"position": np.ones(length, np.int16)},
            )  # fmt: skip
    source = type("Source", (), {"info": replace(INFO, length=length, name=name)})()
    times = np.arange(length) / INFO.fps
    frames = tuple(Frame(index=i, time=float(times[i])) for i in range(length))
    with Archive(path=path, source=source) as archive:
        archive.write(
            Result(
                frames=frames, people=people, camera=camera(posed=posed),
                tasks=TASKS if decided else {}, explained="position" if decided else None,
                decided_after=0.7 if decided else None,
            )
        )  # fmt: skip
    return path
