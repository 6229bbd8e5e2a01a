"""Files that appear whole under their final name, or not at all."""

import contextlib
import glob
import os
import re
import shutil
import socket
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from kpcomplete.errors import KpcompleteError, OutputError


@contextlib.contextmanager
def guard(path: str | os.PathLike[str], *others: type[Exception]) -> Iterator[None]:
    """Turn what the system says when it cannot write into an error that names the file.

    Args:
        path: The file that is being written, as the user knows it.
        others: Errors of a library that mean the same as `OSError`.

    Raises:
        OutputError: Instead of an `OSError`, such as a full disk or a missing permission.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except kinds as error:
        if isinstance(error, KpcompleteError):
            raise
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OutputError(f"cannot write {os.fspath(path)}: {reason}") from error


class Draft:
    """A file, or a folder, under a temporary name beside its final one.

    What processes that were killed left of earlier drafts of the same output goes.

    Args:
        path: The final name. Folders on the way to it are made.
        folder: The output is a folder; one that has something in it is never replaced.

    Raises:
        OutputError: If nothing can be written there. It is found out at once, not after hours.
    """

    def __init__(self, path: str | os.PathLike[str], *, folder: bool = False) -> None:
        self.path = Path(path)
        if not self.path.name:  # "." and "/" have none
            raise OutputError(f"cannot write {self.path}: it must be a file in a folder")
        self.temporary = self.path.with_name(f"{_prefix(self.path)}{os.getpid()}")
        with guard(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            clear(self.path)
            if folder:
                self._check_folder()
                self.discard()
                self.temporary.mkdir()
            else:
                if self.path.is_dir():
                    raise OutputError(f"cannot write {self.path}: a folder has that name")
                self.temporary.write_bytes(b"")

    def _check_folder(self) -> None:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise OutputError(
                f"cannot write {self.path}: it must be a new or an empty folder; remove it, or "
                "give another name"
            )

    def keep(self) -> None:
        """Give the output its final name, with all of it on the disk before."""
        with guard(self.path):
            if not self.temporary.is_dir():
                with open(self.temporary, "rb") as file:
                    os.fsync(file.fileno())
            os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Remove what was written so far; the final name keeps what it had."""
        _remove(self.temporary)


def check_apart(output: str | os.PathLike[str], sources: Iterable[str]) -> None:
    """Look whether an output would replace what it is made of.

    Raises:
        OutputError: If it would.
    """
    for source in sources:
        if os.path.exists(output) and os.path.exists(source) and os.path.samefile(output, source):
            raise OutputError(
                f"{os.fspath(output)} is the source itself; write to another folder or name"
            )


def clear(path: Path) -> None:
    """Remove the drafts of an output that processes of this machine left when they were killed."""
    prefix = _prefix(path)
    for draft in path.parent.glob(f"{glob.escape(prefix)}*"):
        number = draft.name.removeprefix(prefix)
        if re.fullmatch(r"[0-9]{1,9}", number) and not runs(int(number)):
            _remove(draft)


def _prefix(path: Path) -> str:
    """Return how names of drafts start: other machines may write to the same disk."""
    machine = zlib.crc32(socket.gethostname().encode())
    return f".{path.name}.part-{machine:08x}-"


def runs(process: int) -> bool:
    """Whether a process of this machine still runs; one that only waits to be buried does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return state.rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):  # it ended just now, or this system has no such files
        return not Path("/proc/self/stat").exists()


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextlib.contextmanager
def whole(path: str | os.PathLike[str], *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary name; without an exception it becomes the final one, else it goes.

    Args:
        path: The final name.
        folder: The output is a folder.

    Raises:
        OutputError: If it cannot be written.
    """
    draft = Draft(path, folder=folder)
    try:
        with guard(path):
            yield draft.temporary
        draft.keep()
    except BaseException:
        draft.discard()
        raise
