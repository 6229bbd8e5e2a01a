"""A comparison as one self-contained page."""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from string import Template

import numpy as np

from kpcomplete import charts
from kpcomplete.comparison import ENOUGH, Comparison, Figure
from kpcomplete.occlusion import Occlusion
from kpcomplete.robustness import HIDDEN, REAL, REALITY, WRONG, Trial
from kpcomplete.score import LEVELS
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.summary import UNIT, label

_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem;color:#222;
 background:#fff}
h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.2rem;margin:2em 0 .3em}h3{font-size:1rem;margin:1em
 0 .2em}
.verdict{background:#f4f7f9;border-left:4px solid #2a6f97;padding:.6rem 1rem}
.verdict p{margin:.4em 0}.verdict ul{font-size:.9rem;margin:.4em 0;padding-left:1.2em}
.small{color:#555;font-size:.85rem}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
figure{margin:0}img{width:100%;height:auto}figcaption{font-size:.85rem;color:#555}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem}
th,td{padding:.15em .5em;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:#fff}
thead th{border-bottom:1px solid #999}
.better{color:#1b7a43}.worse{color:#b3261e}summary{cursor:pointer;margin:.5em 0}
</style>
<h1>$title</h1>
$body
</html>
""")
_KIND = {-1: "better", 0: "", 1: "worse"}
_SAYS = {-1: "better", 0: "not told apart", 1: "worse"}


def page(
    comparison: Comparison,
    occlusions: Mapping[str, Occlusion],
    *,
    verdict: Sequence[str],
    cautions: Sequence[str],
    about: Sequence[str],
    worst: int = 6,
) -> str:
    """Return the page as HTML.

    Args:
        comparison: What it is about.
        occlusions: By name, for headings and axes.
        verdict: Sentences for the top.
        cautions: Sentences that follow it.
        about: What was measured, and with what.
        worst: Cases that are pictured at most.
    """
    families = {"reality": REALITY, **occlusions}
    parts = [
        f'<div class="verdict">{_paragraphs(verdict)}{_list(cautions)}</div>',
        *_curves(comparison, families),
        *_tables(comparison),
        *_pairs(comparison),
        *_calibration(comparison),
        *_wrong(comparison),
        *_heat(comparison, families),
        *_cases(comparison, worst),
        "<h2>What was measured</h2>",
        _list(about),
    ]
    return _PAGE.substitute(title="Robustness to occlusion", body="\n".join(parts))


def _curves(comparison: Comparison, families: Mapping[str, Occlusion]) -> Iterator[str]:
    yield "<h2>Error against severity</h2>"
    yield f'<p class="small">{html.escape(UNIT)} Hollow: the star. Band: 95 % by person.</p>'
    for name, occlusion in families.items():
        pictures = []
        for mode in comparison.modes:
            trials = [t for t in comparison.of(mode, HIDDEN, REAL) if t.family == name]
            if trials:
                png = charts.curves(
                    comparison, trials, occlusion.axis, ordered=occlusion.is_ordered
                )
                pictures.append(_picture(png, f"{occlusion.title}, {mode}", mode))
        if pictures:
            yield f"<h3>{html.escape(occlusion.title)}</h3>" + _grid(pictures)


def _tables(comparison: Comparison) -> Iterator[str]:
    yield "<h2>All errors</h2>"
    yield '<p class="small">Bold: the smallest of those that fill in most.</p>'
    for mode in comparison.modes:
        names = comparison.findings.completers[mode]
        rows = []
        for trial in comparison.of(mode):
            best = comparison.best(trial)
            cells = [_error(comparison.figures[trial][name], bold=name == best) for name in names]
            rows.append([_name(trial), *cells])
        yield _table([mode, *names], rows)


def _error(figure: Figure, *, bold: bool) -> str:
    if not np.isfinite(figure.error):
        return "–"
    text = f"{figure.error:.3f}" + ("*" if figure.is_partial else "")
    return f"<b>{text}</b>" if bold else text


def _pairs(comparison: Comparison) -> Iterator[str]:
    """Yield how the judged completers differ from the reference on the same joints."""
    judged = [
        name for name in comparison.judged if any(name in f for f in comparison.figures.values())
    ]
    if not judged:
        return
    yield "<h2>Against the reference</h2>"
    yield (
        '<p class="small">Mean error minus that of the reference, on joints that both answered; '
        "in brackets the 95 % bootstrap interval over people. Below 0 is better.</p>"
    )
    for mode in comparison.modes:
        rows = []
        for trial in comparison.of(mode):
            for name in judged:
                figure = comparison.figures[trial].get(name)
                if figure is None or name == comparison.references[trial]:
                    continue
                rows.append([_name(trial), name, comparison.references[trial],
                             *_difference(figure)])  # fmt: skip
        yield _table([mode, "judged", "reference", "difference", "95 %", ""], rows)


def _difference(figure: Figure) -> list[str]:
    if figure.between is None:
        return [f"{figure.difference:+.4f}", "one person", ""]
    low, high = figure.between
    if figure.people < ENOUGH:
        return [f"{figure.difference:+.4f}", f"{low:+.4f} … {high:+.4f}", "too few people"]
    word = f'<span class="{_KIND[figure.verdict]}">{_SAYS[figure.verdict]}</span>'
    return [f"{figure.difference:+.4f}", f"{low:+.4f} … {high:+.4f}", word]


def _calibration(comparison: Comparison) -> Iterator[str]:
    yield "<h2>Do the regions hold what they say?</h2>"
    pictures = []
    for mode in comparison.modes:
        trials = comparison.of(mode)
        png = charts.calibration(comparison, trials)
        pictures.append(_picture(png, f"calibration, {mode}", f"{mode}, mean of all trials"))
    yield _grid(pictures)
    nine = LEVELS.index(0.9)
    for mode in comparison.modes:
        names = comparison.findings.completers[mode]
        rows = [
            [_name(trial), *(_share(comparison.figures[trial][n].coverage[nine]) for n in names)]
            for trial in comparison.of(mode)
        ]
        yield (
            f"<details><summary>What 90 % regions hold, {mode} (%)</summary>"
            f"{_table([mode, *names], rows)}</details>"
        )


def _wrong(comparison: Comparison) -> Iterator[str]:
    """Yield how far off joints stay that were put in wrong places."""
    rows = []
    for mode in comparison.modes:
        for trial in comparison.of(mode, WRONG):
            figures = comparison.figures[trial]
            rows += [
                [f"{_name(trial)}, {mode}", name, f"{figure.error:.3f}"]
                for name, figure in figures.items()
                if name in (comparison.best(trial), *comparison.judged)
            ]
    if rows:
        yield "<h2>Joints in wrong places</h2>"
        yield (
            '<p class="small">How far off the joints themselves stay. A completer that keeps what '
            "was seen keeps the mistake, so that all are alike here.</p>"
        )
        yield _table(["trial", "completer", "error"], rows)


def _heat(comparison: Comparison, families: Mapping[str, Occlusion]) -> Iterator[str]:
    yield "<h2>Joint by joint</h2>"
    yield '<p class="small">Mean error, body units, over all levels of a family.</p>'
    for name, occlusion in families.items():
        for mode in comparison.modes:
            trials = [t for t in comparison.of(mode) if t.family == name]
            if trials:
                yield (
                    f"<details><summary>{html.escape(occlusion.title)}, {mode}</summary>"
                    f"{_heat_map(comparison, trials, mode)}</details>"
                )


def _heat_map(comparison: Comparison, trials: Sequence[Trial], mode: str) -> str:
    names = comparison.findings.completers[mode]
    errors = np.stack([comparison.by_joint(trials, name) for name in names], axis=1)  # [J, C]
    rows = []
    for joint, values in zip(Skeleton.load(CANONICAL).joints, errors, strict=True):
        if np.isfinite(values).any():
            rows.append([joint.replace("_", " "), *map(_warm, values)])
    return _table(["joint", *names], rows)


def _warm(value: float) -> str:
    """Return a coloured cell: white at 0.005 S, red at 1 S."""
    if not np.isfinite(value):
        return "<td>–</td>"
    heat = float(np.clip(np.log(max(value, 1e-9) / 0.005) / np.log(200), 0, 1))
    red, green, blue = (round(255 - heat * (255 - c)) for c in (214, 73, 91))
    return f'<td style="background:#{red:02x}{green:02x}{blue:02x}">{value:.3f}</td>'


def _cases(comparison: Comparison, worst: int) -> Iterator[str]:
    ordered = sorted(comparison.findings.cases.values(), key=lambda case: case.error)
    families = {case.trial.family: case for case in ordered}  # of both modes the worse
    cases = sorted(families.values(), key=lambda case: -case.error)[:worst]
    if not cases:
        return
    yield "<h2>Worst cases</h2>"
    yield (
        '<p class="small">The frame with the largest mean error of each family. Grey: the truth. '
        "Blue: what was seen. Red: what was completed, with its 90 % region; dotted, how far that "
        "is from the truth.</p>"
    )
    pictures = [
        _picture(
            charts.worst(case),
            f"worst case of {label(case.trial)}",
            f"{case.completer}, {case.trial.mode}, {label(case.trial)}: {case.error:.2f} S off; "
            f"{case.person}",
        )
        for case in cases
    ]
    yield _grid(pictures)


def _picture(png: bytes, alt: str, caption: str) -> str:
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _grid(pictures: Sequence[str]) -> str:
    return f'<div class="grid">{"".join(pictures)}</div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; what is in the rows is HTML, with or without its ``<td>``."""
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    cells = [[c if c.startswith("<td") else f"<td>{c}</td>" for c in row] for row in rows]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _name(trial: Trial) -> str:
    return html.escape(label(trial))


def _share(value: float) -> str:
    return f"{100 * value:.0f}" if np.isfinite(value) else "–"


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(s)}</li>' for s in sentences)}</ul>"
