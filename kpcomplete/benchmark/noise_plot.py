"""Simulated against measured errors of a detector, as pictures."""

from pathlib import Path

import numpy as np

from kpcomplete.benchmark.noise_pairs import Samples
from kpcomplete.corruption.noise_tables import CAUSES, DEGREES
from kpcomplete.output import whole

_FEW = 100  # samples that a line needs
_MIDDLE = len(DEGREES) // 2  # the first degree of occlusion that is called much
_STYLES: dict[str, dict[str, float]] = {
    "measured": {"lw": 4, "alpha": 0.35},
    "simulated": {"lw": 1},
}
_DEGREES = {
    f"under {DEGREES[_MIDDLE - 1]:.0%} hidden near it": "C0",
    f"over {DEGREES[_MIDDLE - 1]:.0%} hidden near it": "C1",
}


def plot_noise(path: str | Path, measured: Samples, simulated: Samples) -> None:
    """Draw distributions of distance and visibility under each cause, by degree of occlusion.

    Raises:
        OutputError: If the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(CAUSES), 6), layout="constrained")
    axes = figure.subplots(2, len(CAUSES), sharey=True)
    for column, name in enumerate(CAUSES):
        for row, (value, label) in enumerate(
            (("far", "body units off"), ("sure", "reported visibility"))
        ):
            ax = axes[row, column]
            for much, (degree, colour) in enumerate(_DEGREES.items()):
                both = [getattr(d, value)[(d.cause == column) & ((d.degree >= _MIDDLE) == much)]
                        for d in (measured, simulated)]  # fmt: skip
                if len(both[0]) < _FEW:
                    continue
                for values, (word, style) in zip(both, _STYLES.items(), strict=True):
                    share = np.linspace(0, 1, len(values))
                    text = f"{word}, {degree}"
                    ax.plot(np.sort(values), share, color=colour, label=text, **style)
            if value == "far":
                ax.set_xscale("log")
                ax.set_xlim(0.005, 10)
            ax.set_title(name)
            ax.set_xlabel(label)
    for ax in axes[:, 0]:
        ax.set_ylabel("share of joints")
    lines = {text: line for ax in axes.flat for line, text in zip(*ax.get_legend_handles_labels(),
                                                                   strict=True)}  # fmt: skip
    figure.legend(lines.values(), lines, loc="outside lower center", ncols=4)
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
