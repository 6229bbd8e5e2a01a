"""Drawn people as the real detector saw them, with the truth in 3D."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kpcomplete import staged
from kpcomplete.batch import PoseBatch
from kpcomplete.camera import Camera
from kpcomplete.data.solid import SolidBatch
from kpcomplete.errors import SourceError
from kpcomplete.staged import Scene


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """People of files of ``kpcomplete stage``, to learn lifting from.

    Args:
        files: Written by ``kpcomplete stage``.
        min_confidence: A joint of which the detector is less sure counts as missing.
        found: Share of a clip's frames in which the detector must have found the person; who is
            not found teaches nothing.
    """

    files: Sequence[str]
    min_confidence: float = 0.5
    found: float = 0.0

    def read(self) -> "DrawnSet":
        """Return a clip for each person.

        Raises:
            SourceError: If a file was not written by ``kpcomplete stage``, or before it kept 3D,
                or if nobody was found often enough.
        """
        scenes = [s for file in self.files for s in _solid(file) if _share(s) >= self.found]
        if not scenes:
            raise SourceError(
                f"{', '.join(self.files)} should show somebody who was found in {self.found:.0%} "
                "of the frames, but nobody was"
            )
        lengths = torch.tensor([len(scene.keypoints) for scene in scenes])
        flat = [_flat(scene, self.min_confidence) for scene in scenes]
        return DrawnSet(
            solid=torch.from_numpy(np.concatenate([scene.solid for scene in scenes])),
            keypoints=torch.cat(flat),
            focal=torch.tensor([float((scene.eye or {})["fx"]) for scene in scenes]),
            fps=torch.tensor([scene.fps for scene in scenes]),
            clips=torch.stack([lengths.cumsum(dim=0) - lengths, lengths], dim=1),
            people=tuple(scene.person for scene in scenes),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnSet:
    """Clips of drawn people, put one behind the other.

    Attributes:
        solid: Metres in the camera's frame.
        keypoints: As detected, pixels of a camera without distortion whose principal point is at
            0, 0; NaN where missing.
        focal: Of each clip's camera, pixels.
        fps: Frames a second of each clip.
        clips: First frame and number of frames of each clip.
        people: Who it is, a name a clip.
    """

    solid: Float[Tensor, "frame 33 3"]
    keypoints: Float[Tensor, "frame 33 2"]
    focal: Float[Tensor, " clip"]
    fps: Float[Tensor, " clip"]
    clips: Int[Tensor, "clip 2"]
    people: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def split(self, test_people: Collection[str]) -> tuple["DrawnSet", "DrawnSet"]:
        """Return the clips of all others, and those of these people; the frames stay shared."""
        held = torch.tensor([person in test_people for person in self.people], dtype=torch.bool)
        return self._select(~held), self._select(held)

    def _select(self, rows: Bool[Tensor, " clip"]) -> "DrawnSet":
        people = tuple(self.people[i] for i in rows.nonzero().flatten().tolist())
        return replace(
            self, clips=self.clips[rows], focal=self.focal[rows], fps=self.fps[rows], people=people
        )

    def see(self, frames: Int[Tensor, "window time"], generator: torch.Generator) -> SolidBatch:
        """Return windows as they were seen; nothing is drawn."""
        clip = (
            torch.searchsorted(self.clips[:, 0].contiguous(), frames[:, 0].contiguous(), right=True)
            - 1
        )
        flat = PoseBatch.from_keypoints(self.keypoints[frames])
        times = torch.arange(frames.shape[1]) / self.fps[clip, None]
        return SolidBatch(
            solid=self.solid[frames],
            focal=self.focal[clip],
            **vars(replace(flat, times=times.to(flat.times))),
        )


def _solid(file: str) -> tuple[Scene, ...]:
    scenes = staged.read(file)
    if any(scene.solid is None or scene.eye is None for scene in scenes):
        raise SourceError(
            f"{file} should hold people in 3D, but was written before `kpcomplete stage` kept "
            "that; draw it again"
        )
    return scenes


def _share(scene: Scene) -> float:
    """Return the share of frames in which the detector found anything."""
    return float(np.isfinite(scene.keypoints[..., 0]).any(axis=1).mean())


def _flat(scene: Scene, least: float) -> Tensor:
    """Return what was detected as a pinhole would show it, ``[T, 33, 2]``."""
    eye = Camera.from_dict(scene.eye or {})
    seen = np.where((scene.confidence >= least)[..., None], scene.keypoints, np.nan)
    rays = eye.rays(seen)
    return torch.from_numpy((rays[..., :2] / rays[..., 2:] * eye.fx).astype(np.float32))
