"""Frames of one video file."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from kpcomplete.errors import SourceError
from kpcomplete.frame import Array, Frame, StreamInfo
from kpcomplete.source._decode import Decoder, Promise, error_text, frame_rate

_log = logging.getLogger(__name__)

# FFmpeg reads these too, but they are text, or lists of addresses to read something else from.
_NO_VIDEO = {"tty", "hls", "dash", "concat", "sdp", "rtsp", "webvtt", "srt", "ass", "lrc"}


class Video:
    """The frames of a video file, in whatever format FFmpeg reads.

    Times come from the container, so a variable frame rate survives; the first frame is at 0.
    Images are turned upright as the container says. A frame that is there but cannot be decoded
    comes without an image, at its time. Decoded with PyAV: OpenCV is as fast (measured per CPU
    second), but silently skips broken frames and does not turn all files upright.

    Args:
        path: The file.

    Attributes:
        info: Frame rate, size and number of frames as the container promises them.
        problem: What was wrong with the file, after (part of) it was read; None if nothing.

    Raises:
        SourceError: If there is no such file, it holds no video, or nothing of it can be decoded.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        _check_file(self.path)
        self.problem: str | None = None
        with self.open() as (container, stream):
            fps = frame_rate(container, stream)
            self._promised = Promise.of(container, stream, fps)
        with self.open() as (container, stream):  # anew: a damaged file cannot be wound back
            self._size = self._first_size(container, stream)
        self.info = StreamInfo(
            name=str(path), fps=fps, image_size=self._size, length=self._promised.length
        )

    def __iter__(self) -> Iterator[Frame]:
        decoder = Decoder(self.info.fps)
        with self.open() as (container, stream):
            reformatter = VideoReformatter()
            for time, picture in decoder.pictures(container, stream):
                image = None if picture is None else self.image(picture, reformatter, decoder)
                yield Frame(index=decoder.count, time=time, image=image)
                decoder.count += 1
        self.problem = decoder.problem(self._promised)
        if self.problem:
            _log.warning("%s: %s", self.path, self.problem)

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[Any, Any]]:
        """Yield the container and its stream of pictures, wound back to the start."""
        with self._open() as container:
            yield container, _video_stream(container, self.path)

    def _open(self) -> Any:
        try:  # "file:" keeps a colon in the name from being read as a protocol
            container = av.open(f"file:{self.path}", options={"protocol_whitelist": "file"})
        except (av.FFmpegError, OSError, UnicodeError) as error:
            raise SourceError(
                f"video {str(self.path)!r} cannot be opened: {error_text(error)}; it is no "
                "video, or it is damaged at its start"
            ) from error
        if _NO_VIDEO & set(container.format.name.split(",")):
            name = container.format.name
            container.close()
            raise SourceError(
                f"video {str(self.path)!r} is no video but text (FFmpeg takes it for {name!r})"
            )
        return container

    def _first_size(self, container: Any, stream: Any) -> tuple[int, int]:
        for _, picture in Decoder(25.0).pictures(container, stream):
            if picture is not None:
                turned = _quarter_turns(picture) % 2
                size = (
                    (picture.height, picture.width) if turned else (picture.width, picture.height)
                )
                return (int(size[0]), int(size[1]))
        raise SourceError(f"video {str(self.path)!r} holds no frame that can be decoded")

    def image(self, picture: Any, reformatter: Any, decoder: Decoder) -> Array | None:
        """Return a decoded picture upright as BGR, None if its pixels cannot be converted."""
        turns = _quarter_turns(picture)
        width, height = self._size if turns % 2 == 0 else self._size[::-1]
        if (picture.width, picture.height) != (width, height):
            decoder.resized += 1
        try:
            bgr = reformatter.reformat(picture, width=width, height=height, format="bgr24")
            image: Array = np.rot90(bgr.to_ndarray(), turns)
        except (av.FFmpegError, ValueError) as error:
            decoder.note_broken(f"its pixels cannot be converted ({error_text(error)})")
            return None
        return np.ascontiguousarray(image)  # rows are padded in FFmpeg


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"video {str(path)!r} must be a file, but is a folder")
    if not path.exists():
        raise SourceError(f"there is no video {str(path)!r}")
    if not path.is_file():
        raise SourceError(f"video {str(path)!r} must be a regular file")
    if not path.stat().st_size:
        raise SourceError(f"video {str(path)!r} is empty (0 bytes)")


def _video_stream(container: Any, path: Path) -> Any:
    streams = [s for s in container.streams.video if not s.disposition & 0x400]  # no cover art
    if not streams:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceError(f"{str(path)!r} holds no video stream, only {kinds}")
    return streams[0]


def _quarter_turns(picture: Any) -> int:
    """Return how often the image is to be turned by 90 degrees, counterclockwise."""
    return int(round(picture.rotation / 90) % 4)
