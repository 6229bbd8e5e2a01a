"""Training material: poses of known people, clip by clip."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError, ShapeError
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseSet:
    """Clips of poses, put one behind the other.

    Attributes:
        keypoints: x, y in pixels of each clip's camera, canonical skeleton; NaN where missing.
        labels: Of each frame 0 normal driving, 1 distracted, -1 not known.
        clips: First frame and number of frames of each clip.
        people: Who is seen, a name a clip.
        views: From where, a name a clip.
        fps: Frames per second of every clip.
        cameras: Through which camera, a name a clip: clips of one person with the same name show
            them at the same place of the image. Empty: each clip has a camera of its own.

    Raises:
        ShapeError: If the clips do not fill the frames, or names are missing.
    """

    keypoints: Float[Tensor, "frame 33 2"]
    labels: Int[Tensor, " frame"]
    clips: Int[Tensor, "clip 2"]
    people: tuple[str, ...]
    views: tuple[str, ...]
    fps: float
    cameras: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        starts, lengths = self.clips.unbind(dim=1)
        ends = lengths.cumsum(dim=0)
        total = int(ends[-1]) if len(ends) else 0
        if not torch.equal(starts, ends - lengths) or total != len(self.keypoints):
            raise ShapeError(
                f"clips must stand one behind the other and fill {len(self.keypoints)} frames, "
                f"but they hold {total}, starting at {starts.tolist()[:4]}..."
            )
        counts = (len(self.people), len(self.views), len(self.labels))
        if self.cameras and len(self.cameras) != len(self.clips):
            raise ShapeError(
                f"{len(self.clips)} clips need as many cameras, but got {len(self.cameras)}"
            )
        if counts != (len(self.clips), len(self.clips), len(self.keypoints)):
            raise ShapeError(
                f"{len(self.clips)} clips of {len(self.keypoints)} frames need as many people and "
                f"views, and as many labels, but got {counts}"
            )

    def __len__(self) -> int:
        return len(self.clips)

    @classmethod
    def from_clips(
        cls,
        keypoints: Sequence[Tensor],
        *,
        people: Sequence[str],
        views: Sequence[str],
        fps: float,
        labels: Sequence[Tensor] | None = None,
        cameras: Sequence[str] = (),
    ) -> "PoseSet":
        """Return a set from a list of clips ``[T, 33, 2]``, and labels ``[T]`` if known."""
        joints = len(Skeleton.load(CANONICAL))
        lengths = torch.tensor([len(clip) for clip in keypoints], dtype=torch.int64)
        starts = lengths.cumsum(dim=0) - lengths
        unknown = torch.full((int(lengths.sum()),), -1, dtype=torch.int64)
        return cls(
            keypoints=torch.cat([torch.empty(0, joints, 2), *keypoints]),
            labels=unknown if labels is None else torch.cat([unknown[:0], *labels]),
            clips=torch.stack([starts, lengths], dim=1),
            people=tuple(people),
            views=tuple(views),
            fps=fps,
            cameras=tuple(cameras),
        )

    def select(self, clips: Collection[int]) -> "PoseSet":
        """Return some of the clips, by their places."""
        rows = torch.tensor(sorted(clips), dtype=torch.int64)
        starts, lengths = self.clips[rows].unbind(dim=1)
        ends = lengths.cumsum(dim=0)
        shift = starts - (ends - lengths)
        frames = torch.arange(int(lengths.sum())) + shift.repeat_interleave(lengths)
        return replace(
            self,
            keypoints=self.keypoints[frames],
            labels=self.labels[frames],
            clips=torch.stack([ends - lengths, lengths], dim=1),
            people=tuple(self.people[i] for i in rows.tolist()),
            views=tuple(self.views[i] for i in rows.tolist()),
            cameras=tuple(self.cameras[i] for i in rows.tolist() if self.cameras),
        )

    def split(self, test_people: Collection[str]) -> tuple["PoseSet", "PoseSet"]:
        """Return the clips of all others, and those of these people.

        Raises:
            SettingError: If somebody is not in the set.
        """
        unknown = sorted(set(test_people) - set(self.people))
        if unknown:
            raise SettingError(
                f"nobody is called {', '.join(map(repr, unknown))}; "
                f"there are {', '.join(sorted(set(self.people)))}"
            )
        held = [i for i, person in enumerate(self.people) if person in test_people]
        return self.select(set(range(len(self))) - set(held)), self.select(held)

    def mirrored(self) -> "PoseSet":
        """Return what a mirror shows: x turned round, left and right exchanged."""
        order = torch.from_numpy(Skeleton.load(CANONICAL).mirror)
        return replace(self, keypoints=self.keypoints[:, order] * torch.tensor([-1.0, 1.0]))

    @staticmethod
    def concatenate(sets: Sequence["PoseSet"]) -> "PoseSet":
        """Put sets of the same frame rate one behind the other.

        Raises:
            SettingError: If frame rates differ, or there is no set.
        """
        rates = sorted({s.fps for s in sets})
        if len(rates) != 1:
            raise SettingError(f"sets must have one frame rate to be pooled, but have {rates}")
        parts = [clip for s in sets for clip in torch.split(s.keypoints, s.clips[:, 1].tolist())]
        labels = [clip for s in sets for clip in torch.split(s.labels, s.clips[:, 1].tolist())]
        return PoseSet.from_clips(
            parts,
            people=[person for s in sets for person in s.people],
            views=[view for s in sets for view in s.views],
            fps=rates[0],
            labels=labels,
            cameras=[f"{i} {camera}" for i, s in enumerate(sets) for camera in s.own_cameras],
        )

    @property
    def own_cameras(self) -> tuple[str, ...]:
        """``cameras``, or where there are none a name of its own for each clip."""
        return self.cameras or tuple(f"clip {i}" for i in range(len(self)))

    def starts(self, length: int, stride: int) -> Int[Tensor, " window"]:
        """Return the first frames of all windows that lie in one clip, every ``stride`` frames.

        Raises:
            SettingError: If ``length`` or ``stride`` is below 1.
        """
        if length < 1 or stride < 1:
            raise SettingError(
                f"windows need length >= 1 and stride >= 1 frames, but got {length}, {stride}"
            )
        first, size = self.clips.unbind(dim=1)
        count = ((size - length) // stride + 1).clamp_min(0)
        within = torch.arange(int(count.sum())) - (count.cumsum(dim=0) - count).repeat_interleave(
            count
        )
        return first.repeat_interleave(count) + within * stride

    def windows(self, length: int, stride: int) -> PoseBatch:
        """Return windows of the clips in body units, fitted on what each window observes.

        Windows in which fewer than two joints are ever seen are left out: they have no scale.

        Args:
            length: Frames of a window; shorter clips give none.
            stride: Frames from one window to the next.
        """
        frames = self.starts(length, stride)[:, None] + torch.arange(length)
        batch = PoseBatch.from_keypoints(self.keypoints[frames], fps=self.fps)
        batch = batch.select(batch.observed.any(dim=1).sum(dim=1) >= 2)
        return normalize.fit(batch).into_body(batch)


@runtime_checkable
class Data(Protocol):
    """A data set that can be loaded."""

    def load(self) -> PoseSet:
        """Return its poses. Splits are made by person, always."""
        ...
