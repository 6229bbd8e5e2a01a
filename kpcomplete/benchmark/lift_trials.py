"""Windows of unseen people in 3D, joints hidden on purpose, and methods that lift them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kpcomplete import metric, normalize
from kpcomplete.benchmark.lift_fill import Gaussian3D
from kpcomplete.completer import Completer
from kpcomplete.corruption.parts import part_masks
from kpcomplete.data.solid import SolidBatch, SolidSampler, SolidSet
from kpcomplete.lifter.sight import Sight
from kpcomplete.objective.lift import relative, see
from kpcomplete.skeleton import CANONICAL, Skeleton

Lift = Callable[[Sight], Tensor]
"""From a sight to ``[B, T, 33, 3]`` metres in the camera's frame."""

LIMBS = ("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
         "left_knee", "right_knee", "left_ankle", "right_ankle")  # fmt: skip
CLEAN = "nothing hidden"
TRIALS: Mapping[str, Sequence[str]] = {
    CLEAN: (),
    "both legs": ("lower_body",),
    "left arm, knees, ankles": ("left_forearm", "legs"),
    "right arm, knees, ankles": ("right_forearm", "legs"),
}
"""What is gone for whole windows; of shoulders and `LIMBS` none or six."""
_EXTREMITIES = {"wrist": ("pinky", "index", "thumb"), "ankle": ("heel", "foot_index")}


@dataclass(frozen=True, kw_only=True, eq=False)
class Method:
    """A way from what was seen to 3D.

    Attributes:
        lift: The lifter.
        completer: Fills in what is missing before; None leaves the holes to the lifter.
        afterwards: Replaces what was not seen after lifting; None keeps it.
    """

    lift: Lift
    completer: Completer | None = None
    afterwards: Gaussian3D | None = None

    @torch.inference_mode()
    def __call__(self, clean: SolidBatch, hidden: Tensor) -> Tensor:
        """Return ``[B, T, 33, 3]`` of windows without the joints of ``hidden`` ``[B, T, 33]``."""
        points = self.lift(sight_of(clean, hidden, self.completer))
        if self.afterwards is None:
            return points
        return self.afterwards(points, clean.observed & ~hidden)


def sight_of(clean: SolidBatch, hidden: Tensor, completer: Completer | None) -> Sight:
    """See windows without the joints of ``hidden``, completed if there is a completer."""
    left = clean.hide(hidden)
    placement = normalize.fit(left)
    fill = torch.full((len(clean),), completer is not None)
    return see(clean, placement.into_body(left), placement, completer, fill)


def windows(data: SolidSet, *, count: int, length: int, seed: int) -> SolidBatch:
    """Return the same windows each time, through cameras of every kind."""
    sampler = SolidSampler(sets={"it": data}, shares={"it": 1.0}, lengths=[length])
    return sampler.draw(count, torch.Generator().manual_seed(seed))


def parts_hidden(clean: SolidBatch, parts: Sequence[str]) -> Tensor:
    """Return ``[B, T, 33]`` bool: joints of these parts, for whole windows."""
    if not parts:
        return torch.zeros_like(clean.observed)
    return part_masks(parts, clean.device).any(dim=0).expand_as(clean.observed)


def some_hidden(clean: SolidBatch, count: int, seed: int) -> Tensor:
    """Return ``[B, T, 33]`` bool: so many of the `LIMBS`, wrists with hands, ankles with feet."""
    skeleton = Skeleton.load(CANONICAL)
    draw = torch.rand(len(clean), len(LIMBS), generator=torch.Generator().manual_seed(seed))
    chosen = draw.argsort(dim=1).argsort(dim=1) < count
    out = torch.zeros(len(clean), len(skeleton), dtype=torch.bool)
    for place, joint in enumerate(LIMBS):
        side, _, base = joint.partition("_")
        group = [joint, *(f"{side}_{end}" for end in _EXTREMITIES.get(base, ()))]
        out[:, skeleton.indices(group)] |= chosen[:, [place]]
    return out[:, None].expand_as(clean.observed)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How good points are: mm, but for the last.

    Attributes:
        mpjpe: Mean error per joint, both poses at the middle of their shoulders.
        pa: The same after the best move, turn and scale of each pose.
        hidden: As ``mpjpe``, of joints that were hidden.
        seen: Of those that were not.
        scaled: As ``mpjpe`` after the best scale of each window: what is left if somebody tells
            how tall the person is.
        jitter: Acceleration over the truth's.
    """

    mpjpe: float
    pa: float
    hidden: float
    seen: float
    scaled: float
    jitter: float


def judge(points: Tensor, clean: SolidBatch, hidden: Tensor) -> Figures:
    """Compare points ``[B, T, 33, 3]`` with the truth, where both are known."""
    found, truth = relative(points), relative(clean.solid)
    known = truth.isfinite().all(dim=-1) & found.isfinite().all(dim=-1)
    off = 1000 * (found - truth).norm(dim=-1)
    both = known[..., None]
    a, b = torch.where(both, found, 0.0), torch.where(both, truth, 0.0)
    scale = (a * b).sum(dim=(1, 2, 3)) / (a * a).sum(dim=(1, 2, 3)).clamp_min(1e-9)
    scaled = 1000 * (a * scale[:, None, None, None] - b).norm(dim=-1)
    poses = [torch.where(both, x, torch.nan)[:, ::9].flatten(0, 1).numpy() for x in (found, truth)]
    return Figures(
        mpjpe=_mean(off, known),
        pa=1000 * metric.pa_mpjpe(*poses),
        hidden=_mean(off, known & hidden),
        seen=_mean(off, known & ~hidden),
        scaled=_mean(scaled, known),
        jitter=_trembling(a, known) / max(_trembling(b, known), 1e-9),
    )


def by_joint(points: Tensor, clean: SolidBatch) -> str:
    """Return the mean error of each joint that is known, mm, as text."""
    off = 1000 * (relative(points) - relative(clean.solid)).norm(dim=-1).flatten(0, 1)
    errors = zip(Skeleton.load(CANONICAL).joints, off.nanmean(dim=0).tolist(), strict=True)
    return ", ".join(f"{joint} {error:.0f}" for joint, error in errors if np.isfinite(error))


def _mean(values: Tensor, counted: Tensor) -> float:
    return float(values[counted].mean()) if bool(counted.any()) else float("nan")


def _trembling(points: Tensor, known: Tensor) -> float:
    if points.shape[1] < 3:
        return float("nan")
    change = (points[:, 2:] - 2 * points[:, 1:-1] + points[:, :-2]).norm(dim=-1)
    return _mean(change, known[:, 2:] & known[:, 1:-1] & known[:, :-2])


def table(cells: Mapping[tuple[str, str], Figures], figure: str) -> str:
    """Return one figure as text: a row a method, a column a trial."""
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    width = max(len(row) for row in rows) + 2
    lines = [figure.ljust(width) + "".join(f"{column:>27}" for column in columns)]
    for row in rows:
        values = [getattr(cells[row, c], figure) if (row, c) in cells else np.nan for c in columns]
        lines.append(row.ljust(width) + "".join(f"{value:>27.1f}" for value in values))
    return "\n".join(lines)
