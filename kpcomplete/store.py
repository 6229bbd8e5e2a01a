"""Where outputs go: a folder of this machine, or an address that fsspec knows."""

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from kpcomplete.errors import MissingDependencyError, OutputError, SettingError
from kpcomplete.output import guard, runs, whole

_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}
"""Kinds of store in which a file that is being written is not there until it is whole."""
_SCRATCH = "kpcomplete-"


class Store(Protocol):
    """Files by name, relative to one folder. Names may have folders in them."""

    @property
    def is_far(self) -> bool:
        """Whether writing takes long."""
        ...

    def name(self, name: str) -> str:
        """Return the path or address of a file, for messages and for readers."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, None if it is not there."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        ...

    def changed(self, name: str) -> float | None:
        """Return when a file was written, seconds since 1970; None if it is not there."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, in order; none if it is not there."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def drafting(self) -> contextlib.AbstractContextManager[Path]:
        """Yield a folder on this machine; what is in it goes to the store in the end."""
        ...

    def fetched(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Yield the path of a file on this machine, for reading."""
        ...

    def sweep(self, stem: str, process: int) -> None:
        """Remove what a process that is gone has left half-written."""
        ...


def open_store(path: str | Path) -> Store:
    """Return the store at a path or an address; its folder is made.

    Example:
        >>> type(open_store("memory://results")).__name__
        'Address'

    Raises:
        OutputError: If the folder cannot be made.
        SettingError: If the kind of address is unknown.
        MissingDependencyError: If what it needs is not installed.
    """
    return Address(str(path)) if "://" in str(path) else Folder(Path(path))


class Folder:
    """A folder of this machine.

    Args:
        path: Made if need be.

    Raises:
        OutputError: If the folder cannot be made.
    """

    is_far = False

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {path}: {error}") from error

    def name(self, name: str) -> str:
        return str(self.path / name)

    def read(self, name: str) -> bytes | None:
        path = self.path / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, data: bytes) -> None:
        with whole(self.path / name) as temporary:
            temporary.write_bytes(data)

    def changed(self, name: str) -> float | None:
        path = self.path / name
        return path.stat().st_mtime if path.exists() else None

    def names(self, folder: str) -> list[str]:
        found = (self.path / folder).glob("*")
        return sorted(f"{folder}/{path.name}" for path in found if path.is_file())

    def remove(self, name: str) -> None:
        path = self.path / name
        with guard(path):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            if path.parent != self.path:
                path.parent.rmdir()  # stays while something is in it

    @contextlib.contextmanager
    def drafting(self) -> Iterator[Path]:
        """Yield the folder itself: sinks give files their final names when they are whole."""
        yield self.path

    @contextlib.contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        yield self.path / name

    def sweep(self, stem: str, process: int) -> None:
        if runs(process):
            return
        for folder in (self.path, *(p for p in self.path.glob(".*") if p.is_dir())):
            for path in folder.glob(f".{glob.escape(stem)}.*.part-*-{process}"):
                path.unlink(missing_ok=True)


class Address:
    """A folder that fsspec reaches, such as ``s3://bucket/results``.

    Files are made on this machine and sent when they are whole. Credentials and settings come
    from where the library of the protocol looks for them (for S3: ``AWS_…`` and
    ``FSSPEC_S3_ENDPOINT_URL`` in the environment, ``~/.aws``).

    Args:
        url: Of the folder.

    Raises:
        SettingError: If the protocol is unknown.
        MissingDependencyError: If what the protocol needs is not installed.
        OutputError: If the folder cannot be made or written.
    """

    is_far = True

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._protocol = url.partition("://")[0]
        self._files, self._root = _connect(self.url)
        with guard(self.url, Exception):
            self._files.makedirs(self._root, exist_ok=True)

    def __reduce__(self) -> tuple[type["Address"], tuple[str]]:
        return Address, (self.url,)  # connections do not travel

    def name(self, name: str) -> str:
        return f"{self.url}/{name}"

    def read(self, name: str) -> bytes | None:
        with guard(self.name(name), Exception):
            try:
                data: bytes = self._files.cat_file(self._at(name))
            except FileNotFoundError:
                return None
            return data

    def write(self, name: str, data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix=_SCRATCH) as folder:
            path = Path(folder) / "file"
            path.write_bytes(data)
            self._send(path, name)

    def changed(self, name: str) -> float | None:
        with guard(self.name(name), Exception):
            self._files.invalidate_cache()
            try:
                return float(self._files.modified(self._at(name)).timestamp())
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> list[str]:
        with guard(self.name(folder), Exception):
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._at(folder), detail=False)
            except FileNotFoundError:
                return []
            return sorted(f"{folder}/{PurePosixPath(path).name}" for path in found)

    def remove(self, name: str) -> None:
        with guard(self.name(name), Exception), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    @contextlib.contextmanager
    def drafting(self) -> Iterator[Path]:
        """Yield a scratch folder; without an exception its files are sent."""
        folder = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-"))
        try:
            yield folder
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                name = path.relative_to(folder).as_posix()
                self._send(path, name)
                if name.endswith(".parquet") and not name.endswith(".classes.parquet"):
                    self._drop_stale(path, name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _drop_stale(self, path: Path, name: str) -> None:
        """Remove the classes of an earlier run, which would mislead."""
        if not path.with_suffix(".classes.parquet").exists():
            self.remove(f"{name.removesuffix('.parquet')}.classes.parquet")

    @contextlib.contextmanager
    def fetched(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix=_SCRATCH) as folder:
            path = Path(folder) / PurePosixPath(name).name
            with guard(self.name(name), Exception):
                self._files.get_file(self._at(name), str(path))
            yield path

    def sweep(self, stem: str, process: int) -> None:
        del stem
        if runs(process):  # of that number, on this machine
            return
        for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}{process}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _send(self, path: Path, name: str) -> None:
        target = self._at(name)
        draft = target if self._protocol in _WHOLE else f"{target}.part-{os.getpid()}"
        with guard(self.name(name), Exception):
            parent = str(PurePosixPath(target).parent)
            self._files.makedirs(parent, exist_ok=True)
            self._files.put_file(str(path), draft)
            if draft != target:
                self._files.mv(draft, target)


def _connect(url: str) -> tuple[Any, str]:
    """Return a file system and the path of the folder in it."""
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(url)
    except ValueError as error:
        raise SettingError(f"output_dir must be a folder or an address, but {error}") from error
    except ImportError as error:
        raise MissingDependencyError(
            f"output_dir={url} needs a package that is not installed: {error}; for s3:// "
            "install kpcomplete[s3]"
        ) from error
    return files, str(root).rstrip("/")
