"""How a recording is written for other programs."""

import os
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from kpcomplete.recording import Recording


@runtime_checkable
class Exporter(Protocol):
    """Writes a recording to ``path`` and returns the files written; whole, or not at all.

    What is missing is missing in the file too: blank, NaN, or the format's own mark for it.
    ``ending`` is what a path usually ends with.
    """

    ending: ClassVar[str]

    def __call__(
        self, recording: Recording, path: str | os.PathLike[str], /
    ) -> tuple[Path, ...]: ...
