"""A Parquet file that grows by row groups."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kpcomplete.archive import KEY
from kpcomplete.output import Draft, guard


class Table:
    """Writes under a temporary name until it is finished.

    Args:
        path: The Parquet file.
        schema: Of the tables.
        group: Rows that are written at once.

    Raises:
        OutputError: If it cannot be written.
    """

    def __init__(self, path: Path, schema: pa.Schema, group: int) -> None:
        self.draft = Draft(path)
        self._schema, self._group = schema, group
        self._held: list[pa.Table] = []
        self._count = 0
        names = [f.name for f in schema if pa.types.is_dictionary(f.type)]
        with self._safely():
            self._file = pa.OSFile(os.fspath(self.draft.temporary), "wb")
            self._writer = pq.ParquetWriter(
                self._file,
                schema,
                compression="zstd",
                use_dictionary=[*names, "frame", "time_s"],
            )

    def _safely(self) -> Any:
        return guard(self.draft.path, pa.ArrowException)

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._held.append(table)
        self._count += table.num_rows
        if self._count >= self._group:
            self._flush()

    def _flush(self) -> None:
        if self._count:
            table = pa.concat_tables(self._held).unify_dictionaries()
            with self._safely():
                self._writer.write_table(table, row_group_size=self._group)
        self._held, self._count = [], 0

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write what is left and the footer, and give the file its final name."""
        self._flush()
        with self._safely():
            self._writer.add_key_value_metadata({KEY: json.dumps(about, default=str)})
            self._writer.close()
            self._file.close()
        self.draft.keep()

    def discard(self) -> None:
        """Leave nothing, unless it is finished."""
        self._held, self._writer.is_open = [], False  # else it writes a footer when it goes
        with contextlib.suppress(OSError, pa.ArrowException):
            self._file.close()
        self.draft.discard()
