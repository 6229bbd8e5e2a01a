"""Which of the joints that a detector reports it has invented or misplaced."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.pose import Array


@runtime_checkable
class Gate(Protocol):
    """Says how likely it is that a reported joint is not there.

    Takes windows in body units (see `kpcomplete.normalize`) of the canonical skeleton with all
    that the detector reports, also what it is unsure of, and ``[B, 4]`` where the image ends:
    left, top, right, bottom in the same unit, or None if that is not known. Returns
    ``[B, T, J]`` probabilities, 0 where no joint is reported; where only the last frames are
    asked about, only theirs. A frame's answer never depends on
    later frames, nor a window's on other windows. Where a joint is not observed, its value has no
    influence.

    ``distrust`` is the probability above which a joint should be treated as missing.
    """

    distrust: float

    def __call__(
        self, batch: PoseBatch, edges: Tensor | None = None, last: int | None = None, /
    ) -> Tensor: ...


@runtime_checkable
class Stream(Protocol):
    """Judges people live: each frame once, in the order in which they come.

    Takes the next frame of each person in pixels, ``[P, 1, J]``, all that was reported, widths and
    heights of their images, their names, and the time in seconds; returns probabilities ``[P, J]``
    as a `Gate` does. People who are not named are forgotten, and do not depend on each other.
    """

    def __call__(
        self, batch: PoseBatch, image: Sequence[tuple[int, int]], people: Sequence[str],
        seconds: float, /,
    ) -> Array: ...  # fmt: skip


@runtime_checkable
class Streaming(Protocol):
    """A gate with a live form that need not look at a whole window for each frame."""

    def stream(self, window: int) -> Stream:
        """Return it for one recording.

        Args:
            window: Frames, the newest included, after which what was is forgotten.
        """
