"""What is done with one recording at a time, wherever the work is done."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from kpcomplete.backlog import SPLIT, Outcome, Task, digest_name, paths
from kpcomplete.errors import KpcompleteError, OutputError, SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.manifest import DAMAGED, DONE, FAILED
from kpcomplete.pieces import Handed, Pieces, detect, split
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.sink import Sink
from kpcomplete.sink.digest import Digest
from kpcomplete.source import Source
from kpcomplete.store import Store, open_store

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Worker:
    """Does tasks, with models that are loaded once.

    Args:
        source: Opens a recording, given its ``path``.
        pipeline: What is done with every recording.
        sinks: Output name to a function that makes its sink, given ``path``, ``source`` and
            ``provenance``.
        outputs: Output name to the ending of its file; None leaves it out.
        output_dir: Folder or address of the outputs.
        provenance: What the outputs tell about how they were made.
        chunk: Seconds. Longer videos are detected in pieces of about this length, which several
            workers can share; None: in one piece.
        overlap: Seconds before each piece in which its trackers find their feet.
        progress: Show how far a recording is.

    Raises:
        SettingError: If an output has no sink, or a length is not above 0.
        OutputError: If the folder cannot be made.
    """

    source: Callable[..., Source]
    pipeline: Pipeline
    sinks: Mapping[str, Callable[..., Sink]]
    outputs: Mapping[str, str | None]
    output_dir: str | Path
    provenance: Mapping[str, Any] = field(default_factory=dict)
    chunk: float | None = None
    overlap: float = 10.0
    progress: bool = True
    _store: Store = field(init=False, repr=False)
    _made_by: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.outputs) - set(self.sinks))
        if unknown:
            raise SettingError(
                f"no sink writes {', '.join(unknown)}; there are {', '.join(self.sinks)}"
            )
        if (self.chunk is not None and not self.chunk > 0) or not self.overlap >= 0:
            raise SettingError(
                "pieces need chunk > 0 s, or null, and overlap >= 0 s, but got "
                f"chunk={self.chunk} and overlap={self.overlap}"
            )
        torch.set_num_threads(1)  # poses are small: the cores have detecting and drawing to do
        self._store = open_store(self.output_dir)
        config = self.provenance.get("config", {}).get("detector", type(self.pipeline.detector))
        self._made_by = json.dumps([config, self.overlap], sort_keys=True, default=str)

    def __call__(self, task: Task) -> Outcome:
        """Do a task; what goes wrong is told, not raised."""
        start = time.perf_counter()
        try:
            outcome = self._do(task)
        except OutputError as error:  # the next recording would fail as this one did
            outcome = Outcome(status=FAILED, error=str(error), fatal=True)
        except KpcompleteError as error:
            outcome = Outcome(status=FAILED, error=str(error))
        except Exception as error:  # one broken recording never takes down a batch
            log.exception("%s failed", task.recording)
            text = f"{task.recording}: {type(error).__name__}: {error}"
            outcome = Outcome(status=FAILED, error=text, again=True)
        return replace(outcome, seconds=round(time.perf_counter() - start, 2))

    def _do(self, task: Task) -> Outcome:
        source = self.source(path=task.recording)
        if len(task.pieces) == 1:
            return self._detect(task, source)
        if task.pieces:
            return self._join(task, source)
        if self.chunk is not None:
            pieces = split(source, self.chunk)
            if len(pieces) > 1:
                return Outcome(status=SPLIT, pieces=pieces)
        frames = self._write(task, source, self.pipeline, source)
        return _told(task, frames, getattr(source, "problem", None))

    def _write(self, task: Task, source: Source, pipeline: Pipeline, frames: Source) -> int:
        """Run a pipeline over frames and write all outputs; return the number of frames."""
        with self._store.drafting() as folder:
            sinks = [
                self.sinks[n](path=str(p), source=source, provenance=self.provenance)
                for n, p in paths(folder, task.stem, self.outputs).items()
            ]
            if task.digest:
                sinks.append(Digest(path=folder / digest_name(task.stem), source=source))
            return run(pipeline, Counted(frames, self.progress), sinks)

    def _detect(self, task: Task, source: Source) -> Outcome:
        (piece,) = task.pieces
        name = self._pieces(task, source).name(piece)
        if self._store.changed(name) is not None:  # of a run that was interrupted
            return Outcome(status=DONE, frames=piece.last - piece.first)
        with self._store.drafting() as folder:
            problem = detect(
                source, piece, self.pipeline.detector, folder / name, overlap=self.overlap
            )
        return _told(task, piece.last - piece.first, problem)

    def _join(self, task: Task, source: Source) -> Outcome:
        pieces = self._pieces(task, source)
        handed = Handed(pieces)
        frames = self._write(task, source, replace(self.pipeline, detector=handed), pieces)
        for name in self._store.names(pieces.FOLDER):
            if pieces.owns(name):
                self._store.remove(name)
        return _told(task, frames, None)

    def _pieces(self, task: Task, source: Source) -> Pieces:
        return Pieces(
            source=source,
            store=self._store,
            stem=task.stem,
            pieces=task.pieces,
            made_by=self._made_by,
        )


def _told(task: Task, frames: int, problem: str | None) -> Outcome:
    if problem:
        return Outcome(status=DAMAGED, error=f"{task.recording}: {problem}", frames=frames)
    return Outcome(status=DONE, frames=frames)


class Counted:
    """A source that shows its progress.

    Args:
        inner: Where the frames come from.
        shown: Whether it does.
    """

    def __init__(self, inner: Source, shown: bool = True) -> None:
        self.inner, self._shown = inner, shown

    @property
    def info(self) -> StreamInfo:
        """That of the inner source."""
        return self.inner.info

    def __iter__(self) -> Iterator[Frame]:
        name = Path(self.info.name).name
        disable = None if self._shown else True
        with tqdm(
            total=self.info.length, unit="frame", desc=name, leave=False, disable=disable
        ) as bar:
            for frame in self.inner:
                yield frame
                bar.update()
