"""Names in a recording, which come from a file, as parts of names of files."""

import re
from collections.abc import Iterable

_LONGEST = 100  # characters; file systems take 255 bytes
_ODD = re.compile(r"[^\w.-]")


def printable(name: str) -> str:
    r"""Return a name without what ends lines or texts, or is half a character.

    Example:
        >>> printable("my drive\0")
        'my drive_'
    """
    return "".join(c if c.isprintable() else "_" for c in name[:_LONGEST])


def distinct(names: Iterable[str]) -> dict[str, str]:
    """Return for each name another that stays in its folder and is no other's, whatever the case.

    Example:
        >>> distinct(["a/b", "a_b", "A_b_2"])
        {'a/b': 'a_b', 'a_b': 'a_b_2', 'A_b_2': 'A_b_2_2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        short = candidate = _ODD.sub("_", printable(name))
        count = 1
        while candidate.casefold() in taken:
            count += 1
            candidate = f"{short}_{count}"
        taken.add(candidate.casefold())
        found[name] = candidate
    return found
