"""Where results go."""

from types import TracebackType
from typing import Protocol, runtime_checkable

from kpcomplete.result import Result


@runtime_checkable
class Sink(Protocol):
    """Takes results one after the other, as a context manager.

    Writes under a temporary name; leaving without an exception gives the file its final name,
    leaving with one removes it.
    """

    def __enter__(self) -> "Sink": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...

    def write(self, result: Result, /) -> None: ...
