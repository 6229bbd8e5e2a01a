"""Windows drawn at random from training material, on the device that trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kpcomplete.album import Album
from kpcomplete.batch import PoseBatch
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import CANONICAL, Skeleton

_ARMS = ("left_elbow", "right_elbow", "left_wrist", "right_wrist")
_STRIDE = 8  # frames over which movement is measured


@dataclass(frozen=True, kw_only=True, eq=False)
class _Clips:
    """Of each clip of a set its first frame, and the number of its camera."""

    first: Tensor
    camera: Tensor


@dataclass(kw_only=True)
class Sampler:
    """Draws windows of several sets, so that small sets need not drown in large ones.

    Poses are tiny: all of them live on the device, and so do the draws.

    Args:
        sets: Name to poses.
        shares: Name to share of the windows drawn, up to a common factor; by default as many
            as there are frames.
        length: Frames of a window; shorter clips are left out.
        shorter: Other lengths, each drawn as often as ``length``; of shorter windows there are
            more in a draw, so that it has about as many frames. Without them, nothing is learned
            from shorter clips.
        steps: Frames from one to the next within a window, equally likely: 2 halves the frame
            rate, for recordings slower than the material.
        moving: Share of the windows that are drawn the likelier the more arms move in them: most
            of the time people sit still, and nothing is learned from it.
        remembered: Share of the windows that come with a `Memory` of the person, from other frames
            through the same camera.

    Raises:
        SettingError: If shares name other sets than there are, no clip is long enough, or
            ``moving`` or ``remembered`` is no share.
    """

    sets: Mapping[str, PoseSet]
    shares: Mapping[str, float] | None = None
    length: int = 128
    shorter: Sequence[int] = ()
    steps: Sequence[int] = (1,)
    moving: float = 0.0
    remembered: float = 0.0
    device: torch.device | str = "cpu"
    _lengths: tuple[int, ...] = field(init=False, repr=False)
    _keypoints: dict[str, Tensor] = field(init=False, repr=False)
    _starts: dict[tuple[str, int, int], Tensor] = field(init=False, repr=False)
    _motion: dict[tuple[str, int, int], Tensor] = field(init=False, repr=False)
    _recall: dict[str, Album] = field(init=False, repr=False)
    _clips: dict[str, _Clips] = field(init=False, repr=False)
    cameras: list[tuple[str, str]] = field(init=False, repr=False)
    """All sets and their views."""

    def __post_init__(self) -> None:
        if self.shares is not None and set(self.shares) != set(self.sets):
            raise SettingError(
                f"shares must name the sets {sorted(self.sets)}, but name {sorted(self.shares)}"
            )
        if not (0 <= self.moving <= 1 and 0 <= self.remembered <= 1):
            raise SettingError(
                "moving and remembered must be shares in 0..1, but got "
                f"{self.moving} and {self.remembered}"
            )
        self._keypoints = {name: s.keypoints.to(self.device) for name, s in self.sets.items()}
        self._lengths = (self.length, *self.shorter)
        self._starts = {
            (name, length, step): s.starts((length - 1) * step + 1, 1).to(self.device)
            for name, s in self.sets.items()
            for length in self._lengths
            for step in self.steps
        }
        short = [key for key, starts in self._starts.items() if not len(starts)]
        if short or not self.sets:
            raise SettingError(
                f"windows fit in no clip of {short or 'no set at all'} (set, frames of the window, "
                "frames from one to the next)"
            )

        self._motion = {}
        if self.moving:
            frames = {name: motion(s).to(self.device) for name, s in self.sets.items()}
            self._motion = {
                (name, length, step): _totals(frames[name], starts, (length - 1) * step + 1)
                for (name, length, step), starts in self._starts.items()
            }
        self._recall = {
            name: Album(poses=s, device=self.device) for name, s in self.sets.items()
            if self.remembered
        }  # fmt: skip
        self.cameras = sorted({(name, view) for name, s in self.sets.items() for view in s.views})
        number = {camera: i for i, camera in enumerate(self.cameras)}
        self._clips = {
            name: _Clips(
                first=s.clips[:, 0].contiguous().to(self.device),
                camera=torch.tensor([number[name, view] for view in s.views], device=self.device),
            )
            for name, s in self.sets.items()
        }

    def draw(self, size: int, generator: torch.Generator) -> PoseBatch:
        """Return ``size`` windows in pixels, or more shorter ones; the generator is on the CPU."""
        return self.grouped(size, generator)[0]

    def grouped(self, size: int, generator: torch.Generator) -> tuple[PoseBatch, Tensor]:
        """Return the same, and which of the `cameras` each window is from, ``[B]``."""
        names = list(self.sets)
        step = self.steps[int(torch.randint(len(self.steps), (1,), generator=generator))]
        length = self.length
        if self.shorter:
            lengths = self._lengths
            length = lengths[int(torch.randint(len(lengths), (1,), generator=generator))]
            size = max(1, size * self.length // length)
        chosen = torch.multinomial(self._weights(names), size, True, generator=generator)
        counts = torch.bincount(chosen, minlength=len(names))
        batches, groups = [], []
        for i, count in enumerate(counts.tolist()):
            key = names[i], length, step
            rows = self._rows(key, count, generator)
            frames = step * torch.arange(length, device=self.device)
            frames = self._starts[key][rows][:, None] + frames
            fps = self.sets[names[i]].fps / step
            batch = PoseBatch.from_keypoints(self._keypoints[names[i]][frames], fps=fps)
            if self.remembered:
                memory = self._recall[names[i]].draw(
                    frames[:, 0], frames[:, -1], self.remembered, generator
                )
                batch = replace(batch, memory=memory)
            clips = self._clips[names[i]]
            clip = torch.searchsorted(clips.first, frames[:, 0].contiguous(), right=True) - 1
            batches.append(batch)
            groups.append(clips.camera[clip])
        windows = PoseBatch.concatenate([b for b in batches if len(b)])
        return windows, torch.cat(groups)

    def _rows(self, key: tuple[str, int, int], count: int, generator: torch.Generator) -> Tensor:
        total = len(self._starts[key])
        rows = torch.randint(total, (count,), generator=generator).to(self.device)
        if not self.moving:
            return rows
        below = self._motion[key]
        draw = torch.rand(2, count, generator=generator).to(self.device)
        moving = torch.searchsorted(below, draw[0] * below[-1]).clamp_max(total - 1)
        return torch.where(draw[1] < self.moving, moving, rows)

    def _weights(self, names: list[str]) -> Tensor:
        if self.shares is not None:
            return torch.tensor([float(self.shares[name]) for name in names])
        return torch.tensor([float(len(self.sets[name].keypoints)) for name in names])


def motion(poses: PoseSet) -> Tensor:
    """Return ``[N]`` how far arms move in the next 8 frames of each frame, body units."""
    skeleton = Skeleton.load(CANONICAL)
    points = poses.keypoints
    nose, left, right = (
        points[:, skeleton.index(j)] for j in ("nose", "left_shoulder", "right_shoulder")
    )
    clip = torch.arange(len(poses)).repeat_interleave(poses.clips[:, 1])
    head = 1.5 * (nose - (left + right) / 2).norm(dim=-1)
    unit = torch.fmax(head, (left - right).norm(dim=-1))
    given = unit.isfinite().float()
    total = torch.zeros(len(poses)).index_add(0, clip, unit.nan_to_num(0.0))
    count = torch.zeros(len(poses)).index_add(0, clip, given)
    unit = torch.where(count > 0, total / count.clamp_min(1), torch.inf)[clip]
    arms = points[:, skeleton.indices(_ARMS)]
    frame = torch.arange(len(points))
    later = (frame + _STRIDE).clamp_max(len(points) - 1)
    moved = (arms[later] - arms).norm(dim=-1).nan_to_num(0.0).sum(dim=-1) / unit.clamp_min(1e-6)
    inside = (clip[later] == clip) & (later - frame == _STRIDE)
    return torch.where(inside, moved.clamp_max(2.0), 0.0)


def _totals(motion: Tensor, starts: Tensor, length: int) -> Tensor:
    """Return the running sum over windows of the movement in each, float64."""
    below = torch.cat([motion.new_zeros(1), motion]).double().cumsum(dim=0)
    return (below[starts + length] - below[starts] + 1e-6).cumsum(dim=0)
