"""Packets of a video file to pictures with times, with account kept of what was lost."""

import heapq
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import av

_log = logging.getLogger(__name__)

_NUDGE = 1e-3  # seconds; keeps times rising, also when they are rounded to milliseconds
_JUMP = 1.0  # seconds; a clock that goes back further than this was set anew
_RATES = (0.01, 240.0)  # frames per second that are believed unseen


@dataclass(frozen=True)
class Promise:
    """What a container says of its length; None where it says nothing."""

    frames: int | None
    seconds: float | None
    length: int | None

    @classmethod
    def of(cls, container: Any, stream: Any, fps: float) -> "Promise":
        frames = stream.frames or None
        seconds = None
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
        elif "DURATION" in stream.metadata:  # Matroska
            seconds = _seconds(stream.metadata["DURATION"])
        elif container.duration and len(container.streams) == 1:
            seconds = container.duration / av.time_base
        guess = round(seconds * fps) if seconds else None
        return cls(frames, seconds, frames or guess)


@dataclass
class Decoder:
    """One pass over a video: which pictures came when, and what was lost."""

    fps: float
    count: int = 0
    resized: int = 0
    discarded: int = 0
    broken: list[str] = field(default_factory=list)
    stopped: str | None = None
    _first: float | None = None
    _last: float = -math.inf
    _end: float = 0.0

    def pictures(self, container: Any, stream: Any) -> Iterator[tuple[float, Any | None]]:
        """Yield the time of each frame and its picture, None where it could not be decoded."""
        stream.thread_type = "SLICE"  # with frame threads an error comes at a later packet
        lost: list[float] = []  # heap: packets come in decoding order, frames in time
        for picture in self._decode(container, stream, lost):
            base = picture.time_base
            at = None if picture.pts is None else float(picture.pts * base)
            while lost and at is not None and lost[0] < at:
                yield self._clock(heapq.heappop(lost)), None
            if at is not None and lost and lost[0] == at:
                heapq.heappop(lost)
                yield self._clock(at), None
            elif picture.is_corrupt:
                self.note_broken("damaged data")
                yield self._clock(at), None
            else:
                yield self._clock(at), picture
        while lost:
            yield self._clock(heapq.heappop(lost)), None

    def _decode(self, container: Any, stream: Any, lost: list[float]) -> Iterator[Any]:
        try:
            for packet in packets(container, stream):
                at = None if packet.pts is None else float(packet.pts * packet.time_base)
                self.discarded += bool(packet.is_discard)
                self._end = max(self._end, float((packet.duration or 0) * stream.time_base))
                try:
                    pictures = packet.decode()
                except av.FFmpegError as error:
                    self.note_broken(error_text(error))
                    pictures = []
                    if at is not None:
                        heapq.heappush(lost, at)
                else:
                    if packet.is_corrupt and at is not None:
                        self.note_broken("damaged data")
                        heapq.heappush(lost, at)
                yield from pictures
        except (av.FFmpegError, OSError) as error:
            self.stopped = error_text(error)

    def _clock(self, at: float | None) -> float:
        """Return a time since the first frame that is later than the one before."""
        step = 1 / self.fps
        if at is None:
            at = self._last + step + (self._first or 0.0) if self.count else self._first or 0.0
        if self._first is None:
            self._first = at
        time = at - self._first
        if time < self._last - _JUMP:  # the recorder's clock was set anew
            self._first -= self._last + step - time
            time = self._last + step
        time = max(time, self._last + min(_NUDGE, step / 10), 0.0)
        self._last = time
        return time

    def note_broken(self, why: str) -> None:
        """Remember a frame that has no picture."""
        self.broken.append(why)

    def problem(self, promised: Promise) -> str | None:
        """Return what was wrong with the file, None if nothing."""
        found = []
        end = self._last + max(self._end, 1 / self.fps)
        given = f"{self.count} frames, up to {max(end, 0.0):.2f} s"
        if promised.frames and self.count + self.discarded < promised.frames:
            found.append(f"the file ends early: {given}, of {promised.frames} frames")
        elif promised.seconds and end < promised.seconds - 2.5 / self.fps:
            found.append(f"the file ends early: {given}, of {promised.seconds:.2f} s")
        if self.stopped:
            found.append(f"reading stopped after {given}: {self.stopped}")
        if self.broken:
            found.append(f"{len(self.broken)} frames could not be decoded ({self.broken[0]})")
        if self.resized:
            found.append(f"{self.resized} frames have another size and were scaled to the first's")
        return "; ".join(found) or None


def packets(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of a stream, and pass over those of streams that appear on the way."""
    while True:
        try:
            yield from container.demux(stream)
        except IndexError:  # how PyAV stumbles over a stream that was not there at the start
            continue
        return


def frame_rate(container: Any, stream: Any) -> float:
    """Return the average frames per second, from the container or else from its first packets.

    May read packets, so the container cannot be decoded afterwards.
    """
    stated = float(stream.average_rate or stream.guessed_rate or 0)
    if container.format.name == "gif" and stream.frames > 1 and stream.duration:
        # for a GIF, FFmpeg states the rate of the first pictures
        stated = float(stream.frames / (stream.duration * stream.time_base))
    if _RATES[0] < stated <= _RATES[1]:
        return stated
    try:
        first = [p for p in islice(packets(container, stream), 200) if p.pts is not None]
        times = sorted({float(p.pts * p.time_base) for p in first})
    except (av.FFmpegError, OSError):
        times = []
    if len(times) > 1:
        return (len(times) - 1) / (times[-1] - times[0])
    _log.warning("%s: no frame rate can be told from one frame; taken for 25", container.name)
    return 25.0


def _seconds(text: str) -> float | None:
    """Return the seconds of ``00:00:02.400000000``, None if it is none."""
    try:
        hours, minutes, seconds = text.split(":")
        length = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
    return length if math.isfinite(length) and length > 0 else None


def error_text(error: BaseException) -> str:
    """Return what FFmpeg says, without its numbers."""
    return str(getattr(error, "strerror", None) or error)
