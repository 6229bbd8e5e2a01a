"""Pairs of what a detector found and what is true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kpcomplete import metric
from kpcomplete.cabin.visibility import CAUSES as NAMED
from kpcomplete.corruption.noise_tables import CAUSES, VIEWS, cut, degree
from kpcomplete.errors import SettingError
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.staged import Scene

_MERGED = np.array([CAUSES.index("other" if name == "object" else name) for name in NAMED])


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """One scene: what was found against what is true.

    Attributes:
        offset: ``[T, 33, 2]`` body units; NaN where nothing was found.
        confidence: ``[T, 33]`` as reported.
        cause: ``[T, 33]`` index into `kpcomplete.corruption.noise_tables.CAUSES`.
        fps: Frames a second.
        view: Index into `kpcomplete.corruption.noise_tables.VIEWS`.
        ride: Name of the ride.
    """

    offset: Array
    confidence: Array
    cause: Array
    fps: float
    view: int
    ride: str

    @property
    def found(self) -> Array:
        """``[T, 33]`` whether anything was found."""
        return np.asarray(np.isfinite(self.offset[..., 0]))

    @property
    def distance(self) -> Array:
        """``[T, 33]`` body units."""
        return np.asarray(np.linalg.norm(self.offset, axis=-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """All joints of scenes that were found, one behind the other.

    Attributes:
        joint, cause, view, degree, cut: ``[N]`` numbers, see `kpcomplete.corruption.noise_tables`.
        person, ride: ``[N]`` numbers of the scene and of the ride.
        offset: ``[N, 2]`` body units.
        far: ``[N]`` body units.
        sure: ``[N]`` reported visibility.
        found: ``[F, 33]`` which joints of all frames these are.
    """

    joint: Array
    cause: Array
    view: Array
    degree: Array
    cut: Array
    person: Array
    ride: Array
    offset: Array
    far: Array
    sure: Array
    found: Array


def pairs(scene: Scene) -> Pairs:
    """Return a scene's pairs.

    Raises:
        SettingError: If it does not say what hides its joints, or is seen as no other one is.
    """
    if scene.cause is None:
        raise SettingError(
            f"{scene.person} must say what hides its joints, but an old version of `kpcomplete "
            "stage` drew it: draw it anew"
        )
    view = f"{scene.camera} {scene.seat}"
    if view not in VIEWS:
        raise SettingError(
            f"{scene.person} must be seen as one of {', '.join(VIEWS)}, but it is as {view!r}"
        )
    unit = metric.body_unit(scene.truth, Skeleton.load(CANONICAL))
    return Pairs(
        offset=(scene.keypoints - scene.truth) / unit,
        confidence=scene.confidence,
        cause=_MERGED[scene.cause],
        fps=scene.fps,
        view=VIEWS.index(view),
        ride=scene.person.rsplit("_", 1)[0],
    )


def samples(scenes: Sequence[Pairs]) -> Samples:
    """Return what was found in scenes."""
    lengths = [len(scene.cause) for scene in scenes]
    rides = {ride: number for number, ride in enumerate(sorted({s.ride for s in scenes}))}
    cause = np.concatenate([scene.cause for scene in scenes])
    found = np.concatenate([scene.found for scene in scenes])
    offset = np.concatenate([scene.offset for scene in scenes])[found]
    known = torch.from_numpy(cause)
    frame, joint = np.nonzero(found)

    def each(values: Sequence[int]) -> Array:
        return np.asarray(np.repeat(np.array(values, np.int32), lengths)[frame])

    return Samples(
        joint=joint,
        cause=cause[found],
        view=each([scene.view for scene in scenes]),
        degree=degree(known).numpy()[found],
        cut=cut(known).numpy()[frame, 0],
        person=each(range(len(scenes))),
        ride=each([rides[scene.ride] for scene in scenes]),
        offset=offset,
        far=np.linalg.norm(offset, axis=-1),
        sure=np.concatenate([scene.confidence for scene in scenes])[found],
        found=found,
    )
