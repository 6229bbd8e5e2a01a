"""Run the whole pipeline on the bundled clip, and compare what comes out with its truth."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from hydra import compose
from omegaconf import DictConfig

from kpcomplete import metric, sample
from kpcomplete.app.command import command
from kpcomplete.app.process import job_of
from kpcomplete.app.view import view
from kpcomplete.archive import read_archive
from kpcomplete.errors import MissingDependencyError, RenderError
from kpcomplete.manifest import DONE
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import Recording

HEAD = (
    f"{'seat':<10} {'joints':<8} {'number':>7} | {'detector':>8} {'within':>7} | "
    f"{'completed':>9} {'within':>7} {'missing':>8}"
)


@command("demo")
def main(cfg: DictConfig) -> None:
    """Process the clip, print the table of errors, and say where the pictures are."""
    source = Path(cfg.source.path or sample.CLIP)
    truth = sample.read_truth(source.with_suffix(".truth.parquet"))
    (entry,) = job_of(cfg)([str(source)])
    if entry.status != DONE:
        sys.exit(f"error: {entry.error}")
    stem = Path(cfg.output_dir) / source.stem
    recording = read_archive(f"{stem}.parquet")
    print(
        f"\n{entry.frames} frames in {entry.seconds:.0f} s. Mean distance from the truth in "
        "pixels, and the share of\njoints within 0.2 torso lengths of it. 'missing' was left open "
        "as unknowable.\n"
    )
    print(HEAD)
    print("-" * len(HEAD))
    for seat, true in truth.items():
        if seat not in recording.raw:
            print(f"{seat:<10} not watched: seats={cfg.seats}")
            continue
        for row in rows(true, recording.raw[seat], recording.completed[seat]):
            print(f"{seat:<10} {row}")
    for seat, text in (*solid(truth, recording), *said(recording)):
        print(f"{seat:<10} {text}")
    print("\nLook at:")
    for kind, ending in cfg.outputs.items():
        if ending:
            print(f"  {kind:<8} {stem}{ending}")
    for overrides in cfg.views:
        for path in _shown(stem, list(overrides)):
            print(f"  3D       {path}")


def _shown(stem: Path, overrides: list[str]) -> tuple[Path, ...]:
    """Show the result in 3D; where nothing can be drawn, say why."""
    try:
        return view(compose("view", [f"source.path={stem}.parquet", *overrides]))
    except (RenderError, MissingDependencyError) as error:
        print(f"3D is left out: {error}", file=sys.stderr)
        return ()


def solid(truth: Mapping[str, sample.Truth], recording: Recording) -> Iterator[tuple[str, str]]:
    """Yield a seat, and how far off its person is in 3D: the pose, and where the nose is."""
    for seat in sorted(truth.keys() & recording.joints3d.keys()):
        points, there = recording.joints3d[seat], truth[seat].joints3d
        pose, true = metric.from_shoulders(points), metric.from_shoulders(there)
        known = np.isfinite(pose[..., 0])
        off = 100 * metric.mean_error(pose, true, known)
        nose = 100 * metric.mean_error(points[:, 0], there[:, 0], known[:, 0])
        yield (
            seat,
            f"3D: joints {off:.1f} cm off, from the shoulders; nose {nose:.1f} cm, in the car",
        )


def said(recording: Recording) -> Iterator[tuple[str, str]]:
    """Yield a seat, and what its person was most of the time, task by task."""
    for seat, tasks in recording.decisions.items():
        found = []
        for task, decided in tasks.items():
            numbers, counts = np.unique(decided[decided >= 0], return_counts=True)
            if len(numbers):
                name = recording.tasks[task][numbers[counts.argmax()]].replace("_", " ")
                found.append(f"{task}: {name} ({counts.max() / len(decided):.0%} of the frames)")
        yield seat, ", ".join(found) or "nothing is decided"


def rows(truth: sample.Truth, raw: PoseSequence, completed: PoseSequence) -> Iterator[str]:
    """Yield a line of figures for the joints that the camera sees, and for those it does not."""
    near = metric.radius(metric.body_unit(truth.keypoints, raw.skeleton))
    for name, group in (("seen", truth.visible), ("hidden", ~truth.visible)):
        figures = []
        for pose in (raw, completed):
            given = group & ~pose.is_missing
            figures.append(metric.mean_error(pose.keypoints, truth.keypoints, given))
            figures.append(100 * metric.pck(pose.keypoints, truth.keypoints, near, given))
        missing = 100 * np.mean(completed.is_missing[group])
        yield (
            f"{name:<8} {group.sum():>7} | {figures[0]:>6.1f}px {figures[1]:>6.1f}% | "
            f"{figures[2]:>7.1f}px {figures[3]:>6.1f}% {missing:>7.1f}%"
        )
