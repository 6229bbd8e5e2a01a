"""Recordings of one's own as training material, and what of them is kept back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.gate import Gate
from kpcomplete.gate.belief import believed
from kpcomplete.pose import PoseSequence
from kpcomplete.source.poses import Poses

_FPS = 30.0  # frame rate of what the shipped networks learned from
_ENOUGH = 2  # joints that make somebody present


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """A stretch of a recording, evenly spaced; one camera, and the same people all along.

    Attributes:
        name: Of the recording.
        fps: Frames per second.
        seats: Seat to ``[T, 33, 2]`` pixels, NaN where nothing was detected that can be trusted;
            nobody of whom nothing was.
    """

    name: str
    fps: float
    seats: Mapping[str, Tensor]

    @classmethod
    def of(cls, poses: Poses, min_confidence: float, gate: Gate | None = None) -> "Strip":
        """Return what can be trusted of a recording.

        Frames come as evenly as 30 per second or a little more or less allow: of faster recordings
        every second (third, ...) one is kept, and what a slow camera left out is missing.

        Args:
            poses: As they were detected.
            min_confidence: Joints of which the detector is less sure count as not detected.
            gate: Nor do those count that it distrusts.
        """
        fps = poses.info.fps / max(1, round(poses.info.fps / _FPS))
        seats = {}
        for seat, pose in poses.people.items():
            sure = believed(pose, min_confidence, gate)
            if sure.is_observed.any():
                seats[seat] = _even(sure, fps)
        return cls(name=poses.info.name, fps=fps, seats=seats)

    @property
    def label(self) -> str:
        """The recording's name without most of its path."""
        return "/".join(Path(self.name).parts[-2:])

    def __len__(self) -> int:
        """Frames."""
        return max((len(points) for points in self.seats.values()), default=0)

    @property
    def present(self) -> int:
        """Frames in which people are there, added up over people."""
        return sum(int(_present(points).sum()) for points in self.seats.values())

    def cut(self, first: int, last: int) -> "Strip":
        """Return some of its frames."""
        return replace(self, seats={s: points[first:last] for s, points in self.seats.items()})

    def poses(self, absence: float) -> PoseSet:
        """Return everybody as clips in which they are never away for longer than ``absence`` s.

        People are called ``<folder>/<file>:<seat>``.
        """
        clips, people = [], []
        for seat, points in self.seats.items():
            there = _present(points).nonzero()[:, 0]
            runs = (there.diff() > absence * self.fps).nonzero()[:, 0] + 1
            for run in torch.tensor_split(there, runs) if len(there) else ():
                clips.append(points[int(run[0]) : int(run[-1]) + 1])
                people.append(f"{self.label}:{seat}")
        cameras = [f"{self.name}:{person}" for person in people]
        return PoseSet.from_clips(
            clips, people=people, views=["own"] * len(clips), cameras=cameras, fps=self.fps
        )


def _present(points: Tensor) -> Tensor:
    return points.isfinite().all(dim=-1).sum(dim=-1) >= _ENOUGH


def _even(pose: PoseSequence, fps: float) -> Tensor:
    """Return ``[T, 33, 2]``: for each moment the frame nearest to it, if there is one."""
    moment = (pose.times - pose.times[0]) * fps
    slot = np.ceil(moment - 0.501).astype(np.int64)  # halves go down, all of them
    order = np.argsort(-np.abs(moment - slot), kind="stable")  # the nearest is written last
    points = np.full((slot.max() + 1, *pose.keypoints.shape[1:]), np.nan, dtype=np.float32)
    points[slot[order]] = pose.keypoints[order]
    return torch.from_numpy(points)


class Kept(NamedTuple):
    """Recordings in three parts that share no frame."""

    train: list[Strip]
    choose: list[Strip]
    judge: list[Strip]


def keep_back(strips: Sequence[Strip], *, share: float, margin: int, seed: int = 0) -> Kept:
    """Keep half of a share back to choose by, and the other half to judge by.

    Each half is whole recordings, drawn at random, if some make up between one and two times as
    much as is wanted and others are left; else it is the end of every recording.

    Args:
        strips: One a recording.
        share: Of the frames, 0..1.
        margin: Frames that are lost where a recording is cut, so that both sides differ.
        seed: Of the draw.
    """
    wanted = share / 2 * sum(strip.present for strip in strips)
    generator = torch.Generator().manual_seed(seed)
    rest, parts = list(strips), []
    for _ in range(2):
        taken = _some(rest, wanted, generator)
        if taken:
            parts.append([rest[i] for i in taken])
            rest = [strip for i, strip in enumerate(rest) if i not in taken]
        else:
            part = wanted / max(sum(strip.present for strip in rest), 1)
            ends = [len(strip) - round(part * len(strip)) for strip in rest]
            parts.append([s.cut(end, len(s)) for s, end in zip(rest, ends, strict=True)])
            rest = [s.cut(0, max(end - margin, 0)) for s, end in zip(rest, ends, strict=True)]
    return Kept(train=rest, choose=parts[1], judge=parts[0])


def _some(strips: Sequence[Strip], wanted: float, generator: torch.Generator) -> list[int]:
    taken: list[int] = []
    total = 0
    for i in torch.randperm(len(strips), generator=generator).tolist():
        if total < wanted and total + strips[i].present <= 2 * wanted:
            taken.append(i)
            total += strips[i].present
    return taken if total >= wanted and len(taken) < len(strips) else []


def pool(strips: Sequence[Strip], *, length: int, absence: float) -> dict[str, PoseSet]:
    """Return the people of recordings, one set a frame rate; sets without a window are left out.

    Args:
        strips: Of any recordings.
        length: Frames of a window.
        absence: Seconds, see `Strip.poses`.
    """
    sets: dict[float, list[PoseSet]] = {}
    for strip in strips:
        rate = round(strip.fps, 2)
        sets.setdefault(rate, []).append(replace(strip.poses(absence), fps=rate))
    pooled = {f"{rate:g} fps": PoseSet.concatenate(some) for rate, some in sets.items()}
    return {name: poses for name, poses in pooled.items() if len(poses.starts(length, 1))}
