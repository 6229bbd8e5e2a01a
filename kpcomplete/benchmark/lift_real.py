"""Lifting of what a real detector found: in drawn cabins, and of a man whom four cameras watch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kpcomplete import metric
from kpcomplete.benchmark.lift_drawn import Drawn
from kpcomplete.benchmark.lift_views import View, triangulated
from kpcomplete.camera import Camera
from kpcomplete.completer import Completer
from kpcomplete.following import Solid
from kpcomplete.gate import Gate
from kpcomplete.lifter import Lifter
from kpcomplete.lifting import Lifting
from kpcomplete.pipeline import mend
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

Array = npt.NDArray[Any]
_FLANKS = {("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")}  # no bones


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What `process` does after detection.

    Attributes:
        completer: Fills in joints.
        gate: Tells invented joints; None believes all.
        lifter: Finds the third dimension.
        min_confidence: Of the detector, 0..1.
    """

    completer: Completer
    lifter: Lifter
    gate: Gate | None = None
    min_confidence: float = 0.5

    def __call__(self, poses: PoseSequence, camera: Camera, *, rigid: bool = True) -> Solid:
        """Return a person in 3D."""
        return self.solid(self.completed(poses), camera, rigid=rigid)

    def completed(self, poses: PoseSequence) -> PoseSequence:
        """Return a person with its joints filled in."""
        return mend(poses, self.completer, self.gate, self.min_confidence)

    def solid(self, done: PoseSequence, camera: Camera, *, rigid: bool = True) -> Solid:
        """Return a completed person in 3D."""
        lifting = Lifting(lifter=self.lifter, camera=camera, rigid=rigid)
        return lifting({done.person: done})[done.person]


def cabins(people: Sequence[Drawn], chain: Chain) -> dict[str, float]:
    """Print how far joints of drawn people are from the truth, and return the figures.

    Lenses are known, and where in the car cameras are; what it is like without the latter is
    printed and returned, too.

    Returns:
        ``over_mediapipe``: mean error per joint over that of MediaPipe's world landmarks, both from
        the middle of the shoulders; ``hidden_over_mediapipe``: of joints that something hides;
        ``dash_median_cm``: of the distance of the nose from the dash; these three with
        ``_unmounted`` where nobody says where in the car the camera is;
        ``bone_sd_mm``: the largest standard deviation of a bone's length over a recording;
        ``rigid_cost_mm``: by how much joints are worse for that.
    """
    found = [person for person in people if np.isfinite(person.keypoints).any()]
    done = [chain.completed(person.poses()) for person in found]
    mounted = [person.camera for person in found]
    anywhere = [replace(camera, in_car=False) for camera in mounted]

    def lifted(cameras: Sequence[Camera], rigid: bool = True) -> list[Array]:
        pairs = zip(done, cameras, strict=True)
        return [chain.solid(poses, camera, rigid=rigid).points for poses, camera in pairs]

    solid, without = lifted(mounted), lifted(anywhere)
    ours, unmounted, loose, theirs = (
        _off(points, found)
        for points in (solid, without, lifted(mounted, rigid=False), [p.world for p in found])
    )
    hidden = np.concatenate([~person.visible for person in found])
    both = np.isfinite(ours) & np.isfinite(theirs)
    print(f"\ndrawn cabins, {len(found)} of {len(people)} people were found; mm")
    print(f"{'':<26}{'ours':>16}{'camera anywhere':>18}{'world landmarks':>18}")
    for name, where in (("all", both), ("seen", both & ~hidden), ("hidden", both & hidden)):
        means = [x[where].mean() for x in (ours, unmounted, theirs)]
        print(f"  {name:<8} {where.sum():>8} joints {means[0]:>14.1f} "
              f"{means[1]:>17.1f} {means[2]:>17.1f}")  # fmt: skip
    figures = {
        "bone_sd_mm": float(np.max([1000 * spread_of_bones(points) for points in solid])),
        "rigid_cost_mm": float(ours[both].mean() - loose[both].mean()),
    }
    for name, errors, points in (("", ours, solid), ("_unmounted", unmounted, without)):
        figures |= {
            f"over_mediapipe{name}": float(errors[both].mean() / theirs[both].mean()),
            f"hidden_over_mediapipe{name}": float(
                errors[both & hidden].mean() / theirs[both & hidden].mean()
            ),
            f"dash_median_cm{name}": _dash(points, found),
        }
    return figures


def _off(solid: Sequence[Array], people: Sequence[Drawn]) -> Array:
    """Return how far joints are from the truth, from the middle of the shoulders, mm."""
    pairs = zip(solid, people, strict=True)
    return np.concatenate(
        [
            1000 * metric.distance(metric.from_shoulders(points), metric.from_shoulders(p.truth))
            for points, p in pairs
        ]
    )


def _dash(solid: Sequence[Array], people: Sequence[Drawn]) -> float:
    """Return the median error of how far noses are from the dash, cm."""
    off = []
    for points, person in zip(solid, people, strict=True):
        here, there = (person.camera.to_world(p[:, 0])[:, 1] for p in (points, person.truth))
        off.append(100 * np.abs(here - there))
    return float(np.nanmedian(np.concatenate(off)))


def room(seen: Mapping[str, View], chain: Chain) -> float:
    """Print how far each view's 3D is from what all views say, mm after alignment; their mean."""
    truth = triangulated(seen)
    errors = []
    print("\nfour cameras, mm after the best move, turn and scale of each pose")
    for name, view in seen.items():
        poses = view.poses[: len(truth)]
        solid = chain(poses, view.camera)
        there = view.camera.to_camera(truth)
        errors.append(1000 * metric.pa_mpjpe(solid.points, there))
        off = 1000 * metric.mean_error(
            metric.from_shoulders(solid.points), metric.from_shoulders(there)
        )
        print(f"  {name}: {errors[-1]:.1f} (not aligned, from the shoulders: {off:.1f})")
    return float(np.mean(errors))


def spread_of_bones(points: Array) -> float:
    """Return the largest standard deviation of a bone's length over time, metres."""
    skeleton = Skeleton.load(CANONICAL)
    pairs = [skeleton.indices(bone) for bone in skeleton.bones if bone not in _FLANKS]
    first, second = (list(side) for side in zip(*pairs, strict=True))
    lengths = np.linalg.norm(points[:, first] - points[:, second], axis=-1)
    return float(np.nanstd(lengths, axis=0).max())
