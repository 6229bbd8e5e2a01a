"""Classes of people as a Parquet table beside an archive: a row for each frame, seat and class."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kpcomplete import limits
from kpcomplete.pose import Array

NAME = pa.dictionary(pa.int32(), pa.string())
INDEX = {"frame": pa.int32(), "time_s": pa.float64(), "seat": NAME}
CLASS_SCHEMA = pa.schema(
    INDEX | {"task": NAME, "class": pa.int16(), "probability": pa.float32(), "decided": pa.bool_()}
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """What was said of the people of a recording of T frames.

    Attributes:
        probabilities: Seat to task to ``[T, C]``, NaN where unknown.
        decisions: Seat to task to numbers of classes ``[T]``, -1 where nothing was decided;
            without what was never decided.
    """

    probabilities: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    decisions: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)


def classes_path(path: str | os.PathLike[str]) -> Path:
    """Return the name of the second table, ``<stem>.classes.parquet``."""
    return Path(path).with_suffix(".classes.parquet")


def class_rows(
    frames: Array, times: Array, seat: str, task: str, probability: Array, decided: Array | None
) -> pa.Table:
    """Return the rows of one task of one person.

    Args:
        frames: ``[T]`` numbers of the frames.
        times: ``[T]`` seconds.
        seat: Of the person.
        task: Name.
        probability: ``[T, C]``; classes that are NaN have no row.
        decided: ``[T]`` numbers of classes; None: nothing is decided.
    """
    known = np.isfinite(probability)
    frame, number = np.nonzero(known)
    zeros = np.zeros(len(frame), dtype=np.int32)
    columns = [
        frames[frame],
        times[frame],
        pa.DictionaryArray.from_arrays(zeros, [seat]),
        pa.DictionaryArray.from_arrays(zeros, [task]),
        number.astype(np.int16),
        probability[known].astype(np.float32),
        pa.nulls(len(frame), pa.bool_()) if decided is None else decided[frame] == number,
    ]
    return pa.table(columns, schema=CLASS_SCHEMA)


def read_classes(path: str | os.PathLike[str], frames: Array) -> Classes:
    """Return the classes that belong to an archive.

    Args:
        path: Of the archive.
        frames: ``[T]`` numbers of its frames, rising.

    Raises:
        ValueError: If the table speaks of other frames, or asks for too much.
        OSError: If it cannot be read.
    """
    path = classes_path(path)
    with pq.ParquetFile(path) as file:
        table = file.read().unify_dictionaries().combine_chunks()
    frame = table["frame"].to_numpy()
    if not np.isin(frame, frames).all():
        raise ValueError(f"{path} has frames that the recording does not have")
    place = np.searchsorted(frames, frame)
    number = table["class"].to_numpy().astype(np.int64)
    if len(number) and not (number.min() >= 0 and number.max() < limits.MAX_CLASSES):
        raise ValueError(f"{path} must have classes 0..{limits.MAX_CLASSES - 1}")
    classes = int(number.max(initial=0)) + 1
    limits.check_rows(len(table), os.stat(path).st_size, classes * len(frames))
    probability, decided = table["probability"].to_numpy(), _decided(table)
    probabilities: dict[str, dict[str, Array]] = {}
    decisions: dict[str, dict[str, Array]] = {}
    for seat, task, of in _parts(table):
        found = np.full((len(frames), int(number[of].max()) + 1), np.nan, dtype=np.float32)
        found[place[of], number[of]] = probability[of]
        probabilities.setdefault(seat, {})[task] = found
        if (chosen := of & decided).any():
            decision = np.full(len(frames), -1, dtype=np.int16)
            decision[place[chosen]] = number[chosen]
            decisions.setdefault(seat, {})[task] = decision
    return Classes(probabilities=probabilities, decisions=decisions)


def _parts(table: pa.Table) -> Iterator[tuple[str, str, Array]]:
    """Yield seat, task, and which rows are theirs, where there are any."""
    seat, task = (table[name].combine_chunks() for name in ("seat", "task"))
    for s, name in enumerate(seat.dictionary.to_pylist()):
        for k, kind in enumerate(task.dictionary.to_pylist()):
            of: Array = (seat.indices.to_numpy() == s) & (task.indices.to_numpy() == k)
            if of.any():
                yield name, kind, of


def _decided(table: pa.Table) -> Array:
    """Return which rows ``[N]`` are of the decided class; none, in files of earlier versions."""
    if "decided" not in table.schema.names:
        return np.zeros(len(table), dtype=bool)
    found: Array = table["decided"].fill_null(False).to_numpy()
    return found
