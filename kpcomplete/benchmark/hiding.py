"""Joints of known people that are hidden on purpose, and how far off a completer puts them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark.trial import Trial, Windows
from kpcomplete.completer import Completer

ANSWERED = 0.95
"""Share of the hidden joints about which a method must say something to be measured."""
MOVED = 0.3
"""Body units by which a moving joint leaves its last place within a gap."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One trial, ready for any completer.

    Attributes:
        trial: What it is.
        windows: Where it is from.
        shown: What completers get: body units, fitted on what is not hidden.
        truth: ``[B, T, J, 2]`` in the same units.
        unit: ``[B]`` factor from these to the body unit S of the windows with nothing hidden.
        counted: ``[B, T, J]`` where errors count.
        moving: ``[B, 1, J]`` which joints leave their last place by `MOVED` within a gap.
    """

    trial: Trial
    windows: Windows
    shown: PoseBatch
    truth: Tensor
    unit: Tensor
    counted: Tensor
    moving: Tensor

    def of_view(self, view: str) -> "Task":
        """Return the part of it that is seen from one view."""
        rows = torch.tensor([v == view for v in self.windows.view])
        windows = replace(
            self.windows,
            clean=self.windows.clean.select(rows),
            clip=self.windows.clip[rows],
            start=self.windows.start[rows],
            person=tuple(p for p, r in zip(self.windows.person, rows.tolist(), strict=True) if r),
            view=tuple(v for v in self.windows.view if v == view),
        )
        return replace(
            self,
            windows=windows,
            shown=self.shown.select(rows),
            truth=self.truth[rows],
            unit=self.unit[rows],
            counted=self.counted[rows],
            moving=self.moving[rows],
        )


def hide(windows: Windows, trial: Trial, *, seed: int) -> Task:
    """Hide joints, and place the person by what is left.

    Of a gap those joints count that were seen before it, and after it unless causal.
    """
    clean = windows.clean
    hidden = _hidden(clean, trial, seed)
    counted = hidden & clean.observed
    before = clean.observed[:, : trial.place.start]
    after = clean.observed[:, trial.place.stop :]
    if trial.gap is not None:
        counted &= before.any(dim=1, keepdim=True)
        if not trial.causal:
            counted &= after.any(dim=1, keepdim=True)
    scale = normalize.fit(clean).scale
    moving = torch.zeros_like(clean.observed[:, :1])
    if trial.gap is not None:
        moving = _moving(clean, trial.place, scale)
    left = clean.hide(hidden)
    if trial.causal:  # nothing after it may place the person either
        left, clean = (x.frames(slice(0, trial.place.stop)) for x in (left, clean))
        counted = counted[:, : trial.place.stop]
    placed = normalize.fit(left)
    return Task(
        trial=trial,
        windows=windows,
        shown=placed.into_body(left),
        truth=placed.into_body(clean).keypoints,
        unit=placed.scale / scale,
        counted=counted,
        moving=moving,
    )


def _hidden(clean: PoseBatch, trial: Trial, seed: int) -> Tensor:
    size, time, joints = clean.observed.shape
    generator = torch.Generator().manual_seed(seed)
    if trial.ratio:
        return torch.rand(size, time, joints, generator=generator) < trial.ratio
    chosen = trial.joints().expand(size, joints)
    if trial.drawn:
        lot = torch.rand(size, joints, generator=generator)
        lot = torch.where(clean.observed.any(dim=1), lot, torch.inf)
        chosen = lot.argsort(dim=1).argsort(dim=1) < trial.drawn
    hidden = torch.zeros_like(clean.observed)
    hidden[:, trial.place] = chosen[:, None]
    return hidden


def _moving(clean: PoseBatch, place: slice, scale: Tensor) -> Tensor:
    """Return ``[B, 1, J]`` which joints leave the place before a gap by `MOVED` within it."""
    frames = torch.arange(place.start)[None, :, None]
    last = torch.where(clean.observed[:, : place.start], frames, 0).amax(dim=1, keepdim=True)
    start = clean.keypoints.gather(1, last[..., None].expand(-1, -1, -1, 2))
    away = (clean.keypoints[:, place] - start).norm(dim=-1) / scale[:, None, None]
    away = torch.where(clean.observed[:, place], away, 0.0)
    moving: Tensor = away.amax(dim=1, keepdim=True) > MOVED
    return moving


def errors(
    task: Task,
    completers: Mapping[str, Completer],
    fallback: Mapping[str, Completer],
    *,
    framewise: bool = False,
) -> dict[str, dict[str, float]]:
    """Return the mean distance of hidden joints from their places by view, in body units S.

    Args:
        task: What is hidden.
        completers: One a view.
        fallback: One a view, frame by frame; answers where a completer leaves a joint missing.
            What it leaves missing too is taken to be in the middle of the shoulders.
        framewise: The completers look at each frame by itself: frames without a question are
            left out.

    Returns:
        View to error of ``all`` that counts, and of ``moving`` joints; views without any are left
        out. NaN where the completer answers less than `ANSWERED` of all.
    """
    asked = task.trial.place
    found: dict[str, dict[str, float]] = {"all": {}, "moving": {}}
    for view in sorted(set(task.windows.view)):
        part = task.of_view(view)
        batch = part.shown
        if framewise:
            done = completers[view](batch.frames(asked))
        else:
            done = completers[view](batch).frames(asked)
        counted, points = part.counted[:, asked], done.keypoints
        silent = counted & ~done.observed
        if silent.any():
            spare = fallback[view](part.shown.frames(asked)).keypoints
            points = torch.where(silent[..., None], spare, points)
        apart = (points - part.truth[:, asked]).norm(dim=-1) * part.unit[:, None, None]
        if silent.sum() > (1 - ANSWERED) * counted.sum():
            apart = torch.full_like(apart, torch.nan)
        for name, where in (("all", counted), ("moving", counted & part.moving)):
            if where.any():
                found[name][view] = float(apart[where].mean())
    return found


def macro(by_view: Mapping[str, float]) -> float:
    """Return the mean over views, each weighing the same."""
    return sum(by_view.values()) / len(by_view) if by_view else float("nan")
