"""How missing joints are filled in."""

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
