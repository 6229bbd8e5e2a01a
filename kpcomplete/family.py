"""All autoencoders side by side: the same data, the same time, people whom none has seen."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from kpcomplete import training
from kpcomplete.corruption import Corruption
from kpcomplete.data import Data
from kpcomplete.errors import SettingError
from kpcomplete.model import Autoencoder
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.penalty import Penalty
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer

Figures = Mapping[str, Mapping[str, float]]  # trial to figures of `Reconstruct.evaluate`
_MODES = ("offline", "causal")


@dataclass(kw_only=True)
class Member:
    """One of the family.

    Attributes:
        model: The network.
        good_for: What to choose it for, in a few words.
        corruption: How joints get lost in its training; None as for all others.
        penalty: What its latents are charged for.
        pretraining: See `kpcomplete.trainer.Trainer`.
    """

    model: Autoencoder
    good_for: str
    corruption: Corruption | None = None
    penalty: Penalty | None = None
    pretraining: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known of a member.

    Attributes:
        name: Of the member.
        good_for: As the member says.
        parameters: How many it learned.
        steps: How many it took in its time, pretraining left out.
        seconds: How long they took.
        figures: What was measured.
    """

    name: str
    good_for: str
    parameters: int = 0
    steps: int = 0
    seconds: float = 0.0
    figures: Figures = field(default_factory=dict)


def compare(
    *,
    members: Mapping[str, Member],
    objective: Callable[..., Reconstruct],
    corruption: Corruption,
    data: Mapping[str, Data],
    trainer: Trainer,
    trials: Mapping[str, Corruption],
    held_out: Sequence[str],
    output: str | Path,
    shares: Mapping[str, float] | None = None,
    only: Sequence[str] | None = None,
    length: int = 160,
    windows: int = 200,
    quick: bool = False,
) -> list[Row]:
    """Train every member for the same time or steps, and write and print one table.

    Args:
        members: By name.
        objective: Makes what is learned from ``model``, ``corruption`` and ``penalty``.
        corruption: How joints get lost in the training of members that do not bring their own,
            and in the calibration of all.
        data: The data sets, by name.
        trainer: How long and how fast each is trained.
        trials: Corruptions by name, under which all are measured.
        held_out: People who are not trained on, and on whom all are measured.
        output: Path without ending: ``.csv`` and ``.md`` are written, anew after every member.
        shares: Name of a data set to share of the windows.
        only: Names of members; None for all.
        length: Frames of a window.
        windows: How many of held-out people calibrate, and how many more measure.
        quick: Ten steps on few windows, to see whether everything fits together.

    Returns:
        The rows, with one for interpolation first.

    Raises:
        SettingError: If ``only`` names strangers, or nobody is held out.
    """
    names = list(members) if only is None else list(only)
    if not names or not set(names) <= set(members):
        raise SettingError(f"only must name some of {', '.join(members)}, but names {names}")
    if quick:
        windows, trainer = 16, replace(trainer, steps=10, minutes=None, warmup=2)
    seen, unseen = training.split({name: d.load() for name, d in data.items()}, held_out)
    share = {name: dict(shares).get(name, 1.0) for name in unseen} if shares else None
    train = Sampler(sets=seen, shares=shares, length=length)
    test = Sampler(sets=unseen, shares=share, length=length)
    material = train.draw(16 if quick else 2000, torch.Generator().manual_seed(trainer.seed))
    draw = torch.Generator().manual_seed(trainer.seed + 1)
    calibrating, judging = test.draw(windows, draw), test.draw(windows, draw)
    rows: list[Row] = []
    for name in names:
        member = members[name]
        learned = objective(
            model=member.model,
            corruption=member.corruption or corruption,
            penalty=member.penalty,
        )
        learned.prepare(material)
        done = replace(trainer, pretraining=member.pretraining).fit(learned, train)
        learned.to("cpu").corruption = corruption
        learned.calibrate(calibrating)
        row = Row(
            name=name,
            good_for=member.good_for,
            parameters=sum(p.numel() for p in learned.network.parameters()),
            steps=done.step,
            seconds=done.seconds,
            figures=training.measure(learned, judging, trials),
        )
        rows = [*(rows or [line_of(row)]), row]
        write(Path(output), rows)
    print(markdown(rows))
    return rows


def line_of(row: Row) -> Row:
    """Return how interpolation and holding do where a member was measured."""
    kept = {f"{mode}_baseline": f"{mode}_error" for mode in _MODES}
    figures = {
        trial: {kept[name]: value for name, value in found.items() if name in kept}
        for trial, found in row.figures.items()
    }
    # joints that nobody saw have no line: where some are missing, its error is that of fewer
    whole = {
        trial: {} if "offline_error_seen" not in row.figures[trial] else found
        for trial, found in figures.items()
    }
    return Row(name="straight line", good_for="gaps, where seen at both ends", figures=whole)


def write(output: Path, rows: Sequence[Row]) -> None:
    """Write all figures as CSV, body units, and the errors as a table in Markdown."""
    output.parent.mkdir(parents=True, exist_ok=True)
    columns = sorted({(t, f) for row in rows for t, found in row.figures.items() for f in found})
    with output.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        head = [f"{trial} {figure}" for trial, figure in columns]
        table.writerow(["model", "parameters", "steps", "seconds", *head, "good for"])
        for row in rows:
            cells = [row.figures.get(trial, {}).get(figure, "") for trial, figure in columns]
            table.writerow([row.name, row.parameters, row.steps, row.seconds, *cells, row.good_for])
    output.with_suffix(".md").write_text(markdown(rows) + "\n", encoding="utf-8")


def markdown(rows: Sequence[Row]) -> str:
    """Return a table of errors in hundredths of a body unit, offline / causal, least ones bold."""
    trials = list(dict.fromkeys(trial for row in rows for trial in row.figures))
    least = {
        (trial, mode): min(_error(row, trial, mode) for row in rows)
        for trial in trials
        for mode in _MODES
    }
    lines = [["model", "parameters", "steps", "seconds", *trials, "covers", "good for"]]
    lines += [["---"] * len(lines[0])]
    for row in rows:
        cells = [
            " / ".join(_cell(_error(row, trial, mode), least[trial, mode]) for mode in _MODES)
            for trial in trials
        ]
        covered = [f["offline_coverage"] for f in row.figures.values() if "offline_coverage" in f]
        covers = f"{100 * sum(covered) / len(covered):.0f} %" if covered else "-"
        counts = [str(round(n) or "-") for n in (row.parameters, row.steps, row.seconds)]
        lines.append([row.name, *counts, *cells, covers, row.good_for])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _error(row: Row, trial: str, mode: str) -> float:
    return row.figures.get(trial, {}).get(f"{mode}_error", math.inf)


def _cell(error: float, least: float) -> str:
    if math.isinf(error):
        return "-"
    text = f"{100 * error:.1f}"
    return f"**{text}**" if error == least else text
