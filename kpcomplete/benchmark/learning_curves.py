"""How well classes are told with more and more labels, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kpcomplete.output import whole

_NAMES = {"with": "with completion", "without": "seen joints only"}


def interval(values: Sequence[float]) -> float:
    """Return half of the 95 % interval of the mean of draws."""
    return float(1.96 * np.nanstd(values) / max(len(values) - 1, 1) ** 0.5)


def plot_curves(
    path: str | Path,
    rows: Mapping[str, Sequence[float]],
    tasks: Sequence[str],
    shares: Sequence[float],
) -> None:
    """Draw macro-F1 and AUROC of each task against the share of labels, with 95 % intervals.

    Args:
        path: Picture to write, ``.png``.
        rows: ``NETWORK TASK, as seen, FIGURE_PERCENT`` to the values of all draws.
        tasks: Their names.
        shares: Of the labels, 0..1.

    Raises:
        OutputError: If the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(tasks), 7), layout="constrained")
    axes = figure.subplots(2, len(tasks), sharex=True, squeeze=False)
    for column, task in enumerate(tasks):
        for row, (key, label) in enumerate((("macro_f1", "macro-F1"), ("auroc", "AUROC"))):
            ax = axes[row, column]
            for network, name in _NAMES.items():
                draws = [rows[f"{network} {task}, as seen, {key}_{100 * s:g}"] for s in shares]
                ax.errorbar(
                    [100 * s for s in shares], [np.nanmean(d) for d in draws],
                    yerr=[interval(d) for d in draws], marker="o", capsize=3, label=name,
                )  # fmt: skip
            ax.set_xscale("log")
            ax.set_ylim(0 if key == "macro_f1" else 0.5, 1)
            ax.set_title(f"{task}, people nobody knows")
            ax.set_ylabel(label)
            ax.grid(alpha=0.3)
        axes[1, column].set_xlabel("% of the labels")
    axes[0, 0].legend()
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
