"""What became of each recording of a batch: ``manifest.csv``."""

import csv
import io
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

from kpcomplete.errors import OutputError
from kpcomplete.store import Folder, Store

DONE, DAMAGED, FAILED, QUARANTINED = "done", "damaged", "failed", "quarantined"
RUNNING = "running"
NAME = "manifest.csv"


@dataclass(frozen=True)
class Entry:
    """One row.

    Attributes:
        source: Path of the recording.
        status: ``done``; ``damaged``: the recording is broken, what could be read was written;
            ``failed``: nothing was written; ``quarantined``: likewise, as it brought down or held
            up whoever worked on it; or ``running``: begun, and interrupted if nobody works on it.
        error: What is wrong with the recording; empty if it is done.
        frames: Frames written.
        seconds: How long it took, added up over attempts and over pieces done side by side.
        attempts: How often it was tried.
        started: When, ISO 8601 in UTC; empty if it is not known.
        ended: Likewise.
    """

    source: str
    status: str
    error: str
    frames: int
    seconds: float
    attempts: int = 1
    started: str = ""
    ended: str = ""


HEADER = [field.name for field in fields(Entry)]
_OLD = HEADER[:5]  # of the first version


class Manifest:
    """The rows of a folder's manifest; every change is on disk at once.

    Where a change takes long, as on a far machine, those that follow within seconds wait; `flush`
    writes the last ones.

    Args:
        store: The folder; its ``manifest.csv`` is read if it is there.
        pause: Seconds between writings, where writing takes long.

    Raises:
        OutputError: If the file is there and is no manifest.
    """

    def __init__(self, store: Store | Path, pause: float = 5.0) -> None:
        self.store = Folder(store) if isinstance(store, Path) else store
        self.entries: dict[str, Entry] = {}
        self._pause = pause if self.store.is_far else 0.0
        self._written, self._is_stale = -pause, False
        text = self.store.read(NAME)
        if text is not None:
            self.entries = {entry.source: entry for entry in _read(self.path, text)}

    @property
    def path(self) -> str:
        """Where it is, for messages."""
        return self.store.name(NAME)

    def add(self, entry: Entry) -> None:
        """Add or replace the row of a recording."""
        self.entries[entry.source] = entry
        self._is_stale = True
        if time.monotonic() - self._written >= self._pause:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if not self._is_stale:
            return
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(HEADER)
        rows.writerows(astuple(entry) for entry in self.entries.values())
        self.store.write(NAME, text.getvalue().encode())
        self._written, self._is_stale = time.monotonic(), False

    def is_finished(self, source: str, outputs: Iterable[str]) -> bool:
        """Whether a recording's outputs are there and younger than the recording.

        What is quarantined is finished, too, until the recording changes.

        Args:
            source: Path of the recording.
            outputs: Names of the outputs in the folder.
        """
        entry = self.entries.get(source)
        if entry is None or entry.status in (FAILED, RUNNING):
            return False
        changed = Path(source).stat().st_mtime if Path(source).exists() else 0.0
        if self.store.is_far:
            changed = math.floor(changed)  # S3 knows whole seconds only
        if entry.status == QUARANTINED:
            return _seconds(entry.ended) >= changed
        ages = [self.store.changed(name) for name in outputs]
        return all(age is not None and age >= changed for age in ages)

    def counts(self) -> Mapping[str, int]:
        """Return how many recordings there are of each status."""
        found: dict[str, int] = {}
        for entry in self.entries.values():
            found[entry.status] = found.get(entry.status, 0) + 1
        return found


def now() -> str:
    """Return the time as the manifest has it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _read(path: str, text: bytes) -> list[Entry]:
    rows = csv.reader(io.StringIO(text.decode("utf-8", errors="replace"), newline=""))
    try:
        header = next(rows, None)
        if header not in (HEADER, _OLD):
            raise OutputError(
                f"{path} must be a manifest with the columns {','.join(HEADER)}, but starts with "
                f"{header}; move it away or choose another output_dir"
            )
        return [_entry(dict(zip(header, r, strict=True))) for r in rows if len(r) == len(header)]
    except (ValueError, csv.Error) as error:
        raise OutputError(
            f"{path} must be a manifest, but line {rows.line_num} says: {error}; mend it, move it "
            "away or choose another output_dir"
        ) from error


def _entry(row: Mapping[str, str]) -> Entry:
    return Entry(
        source=row["source"],
        status=row["status"],
        error=row["error"],
        frames=int(row["frames"]),
        seconds=float(row["seconds"]),
        attempts=int(row.get("attempts", 1)),
        started=row.get("started", ""),
        ended=row.get("ended", ""),
    )
