"""Training material with classes: poses of known people, and what they do in each frame."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.data import PoseSet
from kpcomplete.data.labels import Label
from kpcomplete.errors import SettingError, ShapeError

NONE = -1
"""Class number of a frame that nobody labelled."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledBatch(PoseBatch):
    """Windows with the classes of their last frames.

    Attributes:
        targets: Task to class numbers ``[B]``, `NONE` where not known.
    """

    targets: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: PoseBatch, targets: Mapping[str, Tensor]) -> "LabelledBatch":
        """Add classes to windows."""
        values = {f.name: getattr(batch, f.name) for f in fields(PoseBatch)}
        return cls(**values, targets=targets)

    def to(self, device: torch.device | str) -> "LabelledBatch":
        targets = {task: values.to(device) for task, values in self.targets.items()}
        return LabelledBatch.of(super().to(device), targets)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledSet:
    """Poses, and the classes of their frames.

    Attributes:
        poses: The clips, in image widths instead of pixels.
        tasks: Name of a task to names of its classes.
        targets: Task to class numbers ``[N]`` of all frames, `NONE` where not known.
        frontal: Poses are as `kpcomplete.frontal` sees people, in widths of that picture.

    Raises:
        ShapeError: If a task has no targets, or not one a frame.
    """

    poses: PoseSet
    tasks: Mapping[str, Sequence[str]]
    targets: Mapping[str, Int[Tensor, " frame"]]
    frontal: bool = False

    def __post_init__(self) -> None:
        count = len(self.poses.keypoints)
        found = {task: len(values) for task, values in self.targets.items()}
        if found != dict.fromkeys(self.tasks, count):
            raise ShapeError(
                f"each task of {', '.join(self.tasks)} needs {count} classes, but got {found}"
            )

    @classmethod
    def from_labels(
        cls,
        poses: PoseSet,
        tasks: Mapping[str, Sequence[str]],
        labels: Sequence[Label],
        clips: Sequence[tuple[str, str]],
        *,
        frontal: bool = False,
    ) -> "LabelledSet":
        """Return the set that labels describe.

        Args:
            poses: A clip for each seat of each recording, in image widths.
            tasks: Name of a task to names of its classes.
            labels: As `read_labels` gives them.
            clips: File and seat of each clip.
            frontal: See `LabelledSet`.
        """
        place = {name: int(first) for name, (first, _) in zip(clips, poses.clips, strict=True)}
        count = len(poses.keypoints)
        targets = {task: torch.full((count,), NONE, dtype=torch.int64) for task in tasks}
        for label in labels:
            first = place[label.file, label.seat]
            number = list(tasks[label.task]).index(label.answer)
            targets[label.task][first + label.start : first + label.end] = number
        return cls(poses=poses, tasks=tasks, targets=targets, frontal=frontal)

    @classmethod
    def concatenate(cls, sets: "Sequence[LabelledSet]") -> "LabelledSet":
        """Return all clips of several sets.

        Raises:
            SettingError: If they have other tasks or classes, only some see people from ahead, or
                there is none.
        """
        plain = [{task: list(names) for task, names in one.tasks.items()} for one in sets]
        if not plain or any(tasks != plain[0] for tasks in plain):
            raise SettingError(f"sets must have the same tasks and classes, but have {plain}")
        if len({one.frontal for one in sets}) > 1:
            raise SettingError("sets must all see people from ahead, or none, but only some do")
        return cls(
            poses=PoseSet.concatenate([one.poses for one in sets]),
            tasks=sets[0].tasks,
            targets={
                task: torch.cat([one.targets[task] for one in sets]) for task in sets[0].tasks
            },
            frontal=sets[0].frontal,
        )

    def split(self, test_people: Collection[str]) -> tuple["LabelledSet", "LabelledSet"]:
        """Return the clips of all others, and those of these people."""
        self.poses.split(test_people)  # says who is unknown
        held = [i for i, person in enumerate(self.poses.people) if person in test_people]
        return self.select(set(range(len(self.poses))) - set(held)), self.select(held)

    def select(self, clips: Collection[int]) -> "LabelledSet":
        """Return some of the clips, by their places."""
        rows = sorted(clips)
        none = torch.zeros(0, dtype=torch.int64)
        frames = torch.cat(
            [none, *(torch.arange(a, a + n) for a, n in self.poses.clips[rows].tolist())]
        )
        targets = {task: values[frames] for task, values in self.targets.items()}
        return replace(self, poses=self.poses.select(rows), targets=targets)

    def windows(self, length: int, stride: int) -> LabelledBatch:
        """Return windows every ``stride`` frames, with the classes of their last frames."""
        starts = self.poses.starts(length, stride)
        return self.at(starts, length)

    def at(self, starts: Int[Tensor, " window"], length: int) -> LabelledBatch:
        """Return the windows that start at some frames."""
        frames = starts[:, None] + torch.arange(length)
        batch = PoseBatch.from_keypoints(self.poses.keypoints[frames], fps=self.poses.fps)
        last = frames[:, -1]
        return LabelledBatch.of(batch, {task: t[last] for task, t in self.targets.items()})


@runtime_checkable
class LabelledData(Protocol):
    """A data set with classes that can be loaded."""

    def load(self) -> LabelledSet:
        """Return its poses and classes."""
        ...


@dataclass(kw_only=True)
class LabelledSampler:
    """Draws windows; of those with a label, each class of a task as often as the others.

    Args:
        data: What is drawn from.
        length: Frames of a window.
        labelled: Share of the windows that have a label, 0..1; the others are drawn from all, and
            come without.

    Raises:
        SettingError: If no window has a label, or ``labelled`` is no share.
    """

    data: LabelledSet
    length: int
    labelled: float = 1.0
    _starts: Tensor = field(init=False, repr=False)
    _pools: list[Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.labelled <= 1:
            raise SettingError(f"labelled must be from 0 to 1, but is {self.labelled}")
        self._starts = self.data.poses.starts(self.length, 1)
        last = self._starts + self.length - 1
        self._pools = [
            self._starts[self.data.targets[task][last] == number]
            for task, classes in self.data.tasks.items()
            for number in range(len(classes))
        ]
        self._pools = [pool for pool in self._pools if len(pool)]
        if not self._pools:
            raise SettingError(f"no window of {self.length} frames ends in a labelled frame")

    def draw(self, size: int, generator: torch.Generator) -> LabelledBatch:
        """Return ``size`` windows in image widths; the generator is on the CPU."""
        count = round(size * self.labelled)
        kinds = torch.randint(len(self._pools), (count,), generator=generator)
        lots = torch.rand(count, generator=generator)
        starts = [
            self._pools[kind][int(lot * len(self._pools[kind]))]
            for kind, lot in zip(kinds.tolist(), lots.tolist(), strict=True)
        ] or [self._starts[:0]]
        free = torch.randint(len(self._starts), (size - count,), generator=generator)
        drawn = torch.hstack(starts)
        batch = self.data.at(torch.cat([drawn, self._starts[free]]), self.length)
        known = torch.arange(size) < count
        targets = {task: torch.where(known, t, NONE) for task, t in batch.targets.items()}
        return LabelledBatch.of(batch, targets)
