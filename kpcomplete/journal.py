"""Tables that are on disk while they grow, and are readable whatever ends the program."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from kpcomplete.errors import OutputError, SourceError
from kpcomplete.output import guard

_KEY = "about"
ENDING = ".journal"


class Journal:
    """A stream of record batches (Arrow IPC) beside the file that it is to become.

    Each batch carries what there is to say of all rows so far, and is on disk when `add` returns.
    A program that is killed leaves all batches but the one it was writing. The file is locked as
    long as its program lives, so that another can tell whether it is still being written.

    Args:
        path: The file that it is to become; the journal is called ``<path>.journal``.
        schema: Of the tables.

    Raises:
        OutputError: If it cannot be written, or another program is writing it.
    """

    def __init__(self, path: str | os.PathLike[str], schema: pa.Schema) -> None:
        self.path = journal_of(path)
        with guard(self.path, pa.ArrowException):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(self.path)
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            self._writer = pa.ipc.new_stream(self._file, schema, options=options)
        self._ended = False

    def add(self, table: pa.Table, about: Mapping[str, Any]) -> None:
        """Put rows on disk, with what is to be said of all rows so far."""
        text = json.dumps(about, default=str)
        with guard(self.path, pa.ArrowException):
            for batch in table.unify_dictionaries().combine_chunks().to_batches():
                self._writer.write_batch(batch, custom_metadata={_KEY: text})
            self._file.flush()
            os.fsync(self._file.fileno())

    def end(self) -> None:
        """Add nothing more; the file stays, and stays this program's."""
        if not self._ended:
            self._ended = True
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
                self._file.flush()

    def close(self) -> None:
        """End it and let go of it; the file stays, for whoever wants to recover it."""
        self.end()
        with contextlib.suppress(OSError):
            self._file.close()

    def remove(self) -> None:
        """End it, and remove the file before anybody else can take it up."""
        self.end()
        self.path.unlink(missing_ok=True)
        self.close()


class Pieces:
    """A file that can be read up to its end at any moment, under a name like a journal's.

    Stands where a `kpcomplete.output.Draft` does, but what is not kept stays.

    Args:
        path: The file that it is to become.

    Raises:
        OutputError: If it cannot be written, or another program is writing it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.temporary = Path(path), journal_of(path)
        with guard(self.temporary):
            self.temporary.parent.mkdir(parents=True, exist_ok=True)
        self._file = _locked(self.temporary)

    def keep(self) -> None:
        """Give the file its final name."""
        with guard(self.path):
            os.fsync(self._file.fileno())
            os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Let go of the file, which stays if it was not kept and has anything in it."""
        if not self._file.closed:
            self._file.close()
            with contextlib.suppress(OSError):
                if not self.temporary.stat().st_size:
                    self.temporary.unlink()


def journal_of(path: str | os.PathLike[str]) -> Path:
    """Return the name of the journal of a file."""
    return Path(f"{os.fspath(path)}{ENDING}")


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Take up a journal, so that no other program does; yield whether that could be.

    It cannot where the program that writes it lives, or another has taken it up or removed it.
    """
    with contextlib.ExitStack() as stack:
        try:
            with guard(path):
                file = stack.enter_context(open(path, "rb"))
        except OutputError:
            if path.exists():
                raise
            yield False
            return
        yield _lock(file) and _is_still(path, file)


def read_journal(path: Path) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
    """Yield the tables of a journal and what was said with each, up to the last whole one.

    Raises:
        SourceError: If the file is no journal.
    """
    if not path.stat().st_size:
        return
    try:
        with pa.OSFile(os.fspath(path)) as file, pa.ipc.open_stream(file) as reader:
            while True:
                try:
                    batch, about = reader.read_next_batch_with_custom_metadata()
                    batch.validate(full=True)  # else what is broken ends the process
                except StopIteration:
                    return
                except (pa.ArrowException, OSError):  # cut off in the middle
                    return
                yield pa.Table.from_batches([batch]), json.loads(about[_KEY])
    except (pa.ArrowException, OSError, LookupError, ValueError, TypeError) as error:
        raise SourceError(f"{path} must be a journal of a recording: {error}") from error


def _locked(path: Path) -> IO[bytes]:
    """Open an empty file that only this program writes."""
    with guard(path):
        file = open(path, "ab")  # noqa: SIM115
        if not _lock(file):
            file.close()
            raise OutputError(f"cannot write {path}: another program is writing it")
        file.truncate(0)
    return file


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether an open file was not removed or renamed before it was locked."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
