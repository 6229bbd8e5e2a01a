"""People who were found before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kpcomplete.frame import Frame, StreamInfo


@dataclass(kw_only=True)
class Stored:
    """Passes on the people that the frames bring along, as those of a file of poses do.

    Args:
        names: Seats that are watched, also when the file has nobody there; None for those that
            are met. Frames keep all their people either way.
    """

    names: Sequence[str] | None = None
    _met: dict[str, None] = field(init=False, repr=False, default_factory=dict)

    @property
    def seats(self) -> tuple[str, ...]:
        """The names that were given, then those met in the frames so far."""
        return tuple(dict.fromkeys([*(self.names or ()), *self._met]))

    def __call__(self, frames: Iterable[Frame], info: StreamInfo, /) -> Iterator[Frame]:
        """Yield the frames as they are."""
        self._met = {}
        for frame in frames:
            self._met |= dict.fromkeys(frame.people)
            yield frame
