"""Which of the joints that a detector reports it has invented or misplaced."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from kpcomplete.batch import PoseBatch


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
