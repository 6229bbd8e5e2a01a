"""Real 3D motion, seen by simulated cameras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.data.projection import CameraRange, body_axes, project
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

#: No joint moves faster against the pelvis, metres a second: a clip is in pieces where one does.
#: CMU's clips of unknown people begin with a frame of somebody who stands with both arms spread.
JUMP = 15.0
_FIELDS = ("joints", "root", "clip_frames", "subject", "joint_names", "fps")


@dataclass(frozen=True, kw_only=True)
class Mocap:
    """Optical motion capture, projected by cameras that stand still during a clip.

    A joint is taken over only where it is the same point as the canonical one, within about 3 cm;
    all others stay NaN, the head included where it was not recorded. Where joints jump, a new clip
    begins.

    Args:
        file: ``.npz`` with ``joints [N, J, 3]`` in metres relative to joint 0, Y up, ``root
            [N, 3]``, ``clip_frames``, ``subject`` a clip, ``joint_names`` and ``fps``.
        joints: Canonical joint to the file's joint, or to several whose mean it is.
        cameras: Kinds of camera.
        draws: How many cameras of each kind see each clip.
        seed: Same seed, same cameras.

    Raises:
        SettingError: If there is no camera, or a canonical joint is unknown.
    """

    file: str
    joints: Mapping[str, Sequence[str]]
    cameras: Sequence[CameraRange]
    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        Skeleton.load(CANONICAL).indices(self.joints)
        needed = {"left_shoulder", "right_shoulder"}
        if not self.cameras or self.draws < 1 or not needed <= set(self.joints):
            raise SettingError(
                f"motion capture needs a camera, one draw of it and both shoulders, but got "
                f"{len(self.cameras)} cameras, {self.draws} draws and the joints "
                f"{sorted(self.joints)}"
            )

    def load(self) -> PoseSet:
        """Return every clip as each kind of camera sees it.

        Raises:
            SourceError: If the file is not of the form above.
        """
        return PoseSet.concatenate(self.views())

    def views(self) -> list[PoseSet]:
        """Return one set a camera."""
        points, lengths, people, fps = self.read()
        skeleton = Skeleton.load(CANONICAL)
        clip = torch.arange(len(lengths)).repeat_interleave(lengths)
        left, right = (
            _means(points[:, skeleton.index(f"{side}_shoulder")], clip, len(lengths))
            for side in ("left", "right")
        )
        generator = torch.Generator().manual_seed(self.seed)
        sets = []
        for camera in (c for c in self.cameras for _ in range(self.draws)):
            pixels = project(
                points, clip, (left + right) / 2, body_axes(left, right), camera, generator
            )
            sets.append(
                PoseSet.from_clips(
                    torch.split(pixels, lengths.tolist()),
                    people=people,
                    views=[camera.name] * len(people),
                    fps=fps,
                )
            )
        return sets

    def read(self) -> tuple[Tensor, Tensor, tuple[str, ...], float]:
        """Return ``[N, 33, 3]`` metres, clip lengths ``[C]``, people, and frames per second."""
        try:
            with np.load(self.file, allow_pickle=False) as data:
                values = {name: data[name] for name in _FIELDS}
        except (OSError, KeyError, BadZipFile, ValueError) as error:
            raise SourceError(
                f"{self.file} should be an .npz with {', '.join(_FIELDS)}: {error}"
            ) from error
        names = values["joint_names"].tolist()
        skeleton = Skeleton.load(CANONICAL)
        world = values["joints"].astype(np.float32) + values["root"][:, None]
        points = np.full((len(world), len(skeleton), 3), np.nan, dtype=np.float32)
        for joint, parts in self.joints.items():
            unknown = sorted(set(parts) - set(names))
            if unknown:
                raise SourceError(f"{self.file} has no joint {unknown[0]!r}; it has {names}")
            places = [names.index(part) for part in parts]
            points[:, skeleton.index(joint)] = world[:, places].mean(axis=1)
        lengths = torch.from_numpy(values["clip_frames"].astype(np.int64))
        if int(lengths.sum()) != len(points) or len(values["subject"]) != len(lengths):
            raise SourceError(
                f"{self.file} should have clips that fill {len(points)} frames and a subject "
                f"each, but has {int(lengths.sum())} frames in {len(lengths)} clips and "
                f"{len(values['subject'])} subjects"
            )
        fps = float(values["fps"])
        pieces = _pieces(values["joints"].astype(np.float32), lengths.numpy(), fps)
        people = np.repeat(values["subject"], [len(parts) for parts in pieces])
        cut = torch.tensor([length for parts in pieces for length in parts])
        return torch.from_numpy(points), cut, tuple(people.tolist()), fps


def _pieces(joints: Array, lengths: Array, fps: float) -> list[list[int]]:
    """Return the lengths of each clip's parts between jumps.

    Args:
        joints: ``[N, J, 3]`` metres from a joint of the body.
        lengths: ``[C]`` frames of the clips.
        fps: Frames a second.
    """
    ends = np.cumsum(lengths)
    speed = np.zeros(len(joints))
    speed[1:] = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * fps
    found = []
    for end, length in zip(ends, lengths, strict=True):
        jumps = np.flatnonzero(speed[end - length + 1 : end] > JUMP) + 1
        found.append(np.diff([0, *jumps, length]).tolist())
    return found


def _means(values: Tensor, clip: Tensor, count: int) -> Tensor:
    """Return the mean of each clip's frames, ``[C, 3]``."""
    total = values.new_zeros(count, values.shape[-1]).index_add(0, clip, values)
    size: Tensor = torch.bincount(clip, minlength=count).clamp_min(1)
    return total / size[:, None]
