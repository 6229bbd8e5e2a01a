"""A detector that is kept from seeing some joints, on purpose."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kpcomplete.detector import Detector
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.veil import Veil


@dataclass(frozen=True, kw_only=True, eq=False)
class Veiled:
    """Finds people as another detector does, less what a veil hides; that stands in ``truth``.

    Args:
        detector: That finds people.
        veil: That hides joints, and may change at any moment.
    """

    detector: Detector
    veil: Veil = field(default_factory=Veil)

    @property
    def seats(self) -> tuple[str, ...]:
        """Those of the inner detector."""
        return self.detector.seats

    def __call__(self, frames: Iterable[Frame], info: StreamInfo, /) -> Iterator[Frame]:
        """Yield the frames with the people of whom something is left."""
        for frame in self.detector(frames, info):
            yield self.veil.cover(frame)
