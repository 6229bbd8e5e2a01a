"""Watching people live: a source that does not wait, until it ends or somebody stops it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kpcomplete.compiled import prepare
from kpcomplete.desk import Desk
from kpcomplete.detector.veiled import Veiled
from kpcomplete.errors import OutputError, SettingError
from kpcomplete.latency import Latency, Lateness
from kpcomplete.output import guard, whole
from kpcomplete.pipeline import Pipeline
from kpcomplete.pose import Array
from kpcomplete.recorder import Recorder
from kpcomplete.recovery import recover
from kpcomplete.sink import Sink
from kpcomplete.source import Source

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What came of watching.

    Attributes:
        frames: Results, those of dropped images included.
        dropped: Images that came and were not looked at.
        latency: From capture until all sinks were done.
        files: Recordings that were made.
        problem: Why the source ended by itself; None if it was stopped, or is a file that ended.
    """

    frames: int
    dropped: int
    latency: Lateness
    files: tuple[Path, ...]
    problem: str | None


@dataclass(kw_only=True)
class Live:
    """Shows and records what a source gives, frame by frame, as late as the work takes.

    What killed recordings left in the folder is recovered first.

    Args:
        source: That does not wait: what nobody is ready for comes without an image.
        pipeline: What is done with every frame; its images must be kept.
        windows: Name to a function that makes a sink in which somebody watches, given ``desk``.
        sinks: Output name to a function that makes its sink, given ``path``, ``source`` and
            ``provenance``.
        outputs: Output name to the ending of its file.
        into: Names of windows, and of outputs that are recorded from the first frame on.
        output_dir: Folder of recordings and snapshots; made if need be.
        provenance: What the recordings tell about how they were made.
        seconds: After which it ends; None: when the source does, or somebody stops it.

    Raises:
        SettingError: If a name is no window and no output, or images are not kept.
        OutputError: If the folder cannot be made.
    """

    source: Source
    pipeline: Pipeline
    windows: Mapping[str, Callable[..., Sink]]
    sinks: Mapping[str, Callable[..., Sink]]
    outputs: Mapping[str, str]
    into: Sequence[str]
    output_dir: str | Path
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    latency: Latency = field(default_factory=Latency, init=False, repr=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        known = [*self.windows, *self.outputs]
        if unknown := sorted(set(self.into) - set(known)):
            raise SettingError(
                f"nothing can be shown in or written by {', '.join(unknown)}; there are "
                f"{', '.join(known)}"
            )
        if not self.into:
            raise SettingError(f"name at least one of sink=[{', '.join(known)}]")
        if self.seconds is not None and not self.seconds > 0:
            raise SettingError(f"seconds must be positive, but is {self.seconds}")
        if not self.pipeline.keep_images:
            raise SettingError("whoever watches wants images: set keep_images of the pipeline")
        torch.set_num_threads(1)  # poses are small: the cores have detecting and drawing to do
        with guard(self.output_dir):
            Path(self.output_dir).mkdir(parents=True, exist_ok=True)

    @property
    def delay(self) -> float:
        """Seconds by which results are later than the work takes, known before the start."""
        return self.pipeline.window.delay / self.source.info.fps

    def stop(self) -> None:
        """End it soon, as if the source had ended; may be called by a signal."""
        self._stopped.set()
        if (stop := getattr(self.source, "stop", None)) is not None:
            stop()

    def __call__(self) -> Watched:
        """Watch until the source ends or somebody stops it."""
        prepare()
        for path in recover(self.output_dir):
            _log.warning("recovered %s, which was not finished", path)
        recorder = Recorder(
            sinks=self.sinks, outputs=self.outputs, output_dir=self.output_dir,
            source=self.source, provenance=self.provenance,
            at_once=[name for name in self.outputs if name in self.into],
        )  # fmt: skip
        desk = self._desk(recorder)
        watchers = [self.windows[name](desk=desk) for name in self.windows if name in self.into]
        pipeline = replace(
            self.pipeline, detector=Veiled(detector=self.pipeline.detector, veil=desk.veil)
        )
        frames = 0
        with ExitStack() as stack:
            stack.enter_context(threadpool_limits(1, user_api="blas"))
            sinks = [stack.enter_context(sink) for sink in [*watchers, recorder]]
            for result in stack.enter_context(closing(pipeline.run(self.source))):
                for sink in sinks:
                    sink.write(result)
                self.latency.note(result.frames, time.monotonic())
                frames += len(result.frames)
                if self._is_over(result.frames[-1].time):
                    break
        return Watched(
            frames=frames,
            dropped=getattr(self.source, "dropped", 0),
            latency=self.latency.whole,
            files=tuple(recorder.files),
            problem=getattr(self.source, "problem", None),
        )

    def _is_over(self, now: float) -> bool:
        """Whether to end at once; a source that can be stopped runs out and loses nothing."""
        if self.seconds is not None and now >= self.seconds:
            self._stopped.set()
        if self._stopped.is_set():
            self.stop()
            return not hasattr(self.source, "stop")
        return False

    def _desk(self, recorder: Recorder) -> Desk:
        return Desk(
            name=self.source.info.name,
            delay=self.pipeline.window.delay,
            fps=self.source.info.fps,
            latency=self.latency,
            snapshot=self._snapshot,
            stop=self.stop,
            record=recorder.toggle,
            recording=lambda: recorder.since,
            dropped=lambda: getattr(self.source, "dropped", 0),
            status=lambda: getattr(self.source, "status", None) or recorder.problem,
        )

    def _snapshot(self, picture: Array) -> str:
        """Write a picture, and return its name or what went wrong."""
        path = Path(self.output_dir) / time.strftime("snapshot-%Y%m%d-%H%M%S.png")
        try:
            with whole(path) as temporary:
                Image.fromarray(np.ascontiguousarray(picture[..., ::-1])).save(temporary, "PNG")
        except OutputError as error:
            _log.warning("%s", error)
            return str(error)
        return str(path)
