"""A real person seen by four calibrated cameras: each view is lifted, and held to all four."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kpcomplete.calibration import read
from kpcomplete.camera import Camera
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.lens import fitted
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import sequence
from kpcomplete.source.video import Video

Array = npt.NDArray[Any]
_SURE = 0.7  # confidence from which a detection counts for the reference
_OFF = 30.0  # pixels by which a view of a joint may be off the others for the reference to count


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What one camera shows of the only person in sight.

    Attributes:
        poses: As detected.
        camera: With its place in the room.
    """

    poses: PoseSequence
    camera: Camera


def views(folder: str | Path) -> dict[str, View]:
    """Return the views of a folder of Pose2Sim: ``videos/NAME.mp4``, ``calibration/*``."""
    folder = Path(folder)
    cameras = read(next(iter(sorted((folder / "calibration").iterdir()))))
    out = {}
    for video in sorted((folder / "videos").glob("*.mp4")):
        source = Video(path=video)
        frames = list(MediaPipe(num_people=1)(source, source.info))
        poses = sequence(frames, "person0", source.info)
        out[video.stem] = View(
            poses=poses, camera=fitted(cameras[video.stem], source.info.image_size)
        )
    return out


def triangulated(seen: Mapping[str, View]) -> Array:
    """Return ``[T, 33, 3]`` metres in the room, NaN where fewer than three views agree."""
    frames = min(len(view.poses) for view in seen.values())
    rays, centers, weights = [], [], []
    for view in seen.values():
        turn, shift = np.asarray(view.camera.turn), np.asarray(view.camera.shift)
        points = view.poses.keypoints[:frames]
        rays.append(view.camera.rays(points) @ turn)
        centers.append(-turn.T @ shift)
        weights.append((view.poses.confidence[:frames] > _SURE) & np.isfinite(points).all(axis=-1))
    found = _meet(np.stack(rays), np.stack(centers), np.stack(weights))
    off = []
    for view, weight in zip(seen.values(), weights, strict=True):
        image = view.camera.project(view.camera.to_camera(found))
        off.append(
            np.where(weight, np.linalg.norm(image - view.poses.keypoints[:frames], axis=-1), np.nan)
        )
    agree = np.stack(weights) & (np.nan_to_num(np.stack(off), nan=np.inf) < _OFF)
    found = _meet(np.stack(rays), np.stack(centers), agree)
    return np.where((agree.sum(axis=0) >= 3)[..., None], found, np.nan)


def _meet(rays: Array, centers: Array, weights: Array) -> Array:
    """Return the points nearest to rays ``[V, T, J, 3]``, least squares."""
    rays = np.nan_to_num(rays)
    across = np.eye(3) - rays[..., :, None] * rays[..., None, :]
    across = across * weights[..., None, None]
    matrix = across.sum(axis=0) + 1e-9 * np.eye(3)
    right = np.einsum("vtjab,vb->tja", across, centers)
    found: Array = np.linalg.solve(matrix, right[..., None])[..., 0]
    return found
