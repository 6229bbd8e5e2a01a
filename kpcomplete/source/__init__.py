"""Where frames come from."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from kpcomplete.frame import Frame, StreamInfo


@runtime_checkable
class Source(Protocol):
    """A recording or a stream. Iterating again starts again, except for live cameras."""

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...
