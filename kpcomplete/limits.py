"""How large a file from elsewhere may be, so that none fills the memory or never ends."""

import json
import math
from typing import Any

import numpy as np

MAX_BYTES = 2 * 1024**3  # of text, which is held in memory several times over
MAX_DEPTH = 64  # of JSON: lists and objects within each other
MAX_FRAMES = 10_000_000  # 92 hours at 30 frames per second
MAX_JOINTS = 1000
MAX_PEOPLE = 200  # in one frame: two full buses
MAX_CLASSES = 1000  # of a task
MAX_RATE = 100_000.0  # frames per second
MAX_PIXEL = 1e6  # further out is no image but a wrong column or a broken number
MAX_POINTS = 100_000_000  # frames x people x joints; about 2 GB
FREE_POINTS = 10_000_000  # above it a file must state a share of the points that it asks memory for
LEAST_STATED = 1 / 20  # that share
ROWS_A_BYTE = 50  # of a table; an archive of empty seats has 5, or 20 with 133 joints
POINT_BYTES = 100  # that reading a point of an archive takes at most

_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_CLOSES = bytes(int(code in b"]}") for code in range(256))


def parse(text: str | bytes) -> Any:
    """Return a JSON document.

    Raises:
        ValueError: If it is none, is nested too deeply, or holds NaN, an infinity, or half a
            character, which no file can be written with.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number")

    deep = depth(text)
    if deep > MAX_DEPTH:
        raise ValueError(
            f"nested too deeply: {deep} lists and objects within each other, where {MAX_DEPTH} is "
            "the most"
        )
    found = json.loads(text, parse_constant=refuse)
    plain = text.encode(errors="replace") if isinstance(text, str) else text
    if rb"\ud" in plain or rb"\uD" in plain:  # halves of characters
        json.dumps(found, ensure_ascii=False).encode()
    return found


def check_rows(rows: int, size: int, points: int = 0) -> None:
    """Refuse tables that are much larger in memory than what they say; rows repeat for nothing.

    Args:
        rows: Of the table.
        size: Of its file, bytes.
        points: Numbers that it asks memory for.

    Raises:
        ValueError: If they are too many, the table says too little for so many, or there is not
            the memory for them.
    """
    most = max(FREE_POINTS, min(ROWS_A_BYTE * size, MAX_POINTS))
    least = LEAST_STATED * points if points > FREE_POINTS else 0
    if rows > most or points > MAX_POINTS or rows < least:
        raise ValueError(
            f"{rows} rows in {size} bytes, for {points} points, are more than {most} rows or "
            f"{MAX_POINTS} points, or say too little for so many"
        )
    need, free = max(rows, points) * POINT_BYTES, _free_memory()
    if max(rows, points) > FREE_POINTS and need > free:
        raise ValueError(
            f"{max(rows, points)} points take {need / 1e9:.1f} GB of memory, of which "
            f"{free / 1e9:.1f} GB are free"
        )


def _free_memory() -> float:
    """Return how many bytes are free, or would be for who asks; infinite if nothing says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return 1024.0 * int(lines["MemAvailable"].split()[0])
    except (OSError, LookupError, ValueError):
        return math.inf


def depth(text: str | bytes) -> int:
    """Return how deep JSON is nested; brackets in its strings count, too.

    Example:
        >>> depth('{"a": [[1], [2]]}')
        3
    """
    plain = text.encode(errors="replace") if isinstance(text, str) else text
    closes = np.frombuffer(plain.translate(_CLOSES, _OTHERS), dtype=np.int8)
    return int(np.cumsum(1 - 2 * closes, dtype=np.int32).max(initial=0))
