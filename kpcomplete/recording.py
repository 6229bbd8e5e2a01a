"""A whole recording in memory, with all that was found in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton, convert


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """All that an archive holds, of T frames.

    Attributes:
        name: Where the frames came from.
        fps: Nominal frames per second.
        image_size: Width, height in pixels.
        skeleton: Names and order of the J joints.
        frames: ``[T]`` numbers of the frames in their source, rising.
        times: ``[T]`` seconds since the start of the recording.
        raw: Seat to what the detector saw, over all T frames.
        completed: Seat to the same with missing joints filled in; ``covariance`` is None where
            the completer gave none.
        joints3d: Seat to ``[T, J, 3]`` metres, NaN where unknown; without seats that have none.
        std3d: Seat to ``[T, J]`` metres, see `kpcomplete.result.Person`; likewise.
        camera: In whose frame they are, see `Camera.as_dict`; None where there are none.
        classes: Seat to task to class probabilities ``[T, C]``, NaN where unknown.
        decisions: Seat to task to numbers of classes ``[T]`` that do not flicker, -1 where nothing
            is decided; without those that never are.
        tasks: Task to names of its classes.
        decided_after: Seconds by which decisions are later than a sudden, certain change; or None.
        carried: Seat to ``[T, J]`` what each joint carries of the decision, see
            `kpcomplete.result.Person`; without seats where nothing is explained.
        explained: Task whose decisions those are; or None.
        provenance: ``config`` (resolved), ``versions`` of packages, ``weights`` (name: SHA-256).
    """

    name: str
    fps: float
    image_size: tuple[int, int]
    skeleton: Skeleton
    frames: Array
    times: Array
    raw: Mapping[str, PoseSequence] = field(default_factory=dict)
    completed: Mapping[str, PoseSequence] = field(default_factory=dict)
    joints3d: Mapping[str, Array] = field(default_factory=dict)
    std3d: Mapping[str, Array] = field(default_factory=dict)
    camera: Mapping[str, Any] | None = None
    classes: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    decisions: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    tasks: Mapping[str, list[str]] = field(default_factory=dict)
    decided_after: float | None = None
    carried: Mapping[str, Array] = field(default_factory=dict)
    explained: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def poses(self, *, completed: bool = True) -> Mapping[str, PoseSequence]:
        """Return what was completed, or only what the detector saw."""
        return self.completed if completed else self.raw

    def in_car(self) -> Mapping[str, Array]:
        """Return ``joints3d`` in the car's frame, as the calibration of the camera has it.

        Raises:
            SettingError: If the calibration did not say where the camera is.
        """
        if self.camera is None:
            return {}
        camera = self.eye()
        return {seat: camera.to_world(points) for seat, points in self.joints3d.items()}

    def eye(self) -> Camera:
        """Return the camera.

        Raises:
            SettingError: If it is not known, as where nobody was lifted to 3D.
        """
        if self.camera is None:
            raise SettingError(
                f"{self.name} must know its camera, but does not: process it with a lifter"
            )
        return Camera.from_dict(self.camera)

    def to(self, skeleton: Skeleton) -> "Recording":
        """Return the recording in another skeleton, by joint name."""
        return replace(
            self,
            skeleton=skeleton,
            raw={seat: poses.to(skeleton) for seat, poses in self.raw.items()},
            completed={seat: poses.to(skeleton) for seat, poses in self.completed.items()},
            joints3d={s: convert(p, self.skeleton, skeleton) for s, p in self.joints3d.items()},
            std3d={
                s: convert(p[..., None], self.skeleton, skeleton)[..., 0]
                for s, p in self.std3d.items()
            },
            carried={
                s: convert(p[..., None], self.skeleton, skeleton)[..., 0]
                for s, p in self.carried.items()
            },
        )


def sequence(frames: Sequence[Frame], seat: str, info: StreamInfo) -> PoseSequence:
    """Return one person of some frames as a sequence; frames without it are MISSING."""
    skeleton = Skeleton.load(CANONICAL)
    if len(frames) == 1 and seat in frames[0].people:  # as it is live
        found = frames[0].people[seat]
        return PoseSequence.observed(
            found.keypoints[None], found.confidence[None], skeleton=skeleton, fps=info.fps,
            image_size=info.image_size, person=seat, times=np.array([frames[0].time]),
        )  # fmt: skip
    keypoints = np.empty((len(frames), len(skeleton), 2), dtype=np.float32)
    keypoints.fill(np.nan)
    confidence = np.zeros((len(frames), len(skeleton)), dtype=np.float32)
    for i, frame in enumerate(frames):
        if seat in frame.people:
            keypoints[i] = frame.people[seat].keypoints
            confidence[i] = frame.people[seat].confidence
    return PoseSequence.observed(
        keypoints,
        confidence,
        skeleton=skeleton,
        fps=info.fps,
        image_size=info.image_size,
        person=seat,
        times=np.array([frame.time for frame in frames]),
    )


def provenance(
    *, config: Mapping[str, Any] | None = None, weights: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what written files tell about how they were made.

    Args:
        config: The resolved configuration.
        weights: Name to SHA-256 of the models that were used.
    """
    packages = ("kpcomplete", "mediapipe", "torch")
    return {
        "config": dict(config or {}),
        "weights": dict(weights or {}),
        "versions": {package: _version(package) for package in packages},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
