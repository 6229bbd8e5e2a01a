"""List what this project needs, and under which licences."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

_ROOT = "kpcomplete"
_PREFIX = "License :: "
_KNOWN = {"anny": "Apache-2.0 (by its repository)"}  # whose metadata do not tell
_SHIPPED = (  # not packages of their own
    ("x264 (in av)", "", "GPL-2.0-or-later"),
    ("FFmpeg (in av, opencv-python)", "", "LGPL-2.1-or-later"),
    ("MediaPipe's pose models (in mediapipe)", "", "Apache-2.0"),
)


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package.

    Attributes:
        name: As PyPI has it.
        version: That is installed; empty if it is not.
        licence: In the words of its own metadata; empty if they do not tell.
        extra: The extra that asks for it; empty if it is always needed.
    """

    name: str
    version: str
    licence: str
    extra: str


def main() -> None:
    """Print one line a package; exit code 1 if one does not tell its licence."""
    found = sorted(packages(), key=lambda package: (package.extra, package.name.lower()))
    lines = [(p.name, p.version or "not installed", p.licence or "not told", p.extra)
             for p in found]  # fmt: skip
    lines += [(*shipped, "") for shipped in _SHIPPED]
    for name, version, licence, extra in lines:
        print(f"{name:<40} {version:<16} {licence}{f'  [{extra}]' if extra else ''}")
    silent = [p.name for p in found if p.version and not p.licence]
    if silent:
        sys.exit(f"these do not tell their licence: {', '.join(silent)}")


def packages() -> Iterator[Package]:
    """Yield every package that this project needs, by itself or through others, each once."""
    seen = {_ROOT}
    todo = [(name, extra) for name, extra in _asked(distribution(_ROOT), with_extras=True)]
    todo.sort(key=lambda one: one[1])  # what is always needed comes first
    while todo:
        name, extra = todo.pop(0)
        if _plain(name) in seen:
            continue
        seen.add(_plain(name))
        try:
            here = distribution(name)
        except PackageNotFoundError:
            if extra:
                yield Package(name=name, version="", licence="", extra=extra)
            continue  # another system or Python needs it
        yield Package(name=here.name, version=here.version, licence=licence_of(here), extra=extra)
        todo += [(needed, extra) for needed, _ in _asked(here, with_extras=False)]


def licence_of(package: Distribution) -> str:
    """Return the licence that a package's metadata tell, in one line; empty if none."""
    about = package.metadata
    for expression in about.get_all("License-Expression") or ():
        return str(expression)
    kinds = [c.removeprefix(_PREFIX).split(" :: ")[-1] for c in about.get_all("Classifier") or ()
             if c.startswith(_PREFIX)]  # fmt: skip
    told = "".join(about.get_all("License") or ())[:10_000].strip()
    if kinds and (not told or "\n" in told or len(told) > 60 or kinds != ["OSI Approved"]):
        return ", ".join(dict.fromkeys(kinds))
    return told.splitlines()[0][:60] if told else _KNOWN.get(package.name, "")


def _asked(package: Distribution, *, with_extras: bool) -> Iterator[tuple[str, str]]:
    """Yield the packages that one asks for on this Python, and the extra that does."""
    for text in package.requires or ():
        name = re.match(r"[\w.-]+", text)
        extra = re.search(r"extra\s*==\s*[\"']([\w.-]+)[\"']", text)
        if name and (with_extras or not extra):
            yield name.group(), extra.group(1) if extra else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
