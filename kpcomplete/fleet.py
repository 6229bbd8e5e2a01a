"""A whole folder of results in one table and one page: ``summary.parquet``, ``summary.html``."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kpcomplete import fleet_page
from kpcomplete.archive import read_archive
from kpcomplete.backlog import digest_name
from kpcomplete.errors import SourceError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.manifest import DAMAGED, DONE, Entry
from kpcomplete.recording import Recording
from kpcomplete.result import Person, Result
from kpcomplete.sink.digest import DIGEST, Digest
from kpcomplete.store import Store

log = logging.getLogger(__name__)

TABLE, PAGE = "summary.parquet", "summary.html"
_STATE = [("recording", pa.string()), ("status", pa.string()), ("error", pa.string()),
          ("seconds", pa.float64()), ("attempts", pa.int32())]  # fmt: skip
SUMMARY = pa.schema(
    [*_STATE, *(f for f in DIGEST if f.name != "recording"),
     ("anomalies", pa.int32()), ("anomaly", pa.float32())]
)  # fmt: skip
"""One row a recording: what became of it, its digest, and how many unusual stretches it has, with
the highest score; null where none were looked for."""


def summarise(
    store: Store,
    entries: Sequence[Entry],
    stems: Mapping[str, str],
    *,
    archive: str = ".parquet",
    anomalies: Mapping[str, Sequence[float]] | None = None,
    pictures: int = 24,
) -> list[dict[str, Any]]:
    """Write the table and the page, and return the rows.

    Args:
        store: Where the results are.
        entries: What became of the recordings.
        stems: Recording to the stem of its outputs.
        archive: Ending of the archives; what has no digest yet gets one from its archive.
        anomalies: Stem to the scores of unusual stretches; None: none were looked for.
        pictures: Moments that the page shows at most.
    """
    rows = []
    for entry in entries:
        stem = stems[entry.source]
        row = dict.fromkeys(SUMMARY.names) | _digest(store, entry, stem, archive)
        row |= {"recording": entry.source, "status": entry.status, "error": entry.error,
                "seconds": entry.seconds, "attempts": entry.attempts}  # fmt: skip
        if anomalies is not None and entry.status in (DONE, DAMAGED):
            scores = anomalies.get(stem, ())
            row |= {"anomalies": len(scores), "anomaly": max(scores, default=None)}
        rows.append(row)
    table = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=SUMMARY), table, compression="zstd")
    store.write(TABLE, table.getvalue().to_pybytes())
    store.write(PAGE, fleet_page.page(rows, pictures=pictures).encode())
    return rows


def _digest(store: Store, entry: Entry, stem: str, archive: str) -> dict[str, Any]:
    """Return the digest of a recording, made of its archive if there is none; else nothing."""
    if entry.status not in (DONE, DAMAGED):
        return {}
    try:
        if store.changed(digest_name(stem)) is None:
            _make(store, stem, archive)
        with store.fetched(digest_name(stem)) as path, pq.ParquetFile(path) as file:
            row: dict[str, Any] = file.read().to_pylist()[0]
    except (SourceError, FileNotFoundError, pa.ArrowException, IndexError) as error:
        log.warning("%s is not in the summary: %s", entry.source, error)
        return {}
    return row


def _make(store: Store, stem: str, archive: str) -> None:
    with store.fetched(f"{stem}{archive}") as path:
        recording = read_archive(path)
    with store.drafting() as folder:
        path = folder / digest_name(stem)
        with Digest(path=path, source=_Stored(recording)) as sink:
            sink.write(_result(recording))


class _Stored:
    """A recording whose images are not at hand."""

    def __init__(self, recording: Recording) -> None:
        self.info = StreamInfo(
            name=recording.name, fps=recording.fps, image_size=recording.image_size,
            length=len(recording),
        )  # fmt: skip

    def __iter__(self) -> Iterator[Frame]:
        yield from ()


def _result(recording: Recording) -> Result:
    """Return all of a recording as one result."""
    times, numbers = recording.times.tolist(), recording.frames.tolist()
    people = {
        seat: Person(
            observed=raw,
            completed=recording.completed[seat],
            classes=recording.classes.get(seat, {}),
            decisions=recording.decisions.get(seat, {}),
        )
        for seat, raw in recording.raw.items()
    }
    return Result(
        frames=tuple(Frame(index=i, time=t) for i, t in zip(numbers, times, strict=True)),
        people=people,
        tasks=recording.tasks,
    )
