"""Clips of completed people, of whom the truth in 3D is known."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.data.solid import SolidBatch


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """A completed person through a camera without distortion whose principal point is at 0, 0.

    Attributes:
        person: Who it is.
        fps: Frames a second.
        focal: Pixels.
        keypoints: ``[T, 33, 2]`` pixels; NaN where missing.
        filled: ``[T, 33]`` what no detector saw, but a completer filled in.
        spread: ``[T, 33]`` pixels, standard deviation of that; 0 elsewhere.
        solid: ``[T, 33, 3]`` metres in the camera's frame.
        mounting: ``[3, 4]`` where in the car the camera is, see `Camera.mounting`.
    """

    person: str
    fps: float
    focal: float
    keypoints: Tensor
    filled: Tensor
    spread: Tensor
    solid: Tensor
    mounting: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectedSet:
    """Clips put one behind the other, see `Clip`; whatever is seen of them is ready to be lifted.

    Attributes:
        keypoints: Pixels; NaN where missing.
        filled: What a completer filled in.
        spread: Pixels.
        solid: Metres in the camera's frame.
        focal: Of each clip's camera, pixels.
        mounting: Where in the car each clip's camera is, see `Camera.mounting`.
        fps: Frames a second of each clip.
        clips: First frame and number of frames of each clip.
        people: Who it is, a name a clip.
        roll: Degrees, standard deviation by which cameras are turned about their axes, anew for
            each window: what was detected turns with them.
        reverse: Share of the windows that are seen backwards in time.
    """

    keypoints: Float[Tensor, "frame 33 2"]
    filled: Bool[Tensor, "frame 33"]
    spread: Float[Tensor, "frame 33"]
    solid: Float[Tensor, "frame 33 3"]
    focal: Float[Tensor, " clip"]
    mounting: Float[Tensor, "clip 3 4"]
    fps: Float[Tensor, " clip"]
    clips: Int[Tensor, "clip 2"]
    people: tuple[str, ...]
    roll: float = 0.0
    reverse: float = 0.0

    @classmethod
    def of(cls, clips: Sequence[Clip], *, roll: float = 0.0, reverse: float = 0.0) -> "DetectedSet":
        """Put clips one behind the other; there is at least one."""
        lengths = torch.tensor([len(clip.solid) for clip in clips])
        return cls(
            keypoints=torch.cat([clip.keypoints for clip in clips]),
            filled=torch.cat([clip.filled for clip in clips]),
            spread=torch.cat([clip.spread for clip in clips]),
            solid=torch.cat([clip.solid for clip in clips]),
            focal=torch.tensor([clip.focal for clip in clips]),
            mounting=torch.stack([clip.mounting for clip in clips]),
            fps=torch.tensor([clip.fps for clip in clips]),
            clips=torch.stack([lengths.cumsum(dim=0) - lengths, lengths], dim=1),
            people=tuple(clip.person for clip in clips),
            roll=roll,
            reverse=reverse,
        )

    def __len__(self) -> int:
        return len(self.clips)

    def split(self, test_people: Collection[str]) -> tuple["DetectedSet", "DetectedSet"]:
        """Return the clips of all others, and those of these people; the frames stay shared."""
        held = torch.tensor([person in test_people for person in self.people], dtype=torch.bool)
        return self._select(~held), self._select(held)

    def _select(self, rows: Bool[Tensor, " clip"]) -> "DetectedSet":
        people = tuple(self.people[i] for i in rows.nonzero().flatten().tolist())
        return replace(
            self, clips=self.clips[rows], focal=self.focal[rows], mounting=self.mounting[rows],
            fps=self.fps[rows], people=people,
        )  # fmt: skip

    def see(self, frames: Int[Tensor, "window time"], generator: torch.Generator) -> SolidBatch:
        """Return windows, some of them turned or backwards."""
        first = self.clips[:, 0].contiguous()
        clip = torch.searchsorted(first, frames[:, 0].contiguous(), right=True) - 1
        size, time = frames.shape
        back = torch.rand(size, generator=generator) < self.reverse
        frames = torch.where(back[:, None], frames.flip(1), frames)
        angle = torch.randn(size, generator=generator) * self.roll * torch.pi / 180
        turn = torch.eye(3).repeat(size, 1, 1)
        turn[:, 0, 0] = turn[:, 1, 1] = angle.cos()
        turn[:, 1, 0] = angle.sin()
        turn[:, 0, 1] = -angle.sin()
        flat = PoseBatch.from_keypoints(_turned(self.keypoints[frames], turn[:, :2, :2]))
        times = torch.arange(time) / self.fps[clip, None]
        return SolidBatch(
            solid=_turned(self.solid[frames], turn),
            focal=self.focal[clip],
            filled=self.filled[frames],
            spread=self.spread[frames],
            ready=torch.ones(size, dtype=torch.bool),
            mounting=turn @ self.mounting[clip],
            **vars(replace(flat, times=times.to(flat.times))),
        )


def _turned(points: Tensor, turn: Tensor) -> Tensor:
    return torch.einsum("wij,wtkj->wtki", turn, points)
