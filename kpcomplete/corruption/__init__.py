"""How joints get lost or wrong; training and testing share these."""

from typing import Protocol, runtime_checkable

from kpcomplete.batch import PoseBatch


@runtime_checkable
class Corruption(Protocol):
    """Hides joints or moves them; never reveals one."""

    def __call__(self, batch: PoseBatch, /) -> PoseBatch: ...
