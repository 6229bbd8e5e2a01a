"""Some frames of a video, found without decoding what is before them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from kpcomplete.errors import SourceError
from kpcomplete.frame import Array, Frame, StreamInfo
from kpcomplete.source._decode import Decoder, packets
from kpcomplete.source.video import Video

_NUDGE = 1e-3  # s; the decoder moves frames that are closer than this


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """Where the frames of a video are.

    Attributes:
        ticks: ``[T]`` presentation times in the container's unit, rising.
        times: ``[T]`` seconds since the first frame, as `Video` gives them.
        keys: Presentation times of the frames from which decoding can start, rising.
        start: Seconds that the container gives the first frame.
    """

    ticks: Array
    times: Array
    keys: Array
    start: float

    @classmethod
    def of(cls, video: Video) -> "Marks | None":
        """Return the marks of a video, None if its container does not tell them for certain."""
        with video.open() as (container, stream):
            try:
                found = [
                    (packet.pts, packet.is_keyframe)
                    for packet in packets(container, stream)
                    if packet.size and not packet.is_discard
                ]
            except (av.FFmpegError, OSError):
                return None
            unit = stream.time_base
        if not found or any(pts is None for pts, _ in found):
            return None
        given = np.array([pts for pts, _ in found], dtype=np.int64)
        ticks = np.unique(given)
        seconds = np.array([float(int(tick) * unit) for tick in ticks])
        falls = np.maximum.accumulate(given) - given  # a clock that is set anew goes back far
        near = np.diff(seconds) <= 1.01 * min(_NUDGE, 0.1 / video.info.fps)
        if len(ticks) != len(given) or near.any() or float(falls.max() * unit) > 1.0:
            return None
        keys = np.unique([pts for pts, is_key in found if is_key])
        start = float(seconds[0])
        return cls(ticks=ticks, times=seconds - start, keys=keys, start=start)

    def __len__(self) -> int:
        return len(self.ticks)


class Stretch:
    """Frames of a video from one number up to another, the same as `Video` gives.

    Args:
        video: The whole.
        first: Number of the first frame.
        last: Number of the frame after the last.
        marks: Of the video, if they are known.

    Attributes:
        info: Of the whole, but with the length of the stretch.
        problem: What was wrong with it, after it was read; None if nothing.

    Raises:
        SourceError: If the container does not tell where frames are, or has not as many.
    """

    def __init__(self, video: Video, first: int, last: int, marks: Marks | None = None) -> None:
        marks = marks or Marks.of(video)
        if marks is None or not 0 <= first < last <= len(marks):
            there = "whose frames cannot be found" if marks is None else f"of {len(marks)} frames"
            raise SourceError(
                f"{str(video.path)!r} must hold frames {first} to {last}, but is a video {there}"
            )
        self._video, self._marks, self._range = video, marks, (first, last)
        self.problem: str | None = None
        whole = video.info
        self.info = StreamInfo(
            name=whole.name, fps=whole.fps, image_size=whole.image_size, length=last - first
        )

    def __iter__(self) -> Iterator[Frame]:
        first, last = self._range
        keys = self._marks.keys
        before = int(np.searchsorted(keys, self._marks.ticks[first], side="right")) - 1
        broken = 0
        for frame in self._from(int(keys[before]) if before >= 0 else None):
            if frame.index >= last:
                break
            if frame.index >= first:
                broken += frame.image is None
                yield frame
        self.problem = f"{broken} frames could not be decoded" if broken else None

    def _from(self, tick: int | None) -> Iterator[Frame]:
        """Yield frames from a key frame on, or from before it where it cannot be found."""
        frames = self._decoded(tick)
        head = next(frames, None)
        if tick is not None and (head is None or head.index > self._range[0]):
            frames = self._decoded(None)  # seeking missed it
            head = next(frames, None)
        if head is not None:
            yield from itertools.chain([head], frames)

    def _decoded(self, tick: int | None) -> Iterator[Frame]:
        decoder = Decoder(self._video.info.fps, _first=self._marks.start)
        with self._video.open() as (container, stream):
            if tick is not None:
                try:
                    container.seek(tick, stream=stream, backward=True)
                except (av.FFmpegError, OSError):
                    return
            reformatter = VideoReformatter()
            for time, picture in decoder.pictures(container, stream):
                index = int(np.searchsorted(self._marks.times, time))
                if index < len(self._marks) and self._marks.times[index] == time:
                    wanted = picture is not None and index >= self._range[0]
                    image = self._video.image(picture, reformatter, decoder) if wanted else None
                    yield Frame(index=index, time=time, image=image)
