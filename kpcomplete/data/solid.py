"""Training material in three dimensions: motion of known people, and cameras that may see it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.data.mocap import Mocap
from kpcomplete.data.projection import CameraRange, body_axes, view
from kpcomplete.data.simulated import Simulated
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(frozen=True, kw_only=True, eq=False)
class SolidSet:
    """Clips of 3D poses, put one behind the other.

    Attributes:
        points: Metres, y up, canonical skeleton; NaN where not recorded. Shoulders are.
        clips: First frame and number of frames of each clip.
        people: Who it is, a name a clip.
        fps: Frames per second of every clip.
        cameras: Kinds of camera that may see them.
        nearest: Metres that all joints are before a camera, or it moves back.
        in_car: Points are in a car's frame but for the order of axes: x left, y up, z ahead.
    """

    points: Float[Tensor, "frame 33 3"]
    clips: Int[Tensor, "clip 2"]
    people: tuple[str, ...]
    fps: float
    cameras: tuple[CameraRange, ...]
    nearest: float
    in_car: bool = False

    def __len__(self) -> int:
        return len(self.clips)

    @classmethod
    def of(cls, data: Mocap | Simulated) -> "SolidSet":
        """Return what a data set holds before it is projected."""
        if isinstance(data, Mocap):
            points, lengths, people, fps = data.read()
            nearest = 0.2
        else:
            points, contents = data.read()
            lengths = torch.tensor(contents.lengths, dtype=torch.int64)
            people, fps, nearest = tuple(contents.people), contents.fps, data.nearest
        return cls(
            points=points,
            clips=torch.stack([lengths.cumsum(dim=0) - lengths, lengths], dim=1),
            people=people,
            fps=fps,
            cameras=tuple(data.cameras),
            nearest=nearest,
            in_car=isinstance(data, Simulated),
        )

    def split(self, test_people: Collection[str]) -> tuple["SolidSet", "SolidSet"]:
        """Return the clips of all others, and those of these people; the frames stay shared."""
        held = torch.tensor([person in test_people for person in self.people], dtype=torch.bool)
        return self._select(~held), self._select(held)

    def _select(self, rows: Tensor) -> "SolidSet":
        people = tuple(self.people[i] for i in rows.nonzero().flatten().tolist())
        return replace(self, clips=self.clips[rows], people=people)

    def starts(self, length: int, stride: int = 1) -> Int[Tensor, " window"]:
        """Return the first frames of all windows that lie in one clip, every ``stride`` frames."""
        return starts(self.clips, length, stride)

    def see(self, frames: Int[Tensor, "window time"], generator: torch.Generator) -> "SolidBatch":
        """See windows through cameras of all kinds, each through one of its own."""
        kind = torch.randint(len(self.cameras), (len(frames),), generator=generator)
        return joined(
            [
                look(self, frames[kind == i], camera, generator)
                for i, camera in enumerate(self.cameras)
                if (kind == i).any()
            ]
        )


def starts(clips: Int[Tensor, "clip 2"], length: int, stride: int = 1) -> Int[Tensor, " window"]:
    """Return the first frames of all windows that lie in one clip, every ``stride`` frames."""
    first, size = clips.unbind(dim=1)
    count = ((size - length) // stride + 1).clamp_min(0)
    before = (count.cumsum(dim=0) - count).repeat_interleave(count)
    return first.repeat_interleave(count) + (torch.arange(int(count.sum())) - before) * stride


@runtime_checkable
class SolidMaterial(Protocol):
    """Clips of people in 3D that can be drawn from, as `SolidSet` says."""

    @property
    def clips(self) -> Int[Tensor, "clip 2"]: ...

    @property
    def people(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def split(self, test_people: Collection[str], /) -> "tuple[SolidMaterial, SolidMaterial]": ...

    def see(self, frames: Tensor, generator: torch.Generator, /) -> "SolidBatch": ...


@runtime_checkable
class SolidSource(Protocol):
    """Says where clips of people in 3D are from."""

    def material(self) -> SolidMaterial:
        """Read them."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SolidBatch(PoseBatch):
    """Windows in pixels of whom the truth in 3D is known.

    Attributes:
        solid: Metres in the camera's frame, x right, y down, z ahead; NaN where not known.
        focal: Of each window's pinhole, pixels; its principal point is at 0, 0.
        filled: Joints that no detector saw, but a completer filled in; they are ``observed``.
        spread: Pixels, standard deviation of filled joints; 0 elsewhere.
        ready: Windows that are as a lifter gets them in use: nothing is to be hidden or filled in.
        mounting: Turn and shift from a car's frame into the camera's, see `Camera.mounting`; 0
            where there is no car, or it is not known.
    """

    solid: Float[Tensor, "batch time joint 3"]
    focal: Float[Tensor, " batch"]
    filled: Bool[Tensor, "batch time joint"]
    spread: Float[Tensor, "batch time joint"]
    ready: Bool[Tensor, " batch"]
    mounting: Float[Tensor, "batch 3 4"]

    def to(self, device: torch.device | str) -> "SolidBatch":
        """Return the batch on another device."""
        return self._with(super().to(device), lambda x: x.to(device))

    def select(self, rows: Tensor | slice) -> "SolidBatch":
        """Return some of the windows."""
        return self._with(super().select(rows), lambda x: x[rows])

    def _with(self, flat: PoseBatch, function: Callable[[Tensor], Tensor]) -> "SolidBatch":
        mine: dict[str, Any] = {name: function(getattr(self, name)) for name in _SOLID}
        return SolidBatch(**vars(flat), **mine)


_FROM_CAR = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # x left, y back, z up
_SOLID = ("solid", "focal", "filled", "spread", "ready", "mounting")


def look(
    data: SolidSet,
    frames: Int[Tensor, "window time"],
    camera: CameraRange,
    generator: torch.Generator,
) -> SolidBatch:
    """See windows through cameras of one kind, each through one of its own that stands still."""
    size, time = frames.shape
    points = data.points[frames]
    ends = Skeleton.load(CANONICAL).indices(["left_shoulder", "right_shoulder"])
    left, right = points[:, :, ends].mean(dim=1).unbind(dim=1)
    window = torch.arange(size).repeat_interleave(time)
    seen, focal, place = view(
        points.flatten(0, 1), window, (left + right) / 2, body_axes(left, right), camera,
        generator, data.nearest,
    )  # fmt: skip
    batch = pinhole(seen.view(size, time, -1, 3), focal, fps=data.fps)
    if not data.in_car:
        return batch
    return replace(batch, mounting=torch.cat([place[..., :3] @ _FROM_CAR, place[..., 3:]], dim=-1))


def pinhole(
    solid: Float[Tensor, "batch time joint 3"], focal: Float[Tensor, " batch"], *, fps: float
) -> SolidBatch:
    """Project points of cameras' frames."""
    pixels = solid[..., :2] / solid[..., 2:] * focal[:, None, None, None]
    flat = PoseBatch.from_keypoints(pixels, fps=fps)
    return SolidBatch(
        solid=solid,
        focal=focal,
        filled=torch.zeros_like(flat.observed),
        spread=torch.zeros_like(flat.confidence),
        ready=torch.zeros_like(focal, dtype=torch.bool),
        mounting=torch.zeros(len(focal), 3, 4),
        **vars(flat),
    )


def mirrored(batch: SolidBatch, swap: Tensor) -> SolidBatch:
    """Return the windows of ``swap`` ``[B]`` as a mirror shows them."""
    order = torch.from_numpy(Skeleton.load(CANONICAL).mirror)
    flip = batch.solid.new_tensor([-1.0, 1.0, 1.0])
    other_car = flip[:, None] * batch.mounting * torch.cat([flip, flip.new_ones(1)])

    def image(x: Tensor, signs: Tensor | None = None) -> Tensor:
        other = x[:, :, order] if signs is None else x[:, :, order] * signs
        return torch.where(swap.view(-1, *[1] * (x.ndim - 1)), other, x)

    return replace(
        batch,
        solid=image(batch.solid, flip),
        keypoints=image(batch.keypoints, flip[:2]),
        observed=image(batch.observed),
        confidence=image(batch.confidence),
        filled=image(batch.filled),
        spread=image(batch.spread),
        mounting=torch.where(swap[:, None, None], other_car, batch.mounting),
    )


@dataclass(kw_only=True)
class SolidSampler:
    """Draws windows of 3D motion, half of them mirrored.

    Args:
        sets: Name to motion, of any frame rate.
        shares: Name to share of the windows drawn, up to a common factor. A set whose clips are
            too short for a length is left out of draws of that length.
        lengths: Frames of a window, one of these for each draw, equally likely. Shorter windows
            come in larger numbers, so that a draw has about as many frames as that many of the
            longest: frames of one window are alike, and poses and cameras are what is learned from.

    Raises:
        SettingError: If shares name other sets than there are, or no clip of any set is long
            enough.
    """

    sets: Mapping[str, SolidMaterial]
    shares: Mapping[str, float]
    lengths: Sequence[int]
    _starts: dict[int, dict[str, Tensor]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if set(self.shares) != set(self.sets):
            raise SettingError(
                f"shares must name the sets {sorted(self.sets)}, but name {sorted(self.shares)}"
            )
        self._starts = {}
        for length in self.lengths:
            every = {name: starts(s.clips, length) for name, s in self.sets.items()}
            self._starts[length] = {name: first for name, first in every.items() if len(first)}
        if short := [length for length, found in self._starts.items() if not found]:
            raise SettingError(f"windows of {short} frames fit in no clip")

    def draw(self, size: int, generator: torch.Generator) -> SolidBatch:
        """Return ``size`` windows of the longest, or more of another length."""
        length = self.lengths[int(torch.randint(len(self.lengths), (1,), generator=generator))]
        size = size * max(self.lengths) // length
        found = self._starts[length]
        weights = torch.tensor([self.shares[name] for name in found])
        chosen = torch.multinomial(weights, size, True, generator=generator)
        counts = torch.bincount(chosen, minlength=len(found)).tolist()
        parts = []
        for (name, first), count in zip(found.items(), counts, strict=True):
            if count:
                rows = torch.randint(len(first), (count,), generator=generator)
                frames = first[rows][:, None] + torch.arange(length)
                parts.append(self.sets[name].see(frames, generator))
        swap = torch.rand(size, generator=generator) < 0.5
        return mirrored(joined(parts), swap)


def joined(parts: Sequence[SolidBatch]) -> SolidBatch:
    """Put windows of equal length one behind the other."""
    mine: dict[str, Any] = {n: torch.cat([getattr(p, n) for p in parts]) for n in _SOLID}
    return SolidBatch(**vars(PoseBatch.concatenate(parts)), **mine)
