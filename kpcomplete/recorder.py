"""Recording a part of what is watched, from a key to the next."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from kpcomplete.errors import OutputError
from kpcomplete.frame import Array, Frame
from kpcomplete.result import Result
from kpcomplete.sink import Sink
from kpcomplete.source import Source

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Recorder:
    """A sink that writes what `kpcomplete process` writes, while it is switched on.

    Recordings are called after the moment at which they begin, with frames and times from 0. A
    frame of which no image came shows the last one.

    Args:
        sinks: Output name to a function that makes its sink, given ``path``, ``source`` and
            ``provenance``.
        outputs: Output name to the ending of its file.
        output_dir: Folder of the recordings.
        source: That is watched; its name, rate and size go into the files.
        provenance: How they are made.
        at_once: Outputs that are written from the first frame on. If they cannot be written, that
            is an error; one that was asked for later only ends its recording.
    """

    sinks: Mapping[str, Callable[..., Sink]]
    outputs: Mapping[str, str]
    output_dir: str | Path
    source: Source
    provenance: Mapping[str, Any] = field(default_factory=dict)
    at_once: Sequence[str] = ()
    files: list[Path] = field(default_factory=list, init=False)
    problem: str | None = field(default=None, init=False)
    _stack: ExitStack | None = field(default=None, init=False, repr=False)
    _open: list[Sink] = field(default_factory=list, init=False, repr=False)
    _names: list[str] = field(default_factory=list, init=False, repr=False)
    _first: tuple[int, float] | None = field(default=None, init=False, repr=False)
    _image: Array | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> "Recorder":
        if self.at_once:
            self.start(self.at_once)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if self._stack is not None:
            stack, self._stack = self._stack, None
            stack.__exit__(kind, error, trace)

    @property
    def since(self) -> float | None:
        """Seconds of the recording that goes on; None if none does."""
        return None if self._stack is None else self._seconds

    def start(self, names: Sequence[str] | None = None) -> None:
        """Begin a recording with some outputs, or with all.

        Raises:
            OutputError: If a file cannot be written.
        """
        self.stop()
        stem = Path(self.output_dir) / self._stem()
        self._first, self._seconds, self.problem = None, 0.0, None
        with ExitStack() as stack:
            paths = {n: Path(f"{stem}{self.outputs[n]}") for n in names or self.outputs}
            self._open = [
                stack.enter_context(
                    self.sinks[name](path=str(path), source=self.source, provenance=self.provenance)
                )
                for name, path in paths.items()
            ]
            self._stack = stack.pop_all()
        self.files += paths.values()

    def stop(self) -> None:
        """End the recording, if there is one; its files get their names."""
        if self._stack is not None:
            stack, self._stack = self._stack, None
            stack.close()

    def toggle(self) -> None:
        """Begin or end a recording; what goes wrong is kept in ``problem`` and logged."""
        try:
            if self._stack is None:
                self.start()
            else:
                self.stop()
        except OutputError as error:
            self._fail(error)

    def write(self, result: Result, /) -> None:
        """Add some frames, if a recording is on."""
        for frame in result.frames:
            self._image = self._image if frame.image is None else frame.image
        if self._stack is None:
            return
        shown = replace(result, frames=tuple(self._moved(frame) for frame in result.frames))
        try:
            for sink in self._open:
                sink.write(shown)
        except OutputError as error:
            if self.at_once:
                raise
            self._fail(error)

    def _moved(self, frame: Frame) -> Frame:
        if self._first is None:
            self._first = (frame.index, frame.time)
        index, start = self._first
        self._seconds = frame.time - start
        image = self._image if frame.image is None else frame.image
        return replace(frame, index=frame.index - index, time=self._seconds, image=image)

    def _fail(self, error: OutputError) -> None:
        self.problem = str(error)
        _log.warning("the recording ends: %s", error)
        if self._stack is not None:
            stack, self._stack = self._stack, None
            stack.__exit__(type(error), error, error.__traceback__)

    def _stem(self) -> str:
        """Return a name that no recording in the folder has."""
        name = stem = time.strftime("live-%Y%m%d-%H%M%S")
        count = 1
        while any(Path(self.output_dir).glob(f"{stem}.*")):
            count += 1
            stem = f"{name}-{count}"
        return stem
