"""Process recordings one after the other, and keep account of them."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from kpcomplete.errors import KpcompleteError, OutputError, SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.manifest import DAMAGED, DONE, FAILED, Entry, Manifest
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.sink import Sink
from kpcomplete.source import Source

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Process:
    """A batch of recordings.

    Args:
        source: Opens a recording, given its ``path``.
        pipeline: What is done with every recording.
        sinks: Output name to a function that makes its sink, given ``path``, ``source`` and
            ``provenance``.
        outputs: Output name to the ending of its file; None leaves it out.
        output_dir: Folder of the outputs and of ``manifest.csv``; made if need be.
        provenance: What the outputs tell about how they were made.
        force: Redo what is finished.

    Raises:
        SettingError: If an output has no sink.
        OutputError: If the folder cannot be made, or holds a foreign ``manifest.csv``.
    """

    source: Callable[..., Source]
    pipeline: Pipeline
    sinks: Mapping[str, Callable[..., Sink]]
    outputs: Mapping[str, str | None]
    output_dir: str | Path
    provenance: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.outputs) - set(self.sinks))
        if unknown:
            raise SettingError(
                f"no sink writes {', '.join(unknown)}; there are {', '.join(self.sinks)}"
            )
        folder = Path(self.output_dir)
        torch.set_num_threads(1)  # poses are small: the cores have detecting and drawing to do
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error}") from error
        self.manifest = Manifest(folder / "manifest.csv")

    def __call__(self, recordings: list[str]) -> list[Entry]:
        """Process recordings and return their rows of the manifest, in order."""
        entries = []
        stems = output_stems(recordings)
        for recording in tqdm(recordings, unit="file", disable=len(recordings) < 2 or None):
            stem = Path(self.output_dir) / stems[recording]
            paths = {n: Path(f"{stem}{ending}") for n, ending in self.outputs.items() if ending}
            if self.force or not self.manifest.is_finished(recording, paths.values()):
                self.manifest.add(self._one(recording, paths))
            entries.append(self.manifest.entries[recording])
        return entries

    def _one(self, recording: str, paths: Mapping[str, Path]) -> Entry:
        start = time.perf_counter()
        try:
            source = Counted(self.source(path=recording))
            sinks = [
                self.sinks[n](path=str(p), source=source.inner, provenance=self.provenance)
                for n, p in paths.items()
            ]
            frames = run(self.pipeline, source, sinks)
            problem = getattr(source.inner, "problem", None)
        except OutputError:
            raise  # the next recording would fail as this one did
        except KpcompleteError as error:
            return Entry(recording, FAILED, str(error), 0, _since(start))
        except Exception as error:  # one broken recording never takes down a batch
            log.exception("%s failed", recording)
            text = f"{recording}: {type(error).__name__}: {error}"
            return Entry(recording, FAILED, text, 0, _since(start))
        if problem:
            return Entry(recording, DAMAGED, f"{recording}: {problem}", frames, _since(start))
        return Entry(recording, DONE, "", frames, _since(start))


class Counted:
    """A source that shows its progress.

    Args:
        inner: Where the frames come from.
    """

    def __init__(self, inner: Source) -> None:
        self.inner = inner

    @property
    def info(self) -> StreamInfo:
        """That of the inner source."""
        return self.inner.info

    def __iter__(self) -> Iterator[Frame]:
        name = Path(self.info.name).name
        with tqdm(
            total=self.info.length, unit="frame", desc=name, leave=False, disable=None
        ) as bar:
            for frame in self.inner:
                yield frame
                bar.update()


def output_stems(recordings: list[str]) -> dict[str, str]:
    """Return a file stem for each recording; those that would clash get their folders and suffix.

    Example:
        >>> output_stems(["a/x.mp4", "b/x.mp4", "b/y.mp4"])
        {'a/x.mp4': 'a__x.mp4', 'b/x.mp4': 'b__x.mp4', 'b/y.mp4': 'y'}
    """
    stems = [Path(r).stem if Path(r).suffix else Path(r).name for r in recordings]
    return {
        recording: "__".join(p for p in Path(recording).parts if p not in ("/", ".", ".."))
        if stems.count(stem) > 1
        else stem
        for recording, stem in zip(recordings, stems, strict=True)
    }


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 2)
