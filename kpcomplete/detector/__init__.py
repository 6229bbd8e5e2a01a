"""How people are found in frames."""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from kpcomplete.frame import Frame, StreamInfo


@runtime_checkable
class Detector(Protocol):
    """Adds people to frames, in the canonical skeleton and in pixels of the whole image.

    A frame without an image keeps the people that it has, so that stored poses pass through.
    """

    def __call__(self, frames: Iterable[Frame], info: StreamInfo, /) -> Iterator[Frame]: ...

    @property
    def seats(self) -> tuple[str, ...]:
        """Names that are watched even when nobody is there; empty if there are no seats.

        Known when the first frame is yielded; later ones may be added, none goes or is renamed.
        """
        ...
