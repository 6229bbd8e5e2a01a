"""Simulated people in simulated cars, seen by simulated cameras."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.data.projection import CameraRange, project
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a file of simulated people says about its clips; stored as JSON in its header.

    The tensor ``joints [N, 33, 3]`` holds metres in the vehicle frame: x left, y back, z up. Files
    that were made with cameras have three more: ``causes [N, C, 33]``, why each of the C cameras
    of a clip sees a joint or not, ``posture [N]``, and ``dash [N]``, metres from the nose to the
    dash. The first two are numbers of the names below.

    Attributes:
        fps: Frames per second.
        people: Who is seen, a name a clip.
        lengths: Frames of each clip, which stand one behind the other.
        seats: ``driver``, ``passenger``, ``rear_left`` or ``rear_right``, a clip.
        acts: What is done in each clip.
        shapes: Person to shape of the body, as Anny counts.
        seed: Of the simulation.
        occupants: Class of the person, a clip, see `kpcomplete.cabin.anthropometry`.
        themes: What is done often, a clip.
        rides: Number of the ride, a clip: both who ride together have the same cameras and times.
        cars: Name of the car, a clip.
        cameras: As `kpcomplete.camera.Camera.as_dict`, C a clip.
        causes: Names of what the numbers in the tensor ``causes`` mean.
        motions: Where the motion is from, a clip: ``reach`` is drawn at random, arms of
            ``ue_adl_X`` and whole bodies of ``cmu_X`` are those of a real person; split by it as
            well as by person.
        postures: Names of what the numbers in the tensor ``posture`` mean.
        edition: Of the simulation, see `kpcomplete.cabin.edition`: the same seed of another one
            gives other data of the same bodies.
    """

    KEY: ClassVar[str] = "kpcomplete"

    fps: float
    people: Sequence[str]
    lengths: Sequence[int]
    seats: Sequence[str]
    acts: Sequence[Sequence[str]] = field(default_factory=list)
    shapes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seed: int = 0
    occupants: Sequence[str] = field(default_factory=list)
    themes: Sequence[str] = field(default_factory=list)
    rides: Sequence[int] = field(default_factory=list)
    cars: Sequence[str] = field(default_factory=list)
    cameras: Sequence[Sequence[Mapping[str, Any]]] = field(default_factory=list)
    causes: Sequence[str] = field(default_factory=list)
    postures: Sequence[str] = field(default_factory=list)
    motions: Sequence[str] = field(default_factory=list)
    edition: int = 1


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """People of ``kpcomplete simulate``, projected by cameras that stand still during a clip.

    All joints are known wherever they are: what hides them is up to the corruption.

    Args:
        file: Written by ``kpcomplete simulate``.
        cameras: Kinds of camera, relative to the person as it sits, facing ahead.
        draws: How many cameras of each kind see each clip.
        nearest: Metres that all joints are before a camera, or it moves back; feet beside or
            behind it would be nowhere in its image.
        offset: Metres, standard deviation in each direction, by which a detector's idea of a joint
            differs from that of the simulation; drawn for each camera, clip and joint, so that
            nobody relies on millimetres.
        motions: Take only clips that have their motion from these, see `Contents.motions`;
            None: all.
        seed: Same seed, same cameras.

    Raises:
        SettingError: If there is no camera.
    """

    file: str
    cameras: Sequence[CameraRange]
    draws: int = 1
    nearest: float = 0.3
    offset: float = 0.0
    motions: Sequence[str] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.cameras or self.draws < 1:
            raise SettingError(
                f"simulated people need at least one camera and one draw of it, but got "
                f"{len(self.cameras)} cameras and {self.draws} draws"
            )

    def load(self) -> PoseSet:
        """Return every clip as each kind of camera sees it.

        Raises:
            SourceError: If the file was not written by ``kpcomplete simulate``, or has no motion of
                the wanted kinds.
        """
        points, contents = self._chosen(*self.read())
        lengths = torch.tensor(contents.lengths, dtype=torch.int64)
        clip = torch.arange(len(lengths)).repeat_interleave(lengths)
        left, right = Skeleton.load(CANONICAL).indices(["left_shoulder", "right_shoulder"])
        middles = torch.split(points[:, [left, right]].mean(dim=1), list(contents.lengths))
        centres = torch.stack([middle.mean(dim=0) for middle in middles])
        ahead = torch.eye(3).expand(len(lengths), 3, 3)
        generator = torch.Generator().manual_seed(self.seed)
        sets = []
        for camera in self.cameras:
            for _ in range(self.draws):
                shift = self.offset * torch.randn(len(lengths), 33, 3, generator=generator)
                seen = points + shift[clip]
                pixels = project(seen, clip, centres, ahead, camera, generator, self.nearest)
                sets.append(
                    PoseSet.from_clips(
                        torch.split(pixels, list(contents.lengths)),
                        people=contents.people,
                        views=[camera.name] * len(lengths),
                        fps=contents.fps,
                    )
                )
        return PoseSet.concatenate(sets)

    def _chosen(self, points: Tensor, contents: Contents) -> tuple[Tensor, Contents]:
        """Return the clips of the wanted `motions`, and who they are."""
        if self.motions is None:
            return points, contents
        motions = contents.motions or ["reach"] * len(contents.people)
        mine = [i for i, motion in enumerate(motions) if motion in self.motions]
        if not mine:
            raise SourceError(
                f"{self.file} should have motion from {sorted(self.motions)}, but has only that "
                f"from {sorted(set(motions))}"
            )
        parts = torch.split(points, list(contents.lengths))
        chosen = replace(
            contents,
            people=[contents.people[i] for i in mine],
            lengths=[contents.lengths[i] for i in mine],
            seats=[contents.seats[i] for i in mine],
        )
        return torch.cat([parts[i] for i in mine]), chosen

    def read(self) -> tuple[Tensor, Contents]:
        """Return ``[N, 33, 3]`` metres, x left, y up, z ahead, and what they are.

        Raises:
            SourceError: If the file was not written by ``kpcomplete simulate``.
        """
        tensors, contents = read_tensors(self.file)
        joints = tensors["joints"].float()
        shape = (sum(contents.lengths), len(Skeleton.load(CANONICAL)), 3)
        names = {len(contents.people), len(contents.seats), len(contents.lengths)}
        if tuple(joints.shape) != shape or len(names) != 1 or not joints.isfinite().all():
            raise SourceError(
                f"{self.file} should hold finite joints of shape {shape} and as many people and "
                f"seats as clips, but has {tuple(joints.shape)} and {sorted(names)}"
            )
        return torch.stack([joints[..., 0], joints[..., 2], -joints[..., 1]], dim=-1), contents


def read_tensors(file: str | Path) -> tuple[dict[str, Tensor], Contents]:
    """Return all that a file of ``kpcomplete simulate`` holds, as it is stored.

    Raises:
        SourceError: If the file was not written by ``kpcomplete simulate``.
    """
    try:
        with safe_open(Path(file), framework="pt", device="cpu") as stored:
            contents = Contents(**json.loads((stored.metadata() or {})[Contents.KEY]))
            names = {"joints", *stored.keys()}
            return {name: stored.get_tensor(name) for name in sorted(names)}, contents
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{file} should be a file of `kpcomplete simulate`, but is not: {error!r}"
        ) from error
