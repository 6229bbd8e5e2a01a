"""How missing joints are filled in."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from kpcomplete.batch import PoseBatch


@runtime_checkable
class Completer(Protocol):
    """Fills in missing joints, and says how sure it is.

    Takes windows in body units (see `kpcomplete.normalize`), canonical skeleton, and returns the
    same windows where ``observed`` is also True for what was filled in, with a ``covariance``
    for every joint that is given (0 for those that came in) and with ``confidence`` of filled-in
    joints as a probability. Joints that came in observed go out unchanged. What cannot be known
    stays missing. Windows do not depend on each other.

    ``causal`` says that a frame's completion never depends on later frames of its window.
    """

    causal: bool

    def __call__(self, batch: PoseBatch, /) -> PoseBatch: ...


@runtime_checkable
class Stream(Protocol):
    """Completes people live: each frame once, in the order in which they come.

    Takes the next frame of each person in pixels, ``[P, 1, J]``, with what is remembered of them,
    the people's names and the time in seconds, and returns it as a `Completer` does. People who
    are not named are forgotten. People do not depend on each other.
    """

    def __call__(self, batch: PoseBatch, people: Sequence[str], seconds: float, /) -> PoseBatch: ...


@runtime_checkable
class Streaming(Protocol):
    """A completer with a live form that need not look at a whole window for each frame."""

    def stream(self, window: int) -> Stream | None:
        """Return it for one recording; None if there is none with these settings.

        Args:
            window: Frames, this one included, after which observations are forgotten.
        """
