"""Find and complete the people of recorded videos, one after the other."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from kpcomplete.app.command import build, command
from kpcomplete.archive import provenance
from kpcomplete.errors import KpcompleteError, OutputError, SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.manifest import DAMAGED, DONE, FAILED, Entry, Manifest
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.sink import Sink
from kpcomplete.source import Source
from kpcomplete.source.auto import expand, open_source

log = logging.getLogger(__name__)


@command("process")
def main(cfg: DictConfig) -> None:
    """Process every recording of ``source``; exit code 1 if any failed or is damaged."""
    process = Process.from_config(cfg)
    entries = process(expand(build(cfg.source) if OmegaConf.is_config(cfg.source) else cfg.source))
    broken = [entry for entry in entries if entry.status != DONE]
    for entry in broken:
        print(f"{entry.status}: {entry.error}", file=sys.stderr)
    print(f"{len(entries) - len(broken)} of {len(entries)} done; see {process.manifest.path}")
    if broken:
        sys.exit(1)


@dataclass(kw_only=True)
class Process:
    """The job of the command, without its config.

    Args:
        pipeline: What is done with every recording.
        sinks: Output name to a function that makes its sink, given ``path`` and ``source``.
        endings: Output name to the ending of its file.
        output_dir: Folder of the outputs and of ``manifest.csv``; made if need be.
        force: Redo what is finished.
    """

    pipeline: Pipeline
    sinks: Mapping[str, Callable[..., Sink]]
    endings: Mapping[str, str]
    output_dir: Path
    force: bool = False

    def __post_init__(self) -> None:
        try:
            self.output_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {self.output_dir}: {error}") from error
        self.manifest = Manifest(self.output_dir / "manifest.csv")

    @classmethod
    def from_config(cls, cfg: DictConfig) -> "Process":
        """Return the job that a config describes."""
        endings = {name: ending for name, ending in cfg.outputs.items() if ending}
        unknown = sorted(set(cfg.outputs) - set(cfg.sinks))
        if unknown:
            raise SettingError(f"no sink is called {', '.join(unknown)}; there are {[*cfg.sinks]}")
        resolved = OmegaConf.to_container(cfg, resolve=True)
        record = provenance(config=resolved)
        return cls(
            pipeline=Pipeline(
                detector=build(cfg.detector),
                window=build(cfg.window),
                completer=build(cfg.completer),
                min_confidence=cfg.min_confidence,
                max_absence=cfg.max_absence,
            ),
            sinks={name: _maker(cfg.sinks[name], record) for name in endings},
            endings=endings,
            output_dir=Path(cfg.output_dir),
            force=cfg.force,
        )

    def __call__(self, recordings: list[str]) -> list[Entry]:
        """Process recordings and return their rows of the manifest, in order."""
        entries = []
        stems = output_stems(recordings)
        for recording in tqdm(recordings, unit="file", disable=len(recordings) < 2 or None):
            paths = {n: self.output_dir / (stems[recording] + e) for n, e in self.endings.items()}
            if self.force or not self.manifest.is_finished(recording, paths.values()):
                self.manifest.add(self._one(recording, paths))
            entries.append(self.manifest.entries[recording])
        return entries

    def _one(self, recording: str, paths: Mapping[str, Path]) -> Entry:
        start = time.perf_counter()
        try:
            source = Counted(open_source(recording))
            sinks = [self.sinks[n](path=str(p), source=source.inner) for n, p in paths.items()]
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
        return Entry(recording, DAMAGED if problem else DONE, problem or "", frames, _since(start))


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
        with tqdm(total=self.info.length, unit="frame", desc=name, leave=False, disable=None) as bar:
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


def _maker(cfg: Any, record: Mapping[str, Any]) -> Callable[..., Sink]:
    def make(**parts: Any) -> Sink:
        sink: Sink = build(cfg, provenance=record, **parts)
        return sink

    return make


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 2)
