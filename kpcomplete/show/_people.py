"""The people of a recording in the car's frame: what was seen, what was completed, the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kpcomplete import sample
from kpcomplete.archive import Recording, read_archive
from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.head import UNKNOWN
from kpcomplete.pose import Array
from kpcomplete.scene.placing import place
from kpcomplete.skeleton import Skeleton, convert


@dataclass(frozen=True, kw_only=True, eq=False)
class Cast:
    """Who is in a recording.

    Attributes:
        recording: With 3D joints.
        camera: With its place in the car.
        completed: Seat to joints ``[T, J, 3]`` metres in the world, NaN where unknown.
        raw: The same where the detector saw them: at the depth that they were lifted to.
        truth: The same where they really are; seats may be absent.
    """

    recording: Recording
    camera: Camera
    completed: Mapping[str, Array]
    raw: Mapping[str, Array]
    truth: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls, path: str | Path, *, mount: str | None = "auto", truth: str | None = None
    ) -> "Cast":
        """Return the cast of a result of ``kpcomplete process``.

        Args:
            path: The Parquet file.
            mount: Where the camera is, see `kpcomplete.scene.placing.place`.
            truth: Drawn clip's truth, or a recording with 3D joints of the same seats; ``sample``
                is that of the bundled clip. None: ``<stem>.truth.parquet`` beside the result or
                beside the video, if there is one.

        Raises:
            SourceError: If the recording has no 3D joints, or a file cannot be read.
            SettingError: If the truth is of other seats.
        """
        recording = read_archive(path)
        if not recording.joints3d or recording.camera is None:
            raise SourceError(
                f"{path} has no 3D joints to look at; make them with: kpcomplete process "
                f"source={recording.name} lifter=temporal"
            )
        flat = Camera.from_dict(recording.camera)
        camera = place(flat, recording.joints3d, recording.skeleton, mount)
        true = _truth(recording, Path(path), truth)
        return cls(
            recording=recording,
            camera=camera,
            completed={s: camera.to_world(p) for s, p in recording.joints3d.items()},
            raw={s: camera.to_world(_sighted(recording, flat, s)) for s in recording.joints3d},
            truth={s: camera.to_world(p) for s, p in true.items()},
        )

    @property
    def seats(self) -> tuple[str, ...]:
        """Names of those who have 3D joints."""
        return tuple(self.completed)

    def said(self, seat: str, moment: int) -> str:
        """Return what was decided of somebody, in words; nothing if nothing was.

        Where decisions of one task are explained, it is the only one that counts.
        """
        names, explained = self.recording.tasks, self.recording.explained
        found = [
            names[task][numbers[moment]]
            for task, numbers in self.recording.decisions.get(seat, {}).items()
            if numbers[moment] >= 0 and explained in (None, task)
        ]
        return ", ".join(name.replace("_", " ") for name in found if name != UNKNOWN)

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def middle(self) -> Array:
        """``[3]`` metres in the midst of everybody."""
        every = np.concatenate([p.reshape(-1, 3) for p in self.completed.values()])
        middle: Array = np.nanmedian(every, axis=0)
        return middle


def _sighted(recording: Recording, camera: Camera, seat: str) -> Array:
    """Return ``[T, J, 3]``: what the detector saw, at the depth of the joints in 3D."""
    depth = recording.joints3d[seat][..., 2:]
    rays = camera.rays(recording.raw[seat].keypoints)
    found: Array = rays / rays[..., 2:] * depth
    return found


def _truth(recording: Recording, path: Path, truth: str | None) -> Mapping[str, Array]:
    """Return seat to true joints ``[T, J, 3]`` metres in the camera's frame."""
    if truth is None:
        stems = (path, Path(recording.name))
        beside = [stem.with_suffix(".truth.parquet") for stem in stems]
        truth = next((str(file) for file in beside if file.is_file()), None)
        if truth is None:
            return {}
    if truth == "sample" or truth.endswith(".truth.parquet"):
        drawn = sample.read_truth(sample.TRUTH if truth == "sample" else truth)
        found = {seat: one.joints3d for seat, one in drawn.items()}
        skeleton = Skeleton.load("blazepose33")
    else:
        other = read_archive(truth)
        found, skeleton = dict(other.joints3d), other.skeleton
    matched = _matched(found, recording, skeleton)
    if not matched:
        raise SettingError(
            f"{truth} must tell the 3D truth of {', '.join(recording.joints3d)}, but speaks of "
            f"{', '.join(found) or 'nobody'}"
        )
    return matched


def _matched(
    found: Mapping[str, Array], recording: Recording, skeleton: Skeleton
) -> dict[str, Array]:
    """Return the truth of each seat, by its name, or else of who is where it is in the image."""
    out = {}
    for seat, points in recording.joints3d.items():
        name = seat if seat in found else _nearest(points, found)
        if name is None:
            continue
        values = convert(found[name], skeleton, recording.skeleton)
        whole = np.full_like(points, np.nan)
        known = recording.frames < len(values)
        whole[known] = values[recording.frames[known]]
        out[seat] = whole
    return out


def _nearest(points: Array, found: Mapping[str, Array]) -> str | None:
    """Return who is in the direction of somebody; None if nobody is within 15 degrees."""

    def direction(joints: Array) -> Array:
        middle = np.nanmedian(joints.reshape(-1, 3), axis=0)
        unit: Array = middle / np.linalg.norm(middle)
        return unit

    angles = {n: float(direction(points) @ direction(other)) for n, other in found.items()}
    best = max(angles, key=lambda name: angles[name], default=None)
    return best if best is not None and angles[best] > np.cos(np.radians(15)) else None
