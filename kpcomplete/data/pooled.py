"""Several data sets as one."""

from collections.abc import Mapping
from dataclasses import dataclass

from kpcomplete.data import Data, PoseSet


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """Several data sets of one frame rate, one behind the other.

    Args:
        parts: The data sets, by any names; so that a configuration can leave one out.
        mirrored: Also add every clip as a mirror shows it. Cars have their driver left or right,
            and cameras stand on either side.
    """

    parts: Mapping[str, Data]
    mirrored: bool = False

    def load(self) -> PoseSet:
        """Return all clips; then, if asked for, all clips mirrored."""
        whole = PoseSet.concatenate([part.load() for part in self.parts.values()])
        return PoseSet.concatenate([whole, whole.mirrored()]) if self.mirrored else whole
