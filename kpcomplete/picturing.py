"""Pictures of explanations, of scores over time, and of what an encoder knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kpcomplete.batch import PoseBatch
from kpcomplete.head.explanation import Explanation
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton


def explanation(path: str | Path, found: Explanation, window: PoseBatch, fps: float) -> None:
    """Draw the last pose of a window, each joint as red as it spoke for the class (blue: against).

    Beside it stands what each moment carried. Joints that were seen earlier only are hollow.
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    panels: Any = figure.subplots(1, 2, width_ratios=(1, 1.2))
    body, curve = panels
    skeleton = Skeleton.load(CANONICAL)
    seen = window.observed[0].numpy()
    last = np.where(seen.any(axis=0), len(seen) - 1 - seen[::-1].argmax(axis=0), 0)
    points = window.keypoints[0].numpy()[last, np.arange(len(last))]
    points = np.where(seen.any(axis=0)[:, None], points, np.nan)
    body.plot(*points[skeleton.bone_indices].transpose(2, 1, 0), color="0.8", zorder=1)
    value = found.joints.numpy()
    limit = max(float(np.abs(value).max()), 1e-6)
    now = seen[-1]
    earlier = ~now & seen.any(axis=0)
    body.scatter(*points[earlier].T, s=90, facecolors="none", edgecolors="0.6", zorder=2)
    body.scatter(*points[now].T, c=value[now], s=90, cmap="coolwarm", vmin=-limit, vmax=limit,
                 edgecolors="0.2", zorder=2)  # fmt: skip
    best = np.argsort(-value)[:3]
    for joint in best[value[best] > 0]:
        body.annotate(skeleton.joints[joint], points[joint], xytext=(6, 6),
                      textcoords="offset points", fontsize=8)  # fmt: skip
    body.invert_yaxis()
    body.set_aspect("equal")
    body.set_axis_off()
    body.set_title(f"{found.task}: {found.answer}\nred speaks for it, blue against")
    times = (np.arange(len(found.moments)) - len(found.moments) + 1) / fps
    curve.plot(times, found.moments.numpy(), label="without the moment")
    if found.gradients is not None:
        curve.plot(times, found.gradients.sum(dim=1).numpy(), label="integrated gradients")
    curve.axhline(0, color="0.8")
    curve.set_xlabel("seconds before the decision")
    curve.set_ylabel("log odds carried")
    curve.legend()
    _save(figure, path)


def timeline(
    path: str | Path,
    times: Array,
    scores: Mapping[str, Array],
    limits: Mapping[str, float],
    flagged: Mapping[str, Sequence[tuple[int, int]]],
) -> None:
    """Draw scores ``[T]`` over seconds, a row a seat, with their thresholds and flagged spans."""
    figure = Figure(figsize=(10, 1 + 1.8 * len(scores)), layout="constrained")
    rows = figure.subplots(len(scores), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, score) in zip(rows, scores.items(), strict=True):
        axes.plot(times, score, linewidth=0.8)
        axes.axhline(limits[name], color="tab:red", linestyle="--", linewidth=0.8)
        for begin, end in flagged[name]:
            axes.axvspan(times[begin], times[min(end, len(times) - 1)], color="tab:red", alpha=0.2)
        axes.set_ylabel(name)
    rows[-1].set_xlabel("seconds")
    _save(figure, path)


def maps(path: str | Path, places: Mapping[str, Array], kinds: Array, title: str) -> None:
    """Draw maps ``[N, 2]`` or ``[N, 3]`` of frames beside each other, coloured by kind ``[N]``."""
    figure = Figure(figsize=(4.5 * len(places), 4.5), layout="constrained")
    for i, (name, points) in enumerate(places.items()):
        solid = points.shape[1] == 3
        axes: Any = figure.add_subplot(1, len(places), i + 1, projection="3d" if solid else None)
        axes.scatter(*points.T, c=kinds, s=5, cmap="tab20")
        axes.set_title(f"{name}, {title}")
        axes.set_xticks([])
        axes.set_yticks([])
    _save(figure, path)


def poses(path: str | Path, points: Array, titles: Sequence[str]) -> None:
    """Draw poses ``[N, 33, 2]`` in body units in a row; NaN where unknown."""
    figure = Figure(figsize=(1.8 * len(points), 2.8), layout="constrained")
    for axes, pose, title in zip(
        figure.subplots(1, len(points), squeeze=False)[0], points, titles, strict=True
    ):
        _skeleton(axes, pose)
        axes.set_title(title, fontsize=8)
    _save(figure, path)


def _skeleton(axes: Axes, pose: Array) -> None:
    bones = Skeleton.load(CANONICAL).bone_indices
    axes.plot(*pose[bones].transpose(2, 1, 0), color="tab:blue")
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(2.5, -1.3)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _save(figure: Figure, path: str | Path) -> None:
    with whole(path) as target:
        figure.savefig(target, format="png", dpi=110)
