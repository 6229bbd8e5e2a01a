"""The one flow from frames to results, recorded or live."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import Memory, PoseBatch, completed_sequence
from kpcomplete.completer import Completer
from kpcomplete.detector import Detector
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.prefetch import prefetch
from kpcomplete.recall import Recall
from kpcomplete.recording import sequence
from kpcomplete.result import Person, Result
from kpcomplete.sink import Sink
from kpcomplete.source import Source
from kpcomplete.window import View, Window


@dataclass(kw_only=True)
class Pipeline:
    """Finds people, completes their joints, and yields results as soon as they are known.

    Args:
        detector: Adds people to frames.
        window: How much past and future the completer sees.
        completer: Fills in missing joints.
        min_confidence: A joint of which the detector is less sure than this counts as missing.
        max_absence: Seconds. A frame without any joint of a person is a moment of occlusion, and
            is filled in, if the person is seen no further away in time than this; else the seat
            is empty there and stays so.
        ahead: Frames that a thread of its own may detect ahead of completing and writing; 0: none.
        keep_images: Hand images on to the sinks. Costs one image per frame of the window.
    """

    detector: Detector
    window: Window
    completer: Completer
    min_confidence: float = 0.5
    max_absence: float = 1.0
    ahead: int = 0
    keep_images: bool = False

    def run(self, source: Source) -> Iterator[Result]:
        """Yield the results of a source in order, each frame once."""
        frames: Iterable[Frame] = self.detector(source, source.info)
        if not self.keep_images:
            frames = (replace(frame, image=None) for frame in frames)
        if self.ahead:
            frames = prefetch(frames, self.ahead)
        recall, before = Recall(), dict[str, PoseSequence]()
        for view in self.window.slide(frames):
            for seat, poses in before.items():
                if gone := int((poses.times < view.frames[0].time).sum()):
                    recall.add(poses[:gone])
                if not poses.is_observed.any():
                    recall.forget(seat)
            result, before = self._complete(view, source.info, recall)
            yield result

    def _complete(
        self, view: View, info: StreamInfo, recall: Recall
    ) -> tuple[Result, dict[str, PoseSequence]]:
        """Return the result of a view, and what of it was trusted."""
        found = dict.fromkeys(seat for frame in view.frames for seat in frame.people)
        seats = tuple(self.detector.seats) or tuple(found)
        raw = {seat: sequence(view.frames, seat, info) for seat in seats}
        trusted = {seat: _trusted(raw[seat], self.min_confidence) for seat in seats}
        done = dict(trusted)
        seated = [pose for pose in done.values() if pose.is_observed.any()]
        if seated:
            done |= complete(seated, self.completer, self.max_absence, recall.of(seated))
        result = Result(
            frames=view.frames[view.emit],
            people={
                seat: Person(observed=raw[seat][view.emit], completed=done[seat][view.emit])
                for seat in seats
            },
        )
        return result, trusted


def _trusted(raw: PoseSequence, min_confidence: float) -> PoseSequence:
    return raw.hide(raw.confidence < min_confidence)


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
