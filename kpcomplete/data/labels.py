"""Label files: who does what, from when to when."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kpcomplete.errors import SourceError

COLUMNS = ("file", "seat", "from", "to", "task", "class")


@dataclass(frozen=True, kw_only=True)
class Label:
    """One answer.

    Attributes:
        file: Name of the recording, as the label file gives it.
        seat: Of the person.
        start: First frame.
        end: Frame after the last.
        task: Name of the task.
        answer: Name of the class.
        line: Of the label file, from 1, the header included.
    """

    file: str
    seat: str
    start: int
    end: int
    task: str
    answer: str
    line: int = 0


def read_labels(
    path: str | Path,
    tasks: Mapping[str, Sequence[str]],
    recordings: Mapping[str, Mapping[str, int]] | None = None,
) -> list[Label]:
    """Read a label file, CSV or Parquet, with the columns ``file, seat, from, to, task, class``.

    ``from`` is the first frame, ``to`` the frame after the last.

    Args:
        path: The file.
        tasks: Name of a task to names of its classes.
        recordings: File to seat to number of frames, if they are to be checked.

    Raises:
        SourceError: If the file cannot be read, or with all its problems by line: unknown tasks
            and classes, files and seats that are not there, spans that are no numbers, are
            reversed, leave the recording, or overlap another of the same task and seat.
    """
    rows = _rows(Path(path))
    problems: list[tuple[int, str]] = []
    labels = []
    for line, row in rows:
        found = _label(line, row)
        if isinstance(found, str):
            problems.append((line, found))
            continue
        labels.append(found)
        problems += [(line, text) for text in _problems(found, tasks, recordings)]
    problems += _overlaps(labels)
    if problems:
        lines = [f"  line {line}: {text}" for line, text in sorted(problems)]
        count = f"{len(lines)} problem" + ("s" if len(lines) > 1 else "")
        raise SourceError("\n".join([f"{path} has {count}:", *lines]))
    return labels


def write_labels(path: str | Path, labels: Sequence[Label]) -> None:
    """Write labels as CSV."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((x.file, x.seat, x.start, x.end, x.task, x.answer) for x in labels)


def _rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            names, rows = table.column_names, table.to_pylist()
        else:
            with path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                rows, names = list(reader), list(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:  # ArrowInvalid is a ValueError
        raise SourceError(f"{path} should be a label file, but cannot be read: {error}") from error
    if absent := [name for name in COLUMNS if name not in names]:
        raise SourceError(
            f"{path} must have the columns {', '.join(COLUMNS)}, but lacks {', '.join(absent)}"
        )
    return list(enumerate(rows, start=2))


def _label(line: int, row: Mapping[str, Any]) -> Label | str:
    try:
        start, end = int(row["from"]), int(row["to"])
    except (TypeError, ValueError):
        return f"from and to must be frame numbers, but are {row['from']!r} and {row['to']!r}"
    return Label(file=str(row["file"]), seat=str(row["seat"]), start=start, end=end,
                 task=str(row["task"]), answer=str(row["class"]), line=line)  # fmt: skip


def _problems(
    label: Label,
    tasks: Mapping[str, Sequence[str]],
    recordings: Mapping[str, Mapping[str, int]] | None,
) -> list[str]:
    found = []
    if label.task not in tasks:
        found.append(f"unknown task {label.task!r}; there are {', '.join(tasks)}")
    elif label.answer not in tasks[label.task]:
        known = ", ".join(tasks[label.task])
        found.append(f"unknown class {label.answer!r} of {label.task}; there are {known}")
    if label.start < 0 or label.end <= label.start:
        found.append(f"span {label.start} to {label.end} must start at 0 or later and not end "
                     "before it starts")  # fmt: skip
    if recordings is None:
        return found
    if label.file not in recordings:
        return [*found, f"no recording {label.file!r}"]
    seats = recordings[label.file]
    if label.seat not in seats:
        return [*found, f"{label.file} has no seat {label.seat!r}; it has {', '.join(seats)}"]
    if label.end > seats[label.seat]:
        found.append(f"span ends at {label.end}, but {label.file} has {seats[label.seat]} frames")
    return found


def _overlaps(labels: Sequence[Label]) -> list[tuple[int, str]]:
    ordered = sorted(labels, key=lambda x: (x.file, x.seat, x.task, x.start, x.line))
    return [
        (b.line, f"span {b.start} to {b.end} overlaps line {a.line} ({a.start} to {a.end})")
        for a, b in pairwise(ordered)
        if (a.file, a.seat, a.task) == (b.file, b.seat, b.task) and b.start < a.end
    ]
