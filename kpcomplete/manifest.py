"""What became of each recording of a batch: ``manifest.csv``."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from kpcomplete.errors import OutputError
from kpcomplete.output import whole

DONE, DAMAGED, FAILED = "done", "damaged", "failed"


@dataclass(frozen=True)
class Entry:
    """One row.

    Attributes:
        source: Path of the recording.
        status: ``done``; ``damaged``: the recording is broken, what could be read was written;
            or ``failed``: nothing was written.
        error: What is wrong with the recording; empty if it is done.
        frames: Frames written.
        seconds: How long it took.
    """

    source: str
    status: str
    error: str
    frames: int
    seconds: float


HEADER = [field.name for field in fields(Entry)]


class Manifest:
    """The rows of a folder's manifest; every change is on disk at once.

    Args:
        path: The CSV file; read if it is there.

    Raises:
        OutputError: If the file is there and is no manifest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        if path.exists():
            self.entries = {entry.source: entry for entry in _read(path)}

    def add(self, entry: Entry) -> None:
        """Add or replace the row of a recording."""
        self.entries[entry.source] = entry
        with whole(self.path) as temporary, open(temporary, "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(HEADER)
            rows.writerows(astuple(entry) for entry in self.entries.values())

    def is_finished(self, source: str, outputs: Iterable[Path]) -> bool:
        """Whether a recording's outputs are there and younger than the recording."""
        entry = self.entries.get(source)
        if entry is None or entry.status == FAILED:
            return False
        changed = Path(source).stat().st_mtime if Path(source).exists() else 0.0
        return all(path.exists() and path.stat().st_mtime >= changed for path in outputs)


def _read(path: Path) -> list[Entry]:
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        header = next(rows, None)
        if header != HEADER:
            raise OutputError(
                f"{path} must be a manifest with the columns {','.join(HEADER)}, but starts with "
                f"{header}; move it away or choose another output_dir"
            )
        return [Entry(r[0], r[1], r[2], int(r[3]), float(r[4])) for r in rows if len(r) == 5]
