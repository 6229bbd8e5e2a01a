"""Simulated against measured errors of a detector, as pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kpcomplete.benchmark.noise_fit import Pairs
from kpcomplete.corruption.mediapipe_noise import CAUSES
from kpcomplete.output import whole


def plot_noise(path: str | Path, measured: Sequence[Pairs], simulated: Sequence[Pairs]) -> None:
    """Draw distributions of distance and visibility under each cause.

    Raises:
        OutputError: If the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * len(CAUSES), 6), layout="constrained")
    axes = figure.subplots(2, len(CAUSES))
    for column, name in enumerate(CAUSES):
        for row, (value, label) in enumerate(
            (("distance", "body units off"), ("confidence", "reported visibility"))
        ):
            ax = axes[row, column]
            for scenes, style in ((measured, {"lw": 3, "alpha": 0.5}), (simulated, {"lw": 1})):
                values = np.sort(
                    np.concatenate(
                        [getattr(s, value)[(s.cause == column) & s.found] for s in scenes]
                    )
                )
                text = "measured" if scenes is measured else "simulated"
                ax.plot(values, np.linspace(0, 1, len(values)), label=text, **style)
            if value == "distance":
                ax.set_xscale("log")
                ax.set_xlim(0.005, 10)
            ax.set_title(name)
            ax.set_xlabel(label)
    axes[0, 0].set_ylabel("share of joints")
    axes[0, 0].legend()
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
