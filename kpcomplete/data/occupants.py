"""Simulated occupants with classes: what cameras in the car see of them, and what they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import NONE, LabelledSet
from kpcomplete.data.take import Array, Take, takes
from kpcomplete.errors import SourceError
from kpcomplete.frontal import frontal

POSITIONS = ("in_position", "leaning_forward", "reclined", "leaning_sideways", "turned_rear",
             "phone", "feet_on_dash")  # fmt: skip
OCCUPANTS = ("infant_seat", "child", "adult_05", "adult_50", "adult_95")
TASKS = {"position": POSITIONS, "occupant": OCCUPANTS}


@runtime_checkable
class Errs(Protocol):
    """Says how a detector errs, as `kpcomplete.corruption.mediapipe_noise` does."""

    @property
    def causes(self) -> Sequence[str]:
        """What may hide a joint."""
        ...

    @property
    def views(self) -> Sequence[str]:
        """Which cameras may see whom: kind of camera, a blank, seat."""
        ...

    def reseed(self, step: int) -> None:
        """Restart the draws."""
        ...

    def draw(
        self, cause: Tensor, times: Tensor, view: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return offsets ``[B, T, J, 2]`` in body units, and visibilities ``[B, T, J]``.

        Args:
            cause: ``[B, T, J]`` indices into ``causes``.
            times: ``[B, T]`` seconds.
            view: ``[B]`` indices into ``views``, negative where unknown; None: all are.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Occupants:
    """Everybody in a file of ``kpcomplete simulate``, as each camera sees them.

    Without a detector, a joint that the camera does not see is missing, and the others are a little
    off; with one, joints are where it would report them, hidden ones too if it is sure of them.
    Postures beyond `POSITIONS` (getting in) have no class. An empty seat is no class either: seats
    tell it by themselves.

    Args:
        file: Written by ``kpcomplete simulate``.
        noise: Standard deviation of joints, as a share of the distance of nose and shoulders.
        lost: Share of the visible joints that the detector misses, for 10 frames each.
        detector: Errs by what hides a joint; instead of ``noise`` and ``lost``.
        min_confidence: A joint of which the detector is less sure is missing.
        frontal: Show people as `kpcomplete.frontal` sees them, not as their cameras do.
        fps: Frames a second, a whole fraction of the file's; None: the file's.
        seed: Of what is drawn.
    """

    file: str
    noise: float = 0.04
    lost: float = 0.05
    detector: Errs | None = None
    min_confidence: float = 0.5
    frontal: bool = False
    fps: float | None = None
    seed: int = 0

    def load(self) -> LabelledSet:
        """Return a clip for each person and camera.

        Raises:
            SourceError: If the file says nothing of cameras, or has another frame rate.
        """
        rng = np.random.default_rng(self.seed)
        if self.detector is not None:
            self.detector.reseed(self.seed)
        points, postures, found = [], [], list(takes(self.file))
        every = thinning(found[0].fps, self.fps, self.file)
        for take in found:
            seen = self._detected(take) if self.detector else self._seen(take, rng)
            points.append(torch.from_numpy(self._shares(seen, take).astype(np.float32))[::every])
            postures.append(take.posture[::every])
        poses = PoseSet.from_clips(
            points,
            people=[take.person for take in found],
            views=[take.camera.name for take in found],
            fps=found[0].fps / every,
        )
        kinds = [np.full(len(p), t.occupant) for p, t in zip(postures, found, strict=True)]
        targets = {
            "position": numbers(np.concatenate(postures), POSITIONS),
            "occupant": numbers(np.concatenate(kinds), OCCUPANTS),
        }
        return LabelledSet(poses=poses, tasks=TASKS, targets=targets, frontal=self.frontal)

    def _shares(self, seen: Array, take: Take) -> Array:
        if self.frontal:
            return frontal(seen, take.camera.as_in_car())
        return seen / take.camera.width

    def _seen(self, take: Take, rng: np.random.Generator) -> Array:
        points = take.keypoints.copy()
        points += rng.normal(0, self.noise * _neck(points), points.shape)
        blocks = -(-len(points) // 10)
        gone = (rng.random((blocks, points.shape[1])) < self.lost).repeat(10, axis=0)
        points[~take.visible | gone[: len(points)]] = np.nan
        return points

    def _detected(self, take: Take) -> Array:
        assert self.detector is not None
        points, sure = report(take, self.detector)
        points[sure < self.min_confidence] = np.nan
        return points


def report(take: Take, detector: Errs) -> tuple[Array, Array]:
    """Return where a detector reports joints, ``[T, 33, 2]`` pixels, and how sure it is of them."""
    cause = torch.from_numpy(_numbered(take.cause, detector.causes))
    times = torch.arange(len(cause)) / take.fps
    views, name = list(detector.views), f"{take.camera.name} {take.seat}"
    view = torch.tensor([views.index(name) if name in views else -1])
    offset, sure = detector.draw(cause[None], times[None], view)
    across = np.linalg.norm(take.keypoints[:, 11] - take.keypoints[:, 12], axis=-1)
    unit = max(1.5 * _neck(take.keypoints), float(np.nanmedian(across)))
    return take.keypoints + unit * offset[0].numpy(), sure[0].numpy()


def _neck(points: Array) -> float:
    """Return the usual distance of nose and neck, pixels."""
    nose, neck = points[:, 0], points[:, 11:13].mean(axis=1)
    return float(np.nanmedian(np.linalg.norm(nose - neck, axis=-1)))


def _numbered(causes: Array, names: Sequence[str]) -> Array:
    """Return indices of the words of a take, where things that are held are others."""
    words, place = np.unique(causes, return_inverse=True)
    known = ["other" if word == "object" else str(word) for word in words]
    numbers: Array = np.array([names.index(word) for word in known])[place]
    return numbers.reshape(causes.shape)


def thinning(fps: float, wanted: float | None, what: str) -> int:
    """Return which of the frames to take, for a lower frame rate.

    Raises:
        SourceError: If that is no whole fraction.
    """
    if wanted is None:
        return 1
    every = round(fps / wanted)
    if every < 1 or abs(every * wanted - fps) > 1e-6:
        raise SourceError(
            f"{what} should hold frame rates that are multiples of {wanted:g}, but there are "
            f"{fps:g} frames a second"
        )
    return every


def numbers(words: Array, names: tuple[str, ...]) -> Tensor:
    """Return class numbers ``[N]`` of words ``[N]``, `NONE` for those that are no class."""
    numbers = np.full(len(words), NONE, dtype=np.int64)
    for number, name in enumerate(names):
        numbers[words == name] = number
    return torch.from_numpy(numbers)
