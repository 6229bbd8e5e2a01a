"""Completed people in 3D, as a recording goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kpcomplete.camera import Camera
from kpcomplete.following import ENOUGH, LEAST, Following, Solid
from kpcomplete.lifter import Lifter, Streaming
from kpcomplete.lifter.bones import Bones
from kpcomplete.lifter.sight import Sight
from kpcomplete.pose import PoseSequence

_PAST = 81  # frames of which live frames are lifted


@dataclass(kw_only=True)
class Lifting:
    """Lifts the people of one recording, and remembers their bodies.

    A body is measured in the first views of it, until one of them has 150 frames; from then on its
    bones keep their lengths, see `Bones`. In recordings longer than a window that is so from the
    first frame on, in live ones after 150 frames.

    Args:
        lifter: Finds the third dimension.
        camera: That recorded them.
        rigid: Keep the lengths of bones; else they tremble by some millimetres.
    """

    lifter: Lifter
    camera: Camera
    rigid: bool = True
    _bodies: dict[str, tuple[int, Bones]] = field(default_factory=dict, init=False, repr=False)
    _past: dict[str, PoseSequence] = field(default_factory=dict, init=False, repr=False)
    _live: Following | None = field(default=None, init=False, repr=False)

    def __call__(self, people: Mapping[str, PoseSequence]) -> dict[str, Solid]:
        """Return the people of one view of the recording."""
        found = {seat: self._one(poses) for seat, poses in people.items()}
        return {seat: solid for seat, solid in found.items() if solid is not None}

    def follow(self, people: Mapping[str, PoseSequence]) -> dict[str, Solid]:
        """Return the people of the next frame alone, from it and those before it.

        Where the lifter is `Streaming`, each frame is lifted once, and bodies are measured as the
        frames come in; whoever shows nothing for 81 frames is forgotten.
        """
        if self._live is None and isinstance(self.lifter, Streaming):
            stream = self.lifter.stream(_PAST)
            self._live = None if stream is None else Following(stream, self.camera, self.rigid)
        if self._live is not None:
            return self._live(people)
        out = {}
        for seat, poses in people.items():
            before = self._past.get(seat)
            shown = poses if before is None else _joined(before, poses)
            self._past[seat] = shown[max(0, len(shown) - _PAST) :]
            if (solid := self._one(self._past[seat])) is not None:
                out[seat] = solid[len(solid.points) - len(poses) :]
        return out

    @torch.inference_mode()
    def _one(self, poses: PoseSequence) -> Solid | None:
        known = (~poses.is_missing).sum(axis=1) >= LEAST
        if not known.any():
            self._bodies.pop(poses.person, None)  # whoever sits there next is somebody else
            return None
        found = self.lifter(Sight.of(poses, self.camera))
        points, std = found.points[0], found.std[0]
        rows = torch.from_numpy(known)
        if self.rigid and bool(points[rows].isfinite().all()):
            points[rows] = self._body(poses.person, points[rows], std[rows]).apply(points[rows])
        lost = ~known[:, None]
        return Solid(
            points=np.where(lost[..., None], np.nan, points.numpy()).astype(np.float32),
            std=np.where(lost, np.nan, std.numpy()).astype(np.float32),
        )

    def _body(self, person: str, points: torch.Tensor, std: torch.Tensor) -> Bones:
        """Return the measures of a person, anew while few frames are known."""
        frames, body = self._bodies.get(person, (0, None))
        if body is None or frames < ENOUGH:
            body = Bones.fit(points, std)
            self._bodies[person] = (max(len(points), frames + 1), body)
        return body


def _joined(before: PoseSequence, after: PoseSequence) -> PoseSequence:
    parts = {
        name: np.concatenate([getattr(before, name), getattr(after, name)])
        for name in ("keypoints", "confidence", "visibility", "times")
    }
    covariance = None
    if before.covariance is not None and after.covariance is not None:
        covariance = np.concatenate([before.covariance, after.covariance])
    return replace(after, **parts, covariance=covariance)
