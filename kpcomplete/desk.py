"""What somebody who watches is told, and may ask for."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kpcomplete.frame import Array
from kpcomplete.latency import Latency
from kpcomplete.veil import Veil


def _nothing() -> None:
    return None


def _nowhere(picture: Array) -> str:
    return "nowhere"


@dataclass(kw_only=True)
class Desk:
    """Stands between the flow of frames and a window in which somebody watches.

    Attributes:
        name: Of what is watched.
        delay: Frames that completion waits for those after it.
        fps: Nominal frames per second.
        latency: How late frames are, from capture to screen.
        veil: Hides joints on purpose.
        snapshot: Keeps a picture, and returns where.
        stop: Ends the flow.
        record: Begins or ends a recording.
        recording: Seconds of the recording that goes on; None if none does.
        dropped: Images that came and were not looked at.
        status: What is wrong with the camera or the recording at the moment; None if nothing.
    """

    name: str = ""
    delay: int = 0
    fps: float = 30.0
    latency: Latency = field(default_factory=Latency)
    veil: Veil = field(default_factory=Veil)
    snapshot: Callable[[Array], str] = _nowhere
    stop: Callable[[], None] = _nothing
    record: Callable[[], None] = _nothing
    recording: Callable[[], float | None] = _nothing
    dropped: Callable[[], int] = int
    status: Callable[[], str | None] = _nothing
