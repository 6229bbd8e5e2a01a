"""Write results to Parquet as they arrive."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from kpcomplete.archive import FORMAT, SCHEMA, rows
from kpcomplete.camera import Camera
from kpcomplete.class_table import CLASS_SCHEMA, class_rows, classes_path
from kpcomplete.errors import ShapeError
from kpcomplete.output import guard
from kpcomplete.result import Person, Result
from kpcomplete.sink._journaled import Journaled
from kpcomplete.sink._table import Table
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source import Source


@dataclass(kw_only=True)
class Archive:
    """Writes ``<path>``, and ``<stem>.classes.parquet`` if somebody was classified.

    Memory holds one row group, however long the recording is.

    Args:
        path: Parquet file to write.
        source: The recording; its name, rate and size go into the file.
        provenance: How it was made, see `kpcomplete.recording.provenance`.
        row_group: Rows that are written at once.
        flush: Seconds after which rows are on disk, in a journal beside the file, from which
            `kpcomplete.recovery` makes the file if the program does not live to do so; None: rows
            are kept until there are enough, and a file that is not finished is removed.

    Raises:
        OutputError: If the file cannot be written.
        ShapeError: If the skeleton changes on the way.
    """

    path: str | os.PathLike[str]
    source: Source
    provenance: Mapping[str, Any] = field(default_factory=dict)
    row_group: int = 262_144
    flush: float | None = None

    def __enter__(self) -> "Archive":
        self._skeleton: Skeleton | None = None
        self._seats: dict[str, None] = {}
        self._camera: Camera | None = None
        self._tasks: dict[str, list[str]] = {}
        self._decided_after: float | None = None
        self._explained: str | None = None
        self._classes: Table | Journaled | None = None
        self._table = self._make(Path(self.path), SCHEMA)
        return self

    def _make(self, path: Path, schema: pa.Schema) -> Table | Journaled:
        if self.flush is None:
            return Table(path, schema, self.row_group)
        return Journaled(path, schema, self.row_group, flush=self.flush, about=self._about)

    def write(self, result: Result, /) -> None:
        """Add some frames."""
        people = result.people
        for person in people.values():
            self._skeleton = self._skeleton or person.completed.skeleton
            if person.completed.skeleton != self._skeleton:
                raise ShapeError(
                    f"all results for {self.path} must have the skeleton "
                    f"{self._skeleton.name!r}, but got {person.completed.skeleton.name!r}"
                )
        self._seats |= dict.fromkeys(people)
        self._camera = self._camera or result.camera
        self._tasks = self._tasks or {task: list(names) for task, names in result.tasks.items()}
        self._decided_after, self._explained = result.decided_after, result.explained
        frames = np.array([frame.index for frame in result.frames], dtype=np.int32)
        times = np.array([frame.time for frame in result.frames], dtype=np.float64)
        joints3d = {s: p.joints3d for s, p in people.items() if p.joints3d is not None}
        std3d = {s: p.std3d for s, p in people.items() if p.std3d is not None}
        raw = {seat: person.observed for seat, person in people.items()}
        completed = {seat: person.completed for seat, person in people.items()}
        carried = {s: p.carried for s, p in people.items() if p.carried is not None}
        self._table.add(rows(frames, times, raw, completed, joints3d, std3d, carried))
        for seat, person in people.items():
            if person.classes:
                self._add_classes(seat, person, frames, times)

    def _add_classes(
        self, seat: str, person: Person, frames: np.ndarray[Any, Any], times: np.ndarray[Any, Any]
    ) -> None:
        if self._classes is None:
            self._classes = self._make(classes_path(self.path), CLASS_SCHEMA)
        for task, probability in person.classes.items():
            decided = person.decisions.get(task)
            self._classes.add(class_rows(frames, times, seat, task, probability, decided))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            for table in (self._table, self._classes):
                if table is not None:
                    table.discard()

    def _finish(self) -> None:
        about = self._about()
        stale = classes_path(self.path)
        if self._classes is not None:
            self._classes.finish(about)
        self._table.finish(about)
        if self._classes is None and stale.exists():  # of an earlier run; it would mislead
            with guard(stale):
                stale.unlink()

    def _about(self) -> dict[str, Any]:
        info = self.source.info
        skeleton = self._skeleton or Skeleton.load(CANONICAL)
        return {
            "format": FORMAT,
            "source": info.name,
            "fps": info.fps,
            "image_size": list(info.image_size),
            "seats": list(self._seats),
            "skeleton": skeleton.as_dict(),
            "camera": None if self._camera is None else self._camera.as_dict(),
            "classes": self._classes is not None,
            "tasks": self._tasks,
            "decided_after": self._decided_after,
            "explained": self._explained,
            "provenance": self.provenance,
        }
