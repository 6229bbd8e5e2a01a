"""The one flow from frames to results, recorded or live."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import Memory, PoseBatch, completed_sequence
from kpcomplete.camera import Camera
from kpcomplete.completer import Completer, Streaming
from kpcomplete.completing import Completing
from kpcomplete.detector import Detector
from kpcomplete.following import Solid
from kpcomplete.frame import Frame
from kpcomplete.frontal import seen_from_ahead
from kpcomplete.gate import Gate
from kpcomplete.gate.watch import Guard
from kpcomplete.head import Faces, Head, Prepares, Watch
from kpcomplete.head import Streaming as Follows
from kpcomplete.head.carrying import Carrying
from kpcomplete.head.steady import Deciding, Steadiness
from kpcomplete.lens import Lens
from kpcomplete.lifter import Lifter
from kpcomplete.lifting import Lifting
from kpcomplete.model.engine import Joins, Runs
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.prefetch import prefetch
from kpcomplete.recall import Recall
from kpcomplete.recording import sequence
from kpcomplete.result import Person, Result
from kpcomplete.sink import Sink
from kpcomplete.source import Source
from kpcomplete.window import Window


@dataclass(kw_only=True)
class Pipeline:
    """Finds people, completes their joints, and yields results as soon as they are known.

    Where the window gives on each frame at once, a `Streaming` completer takes frames one by one.

    Args:
        detector: Adds people to frames.
        window: How much past and future the completer sees.
        completer: Fills in missing joints.
        min_confidence: A joint of which the detector is less sure than this counts as missing.
        gate: Tells joints that the detector invented; they count as missing, too. None: trust all.
        max_absence: Seconds. A frame without any joint of a person is a moment of occlusion, and
            is filled in, if the person is seen no further away in time than this; else the seat
            is empty there and stays so.
        lifter: Finds the third dimension of what was completed. None: people stay flat.
        lens: What is known of the camera, for the lifter.
        head: Classifies people, from the past alone. None: nobody is classified.
        steady: How slowly decisions follow classes. None: nothing is decided.
        explain: Which decisions are explained, and how often. None: none.
        ahead: Frames that a thread of its own may detect ahead of completing and writing; 0: none.
        keep_images: Hand images on to the sinks. Costs one image per frame of the window.
    """

    detector: Detector
    window: Window
    completer: Completer
    min_confidence: float = 0.5
    gate: Gate | None = None
    max_absence: float = 1.0
    lifter: Lifter | None = None
    lens: Lens = field(default_factory=Lens)
    head: Head | None = None
    steady: Steadiness | None = None
    explain: Carrying | None = None
    ahead: int = 0
    keep_images: bool = False

    def run(self, source: Source) -> Generator[Result, None, None]:
        """Yield the results of a source in order, each frame once."""
        frames: Iterable[Frame] = self.detector(source, source.info)
        if not self.keep_images:
            frames = (f if f.image is None else replace(f, image=None) for f in frames)
        if self.ahead:
            frames = prefetch(frames, self.ahead)
        live = self._live()
        windows = _Windows(self.completer, self.max_absence)
        guard = Guard(self.gate) if self.gate else None
        lifting = self._lifting(source.info.image_size)
        ahead = self._facing(source.info.image_size)
        watch = self._watch(live)
        prepare = _prepare(watch) if live else None
        decide = self._decide(source.info.fps)
        delay = self.steady.delay(source.info.fps) if self.steady and decide else None
        explain = self.explain.follow(self.head) if decide and self.explain and self.head else None
        for view in self.window.slide(frames):
            seats = tuple(self.detector.seats) or _met(view.frames)
            shown, emit = (
                (view.frames[view.emit], slice(None)) if live else (view.frames, view.emit)
            )
            raw = {seat: sequence(shown, seat, source.info) for seat in seats}
            trusted = {seat: _trusted(raw[seat], self.min_confidence) for seat in seats}
            if guard:
                doubted = guard.follow(raw) if live else {seat: guard(raw[seat]) for seat in seats}
                trusted = {seat: poses.hide(doubted[seat]) for seat, poses in trusted.items()}
            now = trusted if live else {seat: trusted[seat][emit] for seat in seats}
            faced = now if ahead is None else {s: seen_from_ahead(p, ahead) for s, p in now.items()}
            if prepare:
                prepare(faced)
            done = (live or windows)(trusted)
            solid: Mapping[str, Solid] = {}
            if lifting:
                solid = lifting.follow(done) if live else lifting(done)
            classes = watch(faced) if watch else {}
            decisions = decide(classes) if decide else {}
            carried = explain(faced, decisions) if explain else {}
            yield Result(
                frames=view.frames[view.emit],
                people={
                    seat: _person(
                        raw[seat][emit],
                        done[seat][emit],
                        solid.get(seat),
                        emit,
                        classes=classes.get(seat, {}),
                        decisions=decisions.get(seat, {}),
                        carried=carried.get(seat),
                    )
                    for seat in seats
                },
                tasks=self.head.tasks if self.head else {},
                camera=lifting.camera if lifting else None,
                decided_after=delay,
                explained=explain.task if explain else None,
            )

    def _decide(self, fps: float) -> Deciding | None:
        if self.head is None or self.steady is None:
            return None
        return Deciding(self.steady, self.head.tasks, fps)

    def _lifting(self, image_size: tuple[int, int]) -> Lifting | None:
        if self.lifter is None:
            return None
        return Lifting(lifter=self.lifter, camera=self.lens.camera(image_size))

    def _facing(self, image_size: tuple[int, int]) -> Camera | None:
        """Return the camera of a head that looks from ahead, see `kpcomplete.frontal`."""
        if not _from_ahead(self.head):
            return None
        camera = self.lens.camera(image_size)
        camera.require_car("the head is to see people from ahead")
        return camera

    def _watch(self, live: Completing | None) -> Watch | None:
        stream = self.head.stream() if live and isinstance(self.head, Follows) else None
        if live:
            _join(stream, live.stream)
        return stream or (self.head.watch() if self.head else None)

    def _live(self) -> Completing | None:
        """Return how frames are completed one by one, if they can be and are to be."""
        at_once = (self.window.hop, self.window.future) == (1, 0)
        if not (at_once and isinstance(self.completer, Streaming)):
            return None
        window = self.window.past + 1
        stream = self.completer.stream(window)
        return None if stream is None else Completing(stream, window, self.max_absence)


class _Windows:
    """Completes views of a recording as wholes, and remembers what left them."""

    def __init__(self, completer: Completer, max_absence: float) -> None:
        self.completer, self.max_absence = completer, max_absence
        self.recall, self.before = Recall(), dict[str, PoseSequence]()

    def __call__(self, trusted: Mapping[str, PoseSequence]) -> Mapping[str, PoseSequence]:
        first = min((poses.times[0] for poses in trusted.values()), default=np.inf)
        for seat, poses in self.before.items():
            if gone := int((poses.times < first).sum()):
                self.recall.add(poses[:gone])
            if not poses.is_observed.any():
                self.recall.forget(seat)
        self.before = dict(trusted)
        seated = [poses for poses in trusted.values() if poses.is_observed.any()]
        if not seated:
            return trusted
        memory = self.recall.of(seated)
        return {**trusted, **complete(seated, self.completer, self.max_absence, memory)}


def _join(stream: object, other: object) -> None:
    """Let two that look at the same frames run their network together, if both can."""
    if isinstance(stream, Joins) and isinstance(other, Runs):
        stream.join(other.engine)


def _from_ahead(head: object) -> bool:
    return isinstance(head, Faces) and head.frontal


def _prepare(watch: object) -> Callable[[Mapping[str, PoseSequence]], None] | None:
    return watch.prepare if isinstance(watch, Prepares) else None


def _met(frames: Sequence[Frame]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(seat for frame in frames for seat in frame.people))


def _person(
    raw: PoseSequence, completed: PoseSequence, solid: Solid | None, emit: slice, **found: Any
) -> Person:
    return Person(
        observed=raw,
        completed=completed,
        joints3d=None if solid is None else solid.points[emit],
        std3d=None if solid is None else solid.std[emit],
        **found,
    )


def _trusted(raw: PoseSequence, min_confidence: float) -> PoseSequence:
    return raw.hide(raw.confidence < min_confidence)


def mend(
    raw: PoseSequence, completer: Completer, gate: Gate | None = None, min_confidence: float = 0.5
) -> PoseSequence:
    """Return a person of a whole recording as a `Pipeline` hands it to its lifter.

    Args:
        raw: All that was reported, canonical skeleton.
        completer: Fills in missing joints.
        gate: See `Pipeline`.
        min_confidence: Likewise.
    """
    trusted = _trusted(raw, min_confidence)
    if gate is not None:
        trusted = trusted.hide(Guard(gate)(raw))
    return complete([trusted], completer)[raw.person]


@torch.inference_mode()
def complete(
    sequences: Sequence[PoseSequence],
    completer: Completer,
    max_absence: float = np.inf,
    memory: Memory | None = None,
) -> Mapping[str, PoseSequence]:
    """Complete people who were watched over the same frames.

    Args:
        sequences: Equal lengths, canonical skeleton.
        completer: Fills in missing joints.
        max_absence: Seconds, see `Pipeline`.
        memory: Of the same people, in pixels.

    Returns:
        Person to completed sequence. Observed joints are those of the input, to the bit.
    """
    pixels = replace(PoseBatch.from_sequences(sequences), memory=memory)
    placement = normalize.fit(pixels)
    done = placement.into_pixels(completer(placement.into_body(pixels)))
    out = {}
    for row, raw in enumerate(sequences):
        absent = _absent(raw, max_absence, completer.causal)
        filled = completed_sequence(raw, done, row)
        out[raw.person] = filled.hide(absent[:, None] & ~raw.is_observed)
    return out


def _absent(raw: PoseSequence, max_absence: float, causal: bool) -> Array:
    """``[T]`` bool: the person is not seen near enough in time to be there at all."""
    present = raw.is_observed.any(axis=1)
    before = np.maximum.accumulate(np.where(present, raw.times, -np.inf))
    after = np.minimum.accumulate(np.where(present, raw.times, np.inf)[::-1])[::-1]
    distance = raw.times - before
    if not causal:
        distance = np.minimum(distance, after - raw.times)
    absent: Array = ~present & ~(distance <= max_absence)
    return absent


def run(pipeline: Pipeline, source: Source, sinks: Sequence[Sink]) -> int:
    """Send the results of a source to all sinks, and return the number of frames.

    An exception closes the sinks with it, so that none leaves a file under its final name.
    """
    count = 0
    with ExitStack() as stack:
        opened = [stack.enter_context(sink) for sink in sinks]
        for result in pipeline.run(source):
            count += len(result.frames)
            for sink in opened:
                sink.write(result)
    return count
