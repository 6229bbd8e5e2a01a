"""OpenPose's folder of JSON files, one a frame."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kpcomplete.exporter._naming import printable
from kpcomplete.output import whole
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.recording import Recording
from kpcomplete.skeleton import Skeleton

_NAMES = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d",
          "pose_keypoints_3d", "face_keypoints_3d", "hand_left_keypoints_3d",
          "hand_right_keypoints_3d")  # fmt: skip
_OTHERS: dict[str, list[float]] = {name: [] for name in _NAMES}


@dataclass(kw_only=True)
class OpenPose:
    """Writes ``<stem>_<frame, 12 digits>_keypoints.json`` into a new folder.

    A joint is x, y in pixels and its confidence; 0, 0, 0 if it is missing. ``person_id`` is the
    seat's number from 0; a person without any joint in a frame is left out there.

    Args:
        skeleton: Name of the skeleton to write; OpenPose itself knows ``body25`` and
            ``openpose18``. None keeps the recording's.
        completed: Include what was filled in.
    """

    skeleton: str | None = "body25"
    completed: bool = True
    ending: ClassVar[str] = "_openpose"

    def __call__(self, recording: Recording, path: str | os.PathLike[str], /) -> tuple[Path, ...]:
        if self.skeleton is not None:
            recording = recording.to(Skeleton.load(self.skeleton))
        stem = printable(Path(recording.name).stem)
        people = [_flat(p) for p in recording.poses(completed=self.completed).values()]
        names = [f"{stem}_{frame:012d}_keypoints.json" for frame in recording.frames]
        with whole(path, folder=True) as folder:
            for i, name in enumerate(names):
                found = [
                    {"person_id": [seat], "pose_keypoints_2d": flat[i].tolist(), **_OTHERS}
                    for seat, flat in enumerate(people)
                    if flat[i].any()
                ]
                text = json.dumps({"version": 1.3, "people": found}, allow_nan=False)
                (folder / name).write_text(text, encoding="utf-8")
        return tuple(Path(path) / name for name in names)


def _flat(poses: PoseSequence) -> Array:
    """Return ``[T, 3J]``: x, y, confidence of each joint; 0 where missing."""
    xyc = np.concatenate([poses.keypoints, poses.confidence[..., None]], axis=-1)
    # a joint at hand never reads as a missing one, however unsure
    xyc[..., 2] = np.where(poses.is_missing, 0, np.maximum(xyc[..., 2], 1e-3))
    rounded: Array = np.round(np.nan_to_num(xyc).astype(np.float64), 4)
    return rounded.reshape(len(poses), 3 * len(poses.skeleton))
