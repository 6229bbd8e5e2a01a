"""Pictures of a comparison: errors over severity, calibration, worst cases."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from kpcomplete import metric
from kpcomplete.comparison import Comparison
from kpcomplete.metric import Array
from kpcomplete.robustness import Case, Trial
from kpcomplete.score import LEVELS
from kpcomplete.skeleton import CANONICAL, Skeleton

JUDGED, SEEN, TRUE = "#d1495b", "#2a6f97", "#9a9a9a"
_FAINT_JUDGED, _FAINT_TRUE = "#ecc3c7", "#c4c4c4"
_OTHERS = ("#2a6f97", "#e9a03b", "#4f9d69", "#8661c1", "#6b6b6b", "#b07d62", "#3fa7a3", "#c77dae",
           "#a3a500", "#5a7fd6", "#bdbdbd")  # fmt: skip
_MARKS = "sD^vPX<>*hp"
_WIDTH, _DPI = 5.4, 140


def curves(comparison: Comparison, trials: Sequence[Trial], axis: str, *, ordered: bool) -> bytes:
    """Return a PNG of errors over the levels of one family in one mode.

    Args:
        comparison: The figures.
        trials: One a level, in order.
        axis: What the levels are.
        ordered: Whether to draw curves over numbers, or dots beside words.
    """
    known = comparison.findings.completers[trials[0].mode]
    names = [n for n in known if any(np.isfinite(comparison.figures[t][n].error) for t in trials)]
    out, ax = _new(4.6 if ordered else 1.7 + 0.55 * len(trials))
    for i, name in enumerate(names):
        shift = 0.0 if ordered else (i - (len(names) - 1) / 2) * 0.7 / len(names)
        _levels(ax, comparison, trials, name, shift, ordered=ordered)
    found = [comparison.figures[trial][name].error for trial in trials for name in names]
    sizes = np.array([error for error in found if np.isfinite(error) and error > 0])
    log = len(sizes) > 0 and sizes.max() > 8 * sizes.min()
    words = [trial.level.replace("_", " ") for trial in trials]
    if ordered:
        ax.set_xticks(range(len(words)), words)
        ax.set_xlabel(axis)
        _scale(ax.yaxis, ax.set_yscale, log)
        ax.set_ylabel("mean error, body units")
    else:
        ax.set_yticks(range(len(words)), words)
        ax.set_ylim(len(words) - 0.5, -0.5)
        _scale(ax.xaxis, ax.set_xscale, log)
        ax.set_xlabel("mean error, body units")
        for edge in range(1, len(words)):
            ax.axhline(edge - 0.5, color="#e3e3e3", linewidth=0.8)
    return _legend_below(out, ax, 4)


def _levels(
    ax: Any,
    comparison: Comparison,
    trials: Sequence[Trial],
    name: str,
    shift: float,
    *,
    ordered: bool,
) -> None:
    """Draw one completer's errors: a curve upwards, or dots to the right, moved a little."""
    figures = [comparison.figures[trial][name] for trial in trials]
    place, error = np.arange(len(trials)) + shift, np.array([f.error for f in figures])
    style = _style(comparison, name)
    if not ordered:
        style["linestyle"] = "none"
    x, y = (place, error) if ordered else (error, place)
    ax.plot(x, y, **style, label=name)
    part = np.array([figure.is_partial for figure in figures])
    ax.plot(x[part], y[part], **style | {"linestyle": "none", "zorder": 9, "mfc": "white"})
    band = [figure.interval for figure in figures]
    if ordered and name in comparison.judged and all(band):
        low, high = np.array(band, dtype=float).T
        ax.fill_between(place, low, high, color=style["color"], alpha=0.15, linewidth=0)


def calibration(comparison: Comparison, trials: Sequence[Trial]) -> bytes:
    """Return a PNG of what regions hold against what they should, over some trials."""
    names = list(comparison.figures[trials[0]])
    out, ax = _new(5.2)
    nominal = 100 * np.array(LEVELS)
    ax.plot([45, 100], [45, 100], color="#444444", linestyle=(0, (4, 3)), label="as it should be")
    for name in names:
        shares = np.array([comparison.figures[trial][name].coverage for trial in trials])
        known = np.isfinite(shares).all(axis=1)
        if known.any():
            ax.plot(nominal, 100 * shares[known].mean(axis=0), label=name,
                    **_style(comparison, name))  # fmt: skip
    ax.set_xticks(nominal, [f"{x:g}" for x in nominal])
    ax.set_xlim(47, 98)
    ax.set_ylim(bottom=min(45, ax.get_ylim()[0]), top=101)
    ax.set_xlabel("region should hold (%)")
    ax.set_ylabel("region holds (%)")
    return _legend_below(out, ax, 4)


def worst(case: Case) -> bytes:
    """Return a PNG of the true pose, what was seen of it, and the completion."""
    out = Figure(figsize=(1.35 * _WIDTH, 2.7), dpi=_DPI)
    FigureCanvasAgg(out)
    axes = out.subplots(1, 3)
    seen = np.isfinite(case.seen).all(axis=-1)
    known = np.isfinite(case.truth).all(axis=-1)
    filled = np.isfinite(case.answer).all(axis=-1) & ~seen
    wanted = case.counted & filled
    _pose(axes[0], case.truth, {TRUE: known})
    _pose(axes[1], case.seen, {SEEN: seen})
    _pose(axes[2], case.truth, {_FAINT_TRUE: known})
    for joint in np.flatnonzero(wanted):
        _region(axes[2], case.answer[joint], case.covariance[joint])
        way = np.stack([case.truth[joint], case.answer[joint]])
        axes[2].plot(*way.T, color=JUDGED, linewidth=0.9, linestyle=":")
    _pose(axes[2], case.answer, {SEEN: seen, _FAINT_JUDGED: filled & ~wanted, JUDGED: wanted})
    axes[2].plot(*case.answer[wanted].T, "o", color=JUDGED, mfc="white", markersize=4, zorder=6)
    for ax, title in zip(axes, ("true", "seen", "completed"), strict=True):
        _frame(ax, np.concatenate([case.truth, case.answer]))
        ax.text(0.02, 0.98, title, transform=ax.transAxes, va="top", fontsize=11)
    out.subplots_adjust(left=0, right=1, top=1, bottom=0, wspace=0.02)
    return _png(out)


def _pose(ax: Any, points: Array, colours: Mapping[str, Array]) -> None:
    """Draw the joints ``[J]`` of each colour, and bones in the last colour of their ends."""
    order = [np.flatnonzero([mask[j] for mask in colours.values()]) for j in range(len(points))]
    names = list(colours)
    for a, b in Skeleton.load(CANONICAL).bone_indices:
        if len(order[a]) and len(order[b]):
            colour = names[max(order[a][-1], order[b][-1])]
            ax.plot(*points[[a, b]].T, linewidth=1.4, solid_capstyle="round", color=colour)
    for colour, mask in colours.items():
        ax.plot(*points[mask].T, "o", color=colour, markersize=3)


def _region(ax: Any, centre: Array, covariance: Array) -> None:
    """Draw the ellipse that should hold 90 %."""
    if not np.isfinite(covariance).all() or np.linalg.det(covariance) <= 0:
        return
    sizes, axes = np.linalg.eigh(covariance)
    width, height = 2 * np.sqrt(sizes * metric.chi_square(0.9))
    angle = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
    ax.add_patch(
        Ellipse(
            (centre[0], centre[1]),
            width,
            height,
            angle=angle,
            alpha=0.12,
            color=JUDGED,
            linewidth=0,
        )
    )


def _frame(ax: Any, points: Array) -> None:
    """Look at all points, downwards as images do, in one scale for both axes."""
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    middle, reach = (low + high) / 2, 0.54 * max(*(high - low), 1e-6)
    ax.set_xlim(middle[0] - reach, middle[0] + reach)
    ax.set_ylim(middle[1] + reach, middle[1] - reach)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_color("#dddddd")


def _style(comparison: Comparison, name: str) -> dict[str, Any]:
    """Return how a completer is drawn; the same in all pictures."""
    if name in comparison.judged:
        return {"color": JUDGED, "linewidth": 2.6, "marker": "o", "markersize": 6, "zorder": 8}
    known = dict.fromkeys(n for names in comparison.findings.completers.values() for n in names)
    place = [n for n in known if n not in comparison.judged].index(name)
    colour, mark = _OTHERS[place % len(_OTHERS)], _MARKS[place % len(_MARKS)]
    return {"color": colour, "linewidth": 1.2, "marker": mark, "markersize": 4.5, "zorder": 4}


def _new(height: float) -> tuple[Figure, Any]:
    out = Figure(figsize=(_WIDTH, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(out)
    ax = out.subplots()
    ax.grid(color="#ececec")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=10)
    return out, ax


def _scale(axis: Any, change: Any, log: bool) -> None:
    """Make an axis logarithmic with plain numbers, or start it at 0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not log:
        axis.axes.set(**{"xlim" if axis.axis_name == "x" else "ylim": (0, None)})
        return
    change("log")
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _legend_below(out: Figure, ax: Any, columns: int) -> bytes:
    handles, labels = ax.get_legend_handles_labels()
    shown: Mapping[str, Any] = dict(zip(labels, handles, strict=True))
    out.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=columns,
               frameon=False, fontsize=8.5, columnspacing=1.2, handlelength=1.6)  # fmt: skip
    return _png(out)


def _png(out: Figure) -> bytes:
    buffer = io.BytesIO()
    out.savefig(buffer, format="png", pil_kwargs={"optimize": True})
    return buffer.getvalue()
