"""Curves of joints over time, as small multiples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kpcomplete.pose import Array, Visibility

SEEN, COMPLETED, HIDDEN = "#2a6f97", "#d1495b", "#ececec"
BINS = 1200  # of time; more would not be seen
_DPI = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One joint of one seat over T frames.

    Attributes:
        seat: Whose joint.
        joint: Its name.
        times: ``[T]`` seconds.
        values: ``[T, 5]`` x, y, their standard deviations in pixels (NaN where unknown), state.
    """

    seat: str
    joint: str
    times: Array
    values: Array


def figure(tracks: Sequence[Track], *, name: str, left_out: int = 0) -> Figure:
    """Return one row for each track, with x and y beside each other.

    Args:
        tracks: Ordered by seat.
        name: Of the recording, for the title.
        left_out: People who are not shown; the title tells.
    """
    title = PurePath(name).name or "keypoints over time"
    if left_out:
        title += f"  ({left_out} more people are not shown)"
    if not tracks or not len(tracks[0].times):
        return _notice(title, "nobody was watched" if not tracks else "no frames")
    height = 1.15 * len(tracks) + 1.3
    out = Figure(figsize=(14, height), dpi=_DPI)
    FigureCanvasAgg(out)
    axes = out.subplots(len(tracks), 2, sharex=True, squeeze=False)
    for row, track in zip(axes, tracks, strict=True):
        for side, ax in enumerate(row):
            _draw(ax, track, side)
            ax.set_ylabel("xy"[side] + " (px)", fontsize=8)
        row[0].set_title(f"{track.seat}: {track.joint}", loc="left", fontsize=9, pad=3)
        row[1].invert_yaxis()  # up is up
    for ax in axes[-1]:
        ax.set_xlabel("time (s)", fontsize=9)
    out.suptitle(title, x=0.01, y=1 - 0.12 / height, ha="left", va="top", fontsize=11)
    out.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="upper right",
        bbox_to_anchor=(0.995, 1 - 0.05 / height),
        ncols=4,
        fontsize=9,
        frameon=False,
    )
    out.subplots_adjust(
        left=0.05, right=0.995, top=1 - 0.75 / height, bottom=0.5 / height, hspace=0.5, wspace=0.09
    )
    return out


def _notice(title: str, text: str) -> Figure:
    out = Figure(figsize=(8, 2.5), dpi=_DPI)
    FigureCanvasAgg(out)
    out.suptitle(title, x=0.02, ha="left", fontsize=11)
    out.text(0.5, 0.45, text, ha="center", va="center", fontsize=14, color="0.4")
    return out


def _draw(ax: Any, track: Track, side: int) -> None:
    value, std, state = track.values[:, side], track.values[:, 2 + side], track.values[:, 4]
    step = max(1, -(-len(value) // BINS))
    edges = track.times[::step]
    hidden = _binned(np.where(state == Visibility.OBSERVED, 0.0, 1.0), step)[1] > 0
    width = np.diff(edges, append=edges[-1] + _typical(edges))
    starts, lengths = _runs(hidden, edges, width)
    ax.broken_barh(
        list(zip(starts, lengths, strict=True)),
        (0, 1),
        transform=ax.get_xaxis_transform(),
        facecolor=HIDDEN,
        label="not seen",
        zorder=0,
    )
    completed = np.where(state == Visibility.COMPLETED, value, np.nan)
    spread = 2 * np.where(np.isfinite(std), std, 0)
    low, high = _binned(completed - spread, step)[0], _binned(completed + spread, step)[1]
    middle = edges + width / 2 * (step > 1)
    ax.fill_between(middle, low, high, color=COMPLETED, alpha=0.25, lw=0, label="± 2 std")
    seen = np.where(state == Visibility.OBSERVED, value, np.nan)
    _curve(ax, middle, completed, step, COMPLETED, "completed")
    _curve(ax, middle, seen, step, SEEN, "seen")
    if not (state > 0).any():
        ax.text(0.5, 0.5, "missing throughout", transform=ax.transAxes, ha="center", va="center",
                fontsize=9, color="0.45")  # fmt: skip
        ax.set_yticks([])
    _limit(ax, value, completed, spread)
    ax.set_xlim(edges[0], edges[-1] + width[-1])
    ax.tick_params(labelsize=7, length=2)
    ax.grid(visible=True, lw=0.4, color="0.9")
    ax.spines[["top", "right"]].set_visible(False)


def _limit(ax: Any, value: Array, completed: Array, spread: Array) -> None:
    """Leave room for the bands, but let none flatten the curves."""
    if not np.isfinite(value).any():
        return
    low, high = np.nanmin(value), np.nanmax(value)
    room = max(high - low, 20.0)
    band = np.nanmax(np.where(np.isfinite(completed), spread, 0.0), initial=0.0)
    margin = 0.08 * room + min(band, room)
    ax.set_ylim(low - margin, high + margin)


def _curve(ax: Any, middle: Array, value: Array, step: int, colour: str, label: str) -> None:
    """Draw a curve; of many frames, the lowest and the highest of each bin."""
    low, high = _binned(value, step)
    if step == 1:
        ax.plot(middle, value, color=colour, lw=1.1, label=label)
        alone = (
            np.isfinite(value) & ~np.isfinite(np.roll(value, 1)) & ~np.isfinite(np.roll(value, -1))
        )
        ax.plot(middle[alone], value[alone], ".", color=colour, ms=2.5)
    else:
        both = np.stack([low, high], axis=1).reshape(-1)
        ax.plot(np.repeat(middle, 2), both, color=colour, lw=0.9, label=label)


def _binned(value: Array, step: int) -> tuple[Array, Array]:
    """Return the lowest and highest of each ``step`` values, NaN only where all are."""
    padded = np.concatenate([value, np.full(-len(value) % step, np.nan, dtype=value.dtype)])
    bins = padded.reshape(-1, step)
    return np.fmin.reduce(bins, axis=1), np.fmax.reduce(bins, axis=1)


def _typical(edges: Array) -> float:
    return float(np.median(np.diff(edges))) if len(edges) > 1 else 1 / 30


def _runs(flags: Array, edges: Array, width: Array) -> tuple[Array, Array]:
    """Return start and length in seconds of the stretches where ``flags`` holds."""
    change = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    first, last = np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1
    return edges[first], edges[last] + width[last] - edges[first]
