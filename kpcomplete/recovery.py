"""Recordings of programs that did not live to finish them."""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av

from kpcomplete.archive import SCHEMA
from kpcomplete.class_table import CLASS_SCHEMA, classes_path
from kpcomplete.errors import KpcompleteError, OutputError
from kpcomplete.journal import ENDING, claimed, journal_of, read_journal
from kpcomplete.output import guard, whole
from kpcomplete.sink._journaled import become

_log = logging.getLogger(__name__)
_ROWS = 262_144  # written at once


def recover(folder: str | os.PathLike[str]) -> list[Path]:
    """Make archives and videos of what killed recordings left in a folder.

    Of an archive all that was on disk is kept, of a video all pieces that are whole: both end up
    to a second before the end. What is still being written is left alone, and so is a journal
    from which nothing can be read, with a warning.

    Returns:
        The files that were made.

    Raises:
        OutputError: If one cannot be written.
    """
    found = []
    for journal in sorted(Path(folder).glob(f"*.parquet{ENDING}")):
        path = journal.with_name(journal.name[: -len(ENDING)])
        if path.name.endswith(".classes.parquet"):
            continue
        with claimed(journal) as is_ours:
            try:
                found += [path] if is_ours and _archive(path) else []
            except OutputError:
                raise
            except KpcompleteError as error:
                _log.warning("%s", error)
    for journal in sorted(Path(folder).glob(f"*.mp4{ENDING}")):
        path = journal.with_name(journal.name[: -len(ENDING)])
        with claimed(journal) as is_ours:
            found += [path] if is_ours and _video(journal, path) else []
    return found


def _archive(path: Path) -> bool:
    """Make an archive of its journals, and remove them; whether there was anything in them."""
    journal, classes = journal_of(path), journal_of(classes_path(path))
    about = _last_words(journal)
    if about is not None:
        if classes.exists() and _last_words(classes) is not None:
            become(classes, classes_path(path), CLASS_SCHEMA, _ROWS, about | {"classes": True})
            about |= {"classes": True}
        else:
            about |= {"classes": False}
        become(journal, path, SCHEMA, _ROWS, about)
    with guard(path):
        classes.unlink(missing_ok=True)
        journal.unlink()
    return about is not None


def _last_words(journal: Path) -> dict[str, Any] | None:
    """Return what was last said of a journal's rows; None if it has none."""
    said = deque((about for _, about in read_journal(journal)), maxlen=1)
    return said[0] if said else None


def _video(journal: Path, path: Path) -> bool:
    """Copy the whole pieces of a video; whether there are any."""
    try:
        source = av.open(os.fspath(journal))
    except (av.FFmpegError, OSError):  # not one of them is whole
        journal.unlink()
        return False
    with source:
        packets = _packets(source)
        first = next(packets, None)
        if first is not None:
            with whole(path) as target, guard(path, av.FFmpegError):
                _copy(source, chain([first], packets), os.fspath(target))
    journal.unlink()
    return first is not None


def _packets(source: Any) -> Iterator[Any]:
    """Yield what is whole, up to where the last piece is cut off."""
    with contextlib.suppress(av.FFmpegError):
        for packet in source.demux(video=0):
            if packet.dts is not None and not packet.is_corrupt:
                yield packet


def _copy(source: Any, packets: Iterable[Any], target: str) -> None:
    options = {"movflags": "+faststart+use_metadata_tags"}
    with av.open(target, "w", format="mp4", options=options) as out:
        out.metadata.update(source.metadata)
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in packets:
            packet.stream = stream
            out.mux(packet)
