"""Files of other tools to plain values, checked."""

import contextlib
import csv
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.limits import MAX_BYTES, MAX_FRAMES, MAX_PIXEL, parse
from kpcomplete.pose import Array


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        SourceError: If there is no such file, it is too large, or it is no UTF-8.
    """
    try:
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not there"
            raise SourceError(f"keypoint file {str(path)!r} must be a file, but is {kind}")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SourceError(
                f"keypoint file {str(path)!r} must be at most {MAX_BYTES / 1e9:.1f} GB of text, "
                f"but has {size / 1e9:.1f} GB; split it"
            )
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"keypoint file {str(path)!r} cannot be read: {error}") from error


def first_line(path: Path) -> list[str]:
    """Return the fields of a table's first line in lower case; [] if there is none."""
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16)
    except OSError:
        return []
    text = line.decode("utf-8-sig", errors="replace").strip().replace("\0", "")
    with contextlib.suppress(csv.Error):
        return [name.strip().lower() for name in next(csv.reader([text]), [])]
    return []


def read_json(path: Path) -> Any:
    """Return the document of a JSON file; the last one read is kept, see `forget`.

    Raises:
        SourceError: If the file is no JSON, or holds a number that is none.
    """
    stat = path.stat() if path.is_file() else None
    return _read_json(path, stat and (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=1)
def _read_json(path: Path, _version: Any) -> Any:
    try:
        return parse(read_text(path))
    except ValueError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"keypoint file {str(path)!r} is damaged JSON: {error}") from error


def forget() -> None:
    """Free the document that `read_json` keeps."""
    _read_json.cache_clear()


def read_csv(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file without empty lines; all are as long as the first.

    Raises:
        SourceError: If the file is no such table; names the line.
    """
    lines = read_text(path).splitlines()
    try:
        rows = [row for row in csv.reader(lines, strict=True) if row]
    except csv.Error as error:
        raise SourceError(f"keypoint file {str(path)!r} is no CSV: {error}") from error
    if not rows:
        raise SourceError(f"keypoint file {str(path)!r} is empty")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise SourceError(
                f"{str(path)!r}, row {number}: must have {len(rows[0])} fields as row 1 has, "
                f"but has {len(row)}"
            )
    return rows


def numbers(values: Any, where: str, shape: tuple[int | None, ...]) -> Array:
    """Return nested lists as float64, all finite.

    Args:
        values: What JSON gave.
        where: File and place, for messages.
        shape: The shape wanted; None is any length.

    Raises:
        SourceError: If it is of another shape, or something in it is no number.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    wanted = "x".join("N" if n is None else str(n) for n in shape)
    if array.dtype.kind not in "iuf" or array.ndim != len(shape):
        raise SourceError(f"{where}: must be {wanted} numbers, but is {_short(values)}")
    if any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        found = "x".join(map(str, array.shape))
        raise SourceError(f"{where}: must be {wanted} numbers, but is {found}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise SourceError(f"{where}: must be finite numbers, but is {_short(values)}")
    return array


def column(cells: list[str], where: str) -> Array:
    """Return the cells of a table as float64 ``[N]``, NaN where empty or ``nan``.

    Raises:
        SourceError: If a cell is no number, or is infinite; names the row.
    """
    filled = [cell.strip() or "nan" for cell in cells]
    try:
        values = np.array(filled, dtype=np.float64)
    except ValueError:
        values = np.array([np.nan if _is_number(cell) else np.inf for cell in filled])
    wrong = np.flatnonzero(np.isinf(values))
    if len(wrong):
        raise SourceError(
            f"{where}, data row {wrong[0] + 1}: must be a number, but is {cells[wrong[0]]!r}"
        )
    return values


def _is_number(cell: str) -> bool:
    try:
        np.array([cell], dtype=np.float64)
    except ValueError:
        return False
    return True


def whole_numbers(values: Array, where: str) -> Array:
    """Return frame numbers as int64.

    Raises:
        SourceError: If one is negative, too large, or no whole number.
    """
    good = (values >= 0) & (values < MAX_FRAMES) & (values == np.floor(values))
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise SourceError(
            f"{where}, entry {row + 1}: a frame number must be whole and 0..{MAX_FRAMES - 1}, "
            f"but is {values[row]}"
        )
    return values.astype(np.int64)


def image_size_of(value: Any, where: str) -> tuple[int, int] | None:
    """Return width and height in pixels; None for None.

    Raises:
        SourceError: If it is something else.
    """
    if value is None:
        return None
    width, height = numbers(value, f"{where}, image_size", (2,))
    if not (1 <= width <= MAX_PIXEL and 1 <= height <= MAX_PIXEL):
        raise SourceError(
            f"{where}: image_size must be width and height, 1..{MAX_PIXEL:g} pixels, but is "
            f"{_short(value)}"
        )
    return int(width), int(height)


def entry(document: Any, key: str, kind: type, where: str) -> Any:
    """Return ``document[key]``.

    Raises:
        SourceError: If the document is no object, lacks the key, or has another kind there.
    """
    if not isinstance(document, dict) or not isinstance(document.get(key), kind):
        found = _short(document.get(key) if isinstance(document, dict) else document)
        raise SourceError(f"{where}: must hold {key!r}, a {kind.__name__}, but has {found}")
    return document[key]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
