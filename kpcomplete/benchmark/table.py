"""Errors by trial and method: means over folds, tables, and ratios to the best classical one."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from kpcomplete.benchmark.hiding import macro
from kpcomplete.benchmark.trial import Trial

MACRO = "mean of views"
Errors = Mapping[str, Mapping[str, float]]  # ``all`` or ``moving``, then by view


@dataclass(kw_only=True)
class Table:
    """Rows of errors of methods.

    Attributes:
        models: Methods that are judged; all others are the classical ones that they are held to.
    """

    models: Collection[str]
    _cells: dict[tuple[str, str, str], list[float]] = field(default_factory=dict, init=False)
    _figures: dict[str, str] = field(default_factory=dict, init=False)

    def add(self, trial: Trial, found: Mapping[str, Errors]) -> None:
        """Take in what a trial of a fold gave, by method; see `kpcomplete.benchmark.hiding`."""
        for method, errors in found.items():
            self._enter(trial.name, trial.figure, method, errors["all"])
            if trial.gap is not None:
                self._enter(f"{trial.name}, moving", "moving", method, errors["moving"])

    def _enter(self, row: str, figure: str, method: str, by_view: Mapping[str, float]) -> None:
        self._figures[row] = figure
        for view, value in {**by_view, MACRO: macro(by_view)}.items() if by_view else ():
            self._cells.setdefault((row, method, view), []).append(value)

    @property
    def rows(self) -> list[str]:
        """Names of the rows; those of moving joints last."""
        return sorted(self._figures, key=lambda row: self._figures[row] == "moving")

    def error(self, row: str, method: str, view: str = MACRO) -> float:
        """Return a mean over trials and folds, body units; NaN where there is none."""
        values = self._cells.get((row, method, view), [])
        return sum(values) / len(values) if values else math.nan

    def best(self, row: str, view: str = MACRO) -> str | None:
        """Return the classical method with the least error."""
        classical = [m for m in self._methods() if m not in self.models]
        known = {m: self.error(row, m, view) for m in classical}
        known = {m: value for m, value in known.items() if math.isfinite(value)}
        return min(known, key=known.__getitem__) if known else None

    def ratio(self, figure: str, model: str) -> float:
        """Return the mean over a figure's rows of the model's error to that of the best."""
        rows = [row for row in self.rows if self._figures[row] == figure]
        ratios = [
            self.error(row, model) / self.error(row, best) if best else math.nan
            for row, best in ((row, self.best(row)) for row in rows)
        ]
        return sum(ratios) / len(ratios) if ratios else math.nan

    def _methods(self) -> list[str]:
        return list(dict.fromkeys(method for _, method, _ in self._cells))

    def text(self) -> str:
        """Return all errors in hundredths of a body unit, the best classical one with a star."""
        views = sorted({view for _, _, view in self._cells} - {MACRO})
        return "\n\n".join(self._of_view(view) for view in [MACRO, *views])

    def _of_view(self, view: str) -> str:
        methods = self._methods()
        width = max(len(row) for row in self.rows) + 2
        lines = [_line(f"{view} (0.01 S)", width, methods)]
        for row in self.rows:
            best = self.best(row, view)
            cells = [
                _cell(self.error(row, method, view)) + ("*" if method == best else " ")
                for method in methods
            ]
            lines.append(_line(row, width, cells))
        return "\n".join(lines)


def _line(head: str, width: int, cells: Iterable[str]) -> str:
    return head.ljust(width) + "".join(f"{cell:>15}" for cell in cells)


def _cell(value: float) -> str:
    return f"{100 * value:.2f}" if math.isfinite(value) else "-"
