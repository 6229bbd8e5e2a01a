"""How a show is shown or written."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from kpcomplete.show import Show


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a show is looked at.

    Attributes:
        variant: One of the show's; None for its first.
        view: Name of one of its views; None for its first.
        hidden: Layers that are left out.
        start: First moment.
        stop: Moment after the last; None for the end.
    """

    variant: str | None = None
    view: str | None = None
    hidden: frozenset[str] = frozenset()
    start: int = 0
    stop: int | None = None


@runtime_checkable
class Format(Protocol):
    """Shows a show, or writes it to ``path``; returns the files written, each whole or not at all.

    ``ending`` is what such files usually end with.
    """

    ending: ClassVar[str]

    def __call__(self, show: Show, look: Look, path: Path, /) -> tuple[Path, ...]: ...
