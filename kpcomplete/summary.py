"""A comparison in words and in one page of plain text."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from kpcomplete.comparison import ENOUGH, Comparison, Figure
from kpcomplete.material import Material
from kpcomplete.robustness import REAL, Trial
from kpcomplete.score import LEVELS

UNIT = (
    "Mean distance from the truth in body units S (1.5 x nose to neck or shoulder to shoulder, "
    "whichever is more), every person counting the same. "
    "* more than 2 % of the joints were left open."
)


def table(comparison: Comparison) -> str:
    """Return one line a trial, one column a completer."""
    lines = textwrap.wrap(UNIT, 100)
    for mode in comparison.modes:
        trials = comparison.of(mode)
        names = comparison.findings.completers[mode]
        width = max(len(label(trial)) for trial in trials) + 2
        lines += ["", f"{mode:<{width}}" + "".join(f"{name[:13]:>15}" for name in names)]
        for trial in trials:
            cells = [f"{cell(comparison.figures[trial][name]):>15}" for name in names]
            lines.append(f"{label(trial):<{width}}" + "".join(cells))
    return "\n".join(lines) + "\n"


def cell(figure: Figure) -> str:
    """Return an error with its star, or a dash."""
    if not np.isfinite(figure.error):
        return "- "
    return f"{figure.error:.3f}{'*' if figure.is_partial else ' '}"


def label(trial: Trial) -> str:
    """Return a trial's name without its mode."""
    if trial.kind == REAL:
        return "hidden in reality"
    return f"{trial.family} {trial.level}".replace("_", " ")


def verdict(comparison: Comparison) -> list[str]:
    """Return what can be said of the judged completers, a sentence each, most important first."""
    return [
        sentence
        for mode in comparison.modes
        for name in comparison.judged
        if name in comparison.findings.completers[mode]
        for sentence in _of(comparison, mode, name)
    ] or [_best(comparison, mode) for mode in comparison.modes]


def _of(comparison: Comparison, mode: str, name: str) -> list[str]:
    trials = comparison.of(mode)
    figures = [comparison.figures[trial][name] for trial in trials]
    known = [figure for figure in figures if np.isfinite(figure.error)]
    rivals = [figure for figure in known if np.isfinite(figure.difference)]
    said = f"{mode}: {name} {_against(rivals, comparison.named)}"
    if len(rivals) < len(known):
        said += f" In {len(known) - len(rivals)} trials nobody else has an answer."
    if known:
        worst = max(known, key=lambda figure: figure.error)
        where = label(trials[figures.index(worst)])
        said += f" Largest mean error: {worst.error:.2f} S ({where})."
    held = 100 * np.array([figure.coverage[LEVELS.index(0.9)] for figure in known])
    held = held[np.isfinite(held)]
    if len(held):
        said += (
            f" Its 90 % regions hold {held.min():.0f} to {held.max():.0f} % of the joints, "
            f"{held.mean():.0f} % on average over trials."
        )
    return [said]


def _against(rivals: Sequence[Figure], named: str | None) -> str:
    """Return how somebody did against the reference of each trial."""
    reference = named or "the best of the others in each trial"
    if not rivals:
        return "had no rival."
    people = max(figure.people for figure in rivals)
    if people < ENOUGH:
        won = sum(figure.difference < 0 for figure in rivals)
        return f"against {reference}: a smaller error in {won} of {len(rivals)} trials. " + (
            "With one person no interval can be given, so none of this is certain."
            if people == 1
            else f"With {people} people intervals are too rough to call any of this certain."
        )
    surely = [figure.verdict for figure in rivals]
    return (
        f"against {reference}: better in {surely.count(-1)} of "
        f"{len(rivals)} trials, worse in {surely.count(1)}, not told apart in {surely.count(0)} "
        "(95 % intervals of paired differences, by person)."
    )


def _best(comparison: Comparison, mode: str) -> str:
    best = [(trial, comparison.best(trial)) for trial in comparison.of(mode)]
    wins = [n for trial, n in best if np.isfinite(comparison.figures[trial][n].error)]
    if not wins:
        return f"{mode}: nobody has an answer."
    first = max(dict.fromkeys(wins), key=wins.count)
    return f"{mode}: {first} has the smallest error in {wins.count(first)} of {len(wins)} trials."


def cautions(
    comparison: Comparison,
    fitted: Mapping[str, Collection[str]],
    calibrated: Mapping[str, Collection[str]],
) -> list[str]:
    """Return what a reader must know before believing the figures.

    Args:
        comparison: The figures.
        fitted: Completer to the people it was trained or fitted with.
        calibrated: Completer to the people its regions were calibrated with.
    """
    people = set(comparison.people)
    said = []
    for knows, what in ((fitted, "fitted with"), (calibrated, "calibrated with")):
        for names, met in _grouped({name: people & set(k) for name, k in knows.items()}):
            some = "all" if met == people else f"{len(met)}"
            said.append(
                f"{', '.join(names)}: {what} {some} of these people, so a little too good here."
            )
    if len(people) == 1:
        said.append("One person: no interval over people can be given.")
    elif len(people) < ENOUGH:
        said.append(f"{len(people)} people: intervals over so few are rough, mostly too narrow.")
    if comparison.judged and not comparison.named:
        said.append(
            "The reference of a trial is the best of the others on these very data, so a little "
            "too hard to beat."
        )
    return said


def about(
    comparison: Comparison, materials: Sequence[Material], made: Mapping[str, Any]
) -> list[str]:
    """Return what was measured, and with what."""
    said = []
    for material in materials:
        windows, frames = material.given.shape[:2]
        said.append(
            f"{material.name}: {len(set(material.people))} people, {windows} stretches of "
            f"{frames} frames"
        )
    config = made["config"]
    said.append(f"People: {', '.join(comparison.people)}")
    said.append(f"Seed of what was hidden: {config['seed']}; fingerprints are in results.parquet")
    said += [f"{package} {version}" for package, version in made["versions"].items() if version]
    said += [f"weights {name}: SHA-256 {digest[:16]}" for name, digest in made["weights"].items()]
    return said


def _grouped(knows: Mapping[str, Collection[str]]) -> list[tuple[list[str], set[str]]]:
    groups: dict[frozenset[str], list[str]] = {}
    for name, people in knows.items():
        if people:
            groups.setdefault(frozenset(people), []).append(name)
    return [(names, set(people)) for people, names in groups.items()]
