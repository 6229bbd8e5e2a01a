"""H.264 in mp4, with the times that frames have."""

import contextlib
import os
from fractions import Fraction
from typing import Any

import av
import cv2

from kpcomplete.output import guard
from kpcomplete.pose import Array

TIME_BASE = Fraction(1, 90_000)  # s; a multiple of all usual rates, and fine enough for the rest
_BT601, _LIMITED = 6, 1  # what cv2 converts to, by the numbers of H.273


class Encoder:
    """Writes pictures to a video file, each at its own time.

    The file is opened with the first picture, which gives the size.

    Args:
        path: Name of the file for messages.
        target: File to write.
        rate: Nominal frames per second, for the encoder's decisions.
        crf: Quality of x264, 0 (lossless) .. 51.
        preset: Speed of x264.
        threads: Threads of x264.
        comment: Text to keep in the file.
        fragments: Write it in pieces of a second, each of which can be played without the next.

    Raises:
        OutputError: If the file cannot be written.
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str],
        target: str | os.PathLike[str],
        rate: float,
        crf: int,
        preset: str,
        threads: int,
        comment: str,
        fragments: bool = False,
    ) -> None:
        self._path, self._target, self._comment = path, target, comment
        self._rate = Fraction(rate).limit_denominator(1001) if 0 < rate < 1000 else Fraction(30)
        # without B-frames pictures leave in their order, and a quarter of the time is saved
        self._options = {"crf": str(crf), "preset": preset, "threads": str(threads), "bf": "0"}
        self._format = {"movflags": "+faststart+use_metadata_tags"}
        if fragments:
            self._options |= {"g": str(max(1, round(rate))), "tune": "zerolatency"}
            self._format = {
                "movflags": "+frag_keyframe+empty_moov+default_base_moof+use_metadata_tags",
                "flush_packets": "1",
            }
        self._container: Any = None
        self._stream: Any = None
        self._last = -1

    def write(self, picture: Array, time: float) -> None:
        """Add a picture ``[H, W, 3]`` BGR of even size.

        Args:
            picture: All pictures have the size of the first.
            time: Seconds; where it does not rise the picture comes one tick after the last.
        """
        with guard(self._path, av.FFmpegError):
            if self._container is None:
                self._open(picture.shape[1], picture.shape[0])
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            self._last = max(round(time / TIME_BASE), self._last + 1)
            frame.pts, frame.time_base = self._last, TIME_BASE
            self._container.mux(self._stream.encode(frame))

    def _open(self, width: int, height: int) -> None:
        self._container = av.open(os.fspath(self._target), "w", format="mp4", options=self._format)
        self._container.metadata["comment"] = self._comment
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=self._options)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = TIME_BASE
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        context.color_range = _LIMITED

    def finish(self) -> None:
        """Write what the encoder still holds, and close the file."""
        if self._container is not None:
            with guard(self._path, av.FFmpegError):
                self._container.mux(self._stream.encode(None))
                container, self._container = self._container, None
                container.close()

    def abandon(self) -> None:
        """Close the file, whatever is in it."""
        if self._container is not None:
            container, self._container = self._container, None
            with contextlib.suppress(OSError, av.FFmpegError):  # full disk: the file goes anyway
                container.close()
