"""A Parquet file whose rows are on disk before it is one."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from kpcomplete.errors import KpcompleteError, SourceError
from kpcomplete.journal import Journal, read_journal
from kpcomplete.sink._table import Table


class Journaled:
    """Keeps rows in a journal, and makes a Parquet file of them when it is finished.

    Left unfinished, by an error or because the program is killed, the journal stays, from which
    `become` makes the file later.

    Args:
        path: The Parquet file.
        schema: Of the tables.
        group: Rows that are written at once.
        flush: Seconds after which rows are on disk.
        about: What the footer would say now.

    Raises:
        OutputError: If it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        group: int,
        *,
        flush: float,
        about: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._path, self._schema, self._group = path, schema, group
        self._flush, self._about = flush, about
        self._journal = Journal(path, schema)
        self._held: list[pa.Table] = []
        self._written = time.monotonic()

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._held.append(table)
        if time.monotonic() - self._written >= self._flush:
            self._write()

    def _write(self) -> None:
        held, self._held = self._held, []
        if held:
            self._journal.add(pa.concat_tables(held), self._about())
        self._written = time.monotonic()

    def finish(self, about: Mapping[str, Any]) -> None:
        """Make the Parquet file, and remove the journal."""
        self._write()
        self._journal.end()  # nobody is to recover it in the meantime
        become(self._journal.path, self._path, self._schema, self._group, about)
        self._journal.remove()

    def discard(self) -> None:
        """Leave the journal to `become`."""
        self._journal.close()


def become(
    journal: Path, path: Path, schema: pa.Schema, group: int, about: Mapping[str, Any]
) -> None:
    """Write the rows of a journal to a Parquet file.

    Args:
        journal: That holds them.
        path: The Parquet file.
        schema: Of the tables.
        group: Rows that are written at once.
        about: What the footer says.

    Raises:
        OutputError: If it cannot be written.
        SourceError: If it is no journal.
    """
    table = Table(path, schema, group)
    try:
        for rows, _ in read_journal(journal):
            table.add(rows)
        table.finish(about)
    except KpcompleteError:
        raise
    except (pa.ArrowException, ValueError, TypeError, LookupError) as error:
        raise SourceError(
            f"{journal} must be a journal of a recording of this version: {error}"
        ) from error
    finally:
        table.discard()
