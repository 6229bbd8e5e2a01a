"""How keypoints that another tool stored are read."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from kpcomplete.pose import PoseSequence


@runtime_checkable
class Importer(Protocol):
    """Reads the files of one format."""

    def sniff(self, path: Path, /) -> bool:
        """Whether the file or folder looks like this format; never raises for what is in it."""
        ...

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        """Return everyone in the file over the same frames, in the skeleton of the file.

        Frames that the file leaves out are MISSING, so that time stays evenly spaced.

        Raises:
            SourceError: If the file is damaged or of another format.
            SkeletonError: If a joint's name is unknown.
        """
        ...
