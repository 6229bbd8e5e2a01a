"""Pictures of lifting: errors over what is missing, and poses side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kpcomplete.benchmark.lift_drawn import Drawn
from kpcomplete.benchmark.lift_real import Chain
from kpcomplete.camera import Camera
from kpcomplete.output import whole
from kpcomplete.pose import Array, Visibility
from kpcomplete.skeleton import CANONICAL, Skeleton

_SEEN, _FILLED, _TRUE = "#2a6f97", "#d1495b", "#8a8a8a"
_DPI = 110


def curves(path: Path, errors: Mapping[str, Sequence[float]], missing: Sequence[int]) -> None:
    """Draw mean errors per joint, mm, over the number of missing joints, a line a method."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axis = figure.add_subplot()
    for name, values in errors.items():
        axis.plot(missing, values, marker="o", label=name)
    axis.set_xlabel("joints of arms and legs that are never seen, of 10")
    axis.set_ylabel("mean error per joint, mm")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    _save(figure, path)


def side_by_side(path: Path, people: Sequence[Drawn], chain: Chain) -> None:
    """Draw the middle frame of each person: detected, completed, and in 3D beside the truth."""
    figure = Figure(figsize=(15, 3.6 * len(people)), layout="constrained")
    for row, person in enumerate(people):
        raw = person.poses()
        done = chain.completed(raw)
        solid = chain.solid(done, person.camera)
        frame = len(raw) // 2
        limits = _limits(person.camera)
        for column, (name, poses) in enumerate((("detected", raw), ("completed", done))):
            axis = figure.add_subplot(len(people), 4, 4 * row + column + 1)
            shown = poses.keypoints[frame]
            filled = poses.visibility[frame] == Visibility.COMPLETED
            _flat(axis, person.camera.project(person.truth[frame]), _TRUE, None)
            _flat(axis, shown, _SEEN, filled)
            axis.set(title=f"{person.name}: {name} (red: filled in)", aspect="equal", **limits)
        for column, (name, turn) in enumerate((("3D, as seen", 0.0), ("3D, from the side", 80.0))):
            axis = figure.add_subplot(len(people), 4, 4 * row + column + 3)
            for points, colour in ((person.truth, _TRUE), (solid.points, _SEEN)):
                turned = _turned(points[frame], turn)
                hidden = ~person.visible[frame] if colour is _SEEN else None
                _flat(axis, turned, colour, hidden)
            axis.set(title=f"{name}, m (grey: true, red: hidden)", aspect="equal")
            axis.invert_yaxis()
    _save(figure, path)


def _flat(axis: Any, points: Array, colour: str, marked: Array | None) -> None:
    for first, second in Skeleton.load(CANONICAL).bone_indices:
        axis.plot(*points[[first, second]].T, color=colour, linewidth=1.4)
    plain = np.ones(len(points), dtype=bool) if marked is None else ~marked
    axis.scatter(*points[plain].T, s=7, color=colour, zorder=3)
    axis.scatter(*points[~plain].T, s=12, color=_FILLED, zorder=4)


def _turned(points: Array, degrees: float) -> Array:
    """Return ``[J, 2]`` metres right and down of a pose turned about the upright axis."""
    ends = Skeleton.load(CANONICAL).indices(["left_shoulder", "right_shoulder"])
    x, y, z = (points - points[ends].mean(axis=0)).T
    angle = np.radians(degrees)
    return np.stack([np.cos(angle) * x + np.sin(angle) * z, y], axis=-1)


def _limits(camera: Camera) -> dict[str, Any]:
    """Return the image, and half of it below: where legs are."""
    return {"xlim": (0, camera.width), "ylim": (1.5 * camera.height, 0)}


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, format="png")
