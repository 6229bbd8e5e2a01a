"""Files that are broken on purpose: sound ones, changed at random."""

import contextlib
import copy
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

_WORDS = (b"[", b"]", b"{", b"}", b",", b":", b'"', b"null", b"true", b"-", b"1e999", b"NaN",
          b"\x00", b"\xff", b"\xef\xbb\xbf", b"../", b"%", b"\n", b"\r\n", b"0" * 400,
          b"[" * 300)  # fmt: skip
_CELLS = ("", "nan", "inf", "-1", "1e308", "1e-320", "9999999", "99999999999999999999", "x", '"',
          "\0", "1_0", "٣", "../../x", "0x10", " ", "-0", "1e400", "$a$", "=1+1")  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return a file changed at a few places; what it is decides how."""
    way = random.randrange(4)
    if way and data[:1] in (b"{", b"["):
        with contextlib.suppress(ValueError):  # TOML begins like JSON
            return _changed_json(data, random)
    if way and b"\x00" not in data[:200] and b"," in data[:200]:
        return _changed_table(data, random)
    return _changed_bytes(data, others, random)


def _changed_bytes(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        at = random.randrange(len(out) + 1)
        way = random.randrange(7)
        length = min(random.choice((1, 2, 4, 16, 200)), len(out) - at)
        if way == 0 and at < len(out):
            out[at] ^= 1 << random.randrange(8)
        elif way == 1 and at < len(out):
            out[at] = random.choice((0, 1, 127, 128, 255))
        elif way == 2:
            out[at:at] = random.choice(_WORDS)
        elif way == 3:
            del out[at : at + length]
        elif way == 4:
            out[at:at] = out[at : at + length] * random.choice((1, 2, 50))
        elif way == 5:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            out[at : at + length] = other[start : start + random.choice((1, 8, 100))]
        else:
            del out[at:]
    return bytes(out)


def _changed_table(data: bytes, random: Random) -> bytes:
    rows = [line.split(",") for line in data.decode(errors="replace").splitlines()]
    for _ in range(random.choice((1, 1, 2, 5))):
        row = random.choice(rows)
        place = random.randrange(len(row))
        way = random.randrange(6)
        if way < 3:
            row[place] = random.choice(_CELLS)
        elif way == 3:
            row.insert(place, random.choice(_CELLS))
        elif way == 4:
            rows.insert(random.randrange(len(rows) + 1), list(row))
        elif len(row) > 1:
            del row[place]
    return "\n".join(",".join(row) for row in rows).encode()


def _changed_json(data: bytes, random: Random) -> bytes:
    document = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        change(document, random)
    return json.dumps(document).encode()


def change(document: Any, random: Random) -> None:
    """Replace, drop, repeat or move something in a JSON document, in place."""
    holder, key = _place(document, random)
    if holder is None:
        return
    way = random.randrange(5)
    if way < 3:
        holder[key] = odd(random)
    elif way == 3:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[str(odd(random))[:20]] = holder.pop(key)


def _place(document: Any, random: Random) -> tuple[Any, Any]:
    """Return a random container of a document, and a key in it."""
    here: Any = document
    found: tuple[Any, Any] = (None, None)
    while isinstance(here, list | dict) and here and (found[0] is None or random.random() < 0.75):
        key = random.choice(list(here)) if isinstance(here, dict) else random.randrange(len(here))
        found, here = (here, key), here[key]
    return found


def odd(random: Random) -> Any:
    """Return a value that hardly anything expects."""
    kinds: Mapping[int, Callable[[], Any]] = {
        0: lambda: None,
        1: lambda: random.choice((True, False)),
        2: lambda: random.randint(-3, 5),
        3: lambda: random.choice((2**31, 2**63, 10**30, -(10**18), 10_000_000, 9_999_999)),
        4: lambda: random.choice((0.5, -0.0, 1e308, 5e-324, 1e-9, 1e6, float("nan"), float("inf"))),
        5: lambda: random.choice(("", "../../x", "/", "nose", "\0", "ü" * 50, "$x_", "1", "%s")),
        6: lambda: [random.randint(0, 3) for _ in range(random.randrange(4))],
        7: lambda: {random.choice(("x", "people", "id")): random.randint(0, 3)},
        8: lambda: _deep(random.choice((3, 70, 300))),
        9: lambda: [[]] * random.choice((2, 300)),
    }  # fmt: skip
    return kinds[random.randrange(len(kinds))]()


def _deep(levels: int) -> Any:
    value: Any = 1
    for i in range(levels):
        value = [value] if i % 2 else {"a": value}
    return value
