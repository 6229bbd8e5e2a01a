"""Frames of a live camera."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from glob import glob
from typing import Any

import cv2

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.frame import Array, Frame, StreamInfo

_log = logging.getLogger(__name__)

_DEFAULT_FPS = 30.0
_STEP = 1e-3  # seconds by which times rise at least


class Webcam:
    """A camera of this computer, or a stream with an address (``rtsp://…``, ``http://…``).

    The camera is read in a thread of its own, so that whoever is slow always gets the newest
    image: frames that came meanwhile are given on without their images, which keeps time evenly
    spaced for the completer. Times are those of arrival. Each iteration is a new stretch of
    time; the camera is free again when it ends or is left.

    Args:
        device: Number of the camera, or an address.
        size: Width, height to ask the camera for; it may choose another.
        fps: Frames per second to ask the camera for.

    Attributes:
        info: Frame rate and size that the camera chose; its length is not known.
        problem: Why the stream ended by itself; None while it runs or was left.

    Raises:
        SourceError: If the camera cannot be opened or gives no image.
        SettingError: If a size or a rate cannot be.
    """

    def __init__(
        self, device: int | str = 0, size: Sequence[int] | None = None, fps: float | None = None
    ) -> None:
        if (fps is not None and fps <= 0) or (
            size is not None and (len(size), min(size) > 0) != (2, True)
        ):
            raise SettingError(f"a camera needs fps > 0 and a size of two, but got {fps}, {size}")
        self.device = int(device) if str(device).isdigit() else str(device)
        self._asked = {cv2.CAP_PROP_FPS: fps}
        if size is not None:
            self._asked |= {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
        self.problem: str | None = None
        self._capture: Any = self._open()
        given, image = self._capture.read()
        if not given:
            self._capture.release()
            raise SourceError(f"camera {device!r} is there, but gives no image; is it in use?")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        if not 0 < rate < 1000:
            rate = fps or _DEFAULT_FPS
            _log.warning("camera %r does not state its frame rate; taken for %g", device, rate)
        self.info = StreamInfo(
            name=f"camera {device}", fps=float(rate), image_size=(image.shape[1], image.shape[0])
        )

    def _open(self) -> Any:
        capture = cv2.VideoCapture(self.device)
        if not capture.isOpened():
            there = ", ".join(sorted(glob("/dev/video*"))) or "none in /dev"
            raise SourceError(
                f"camera {self.device!r} cannot be opened; cameras of this computer: {there}"
            )
        for name, value in self._asked.items():
            if value is not None:
                capture.set(name, value)
        return capture

    def __iter__(self) -> Iterator[Frame]:
        capture, self._capture = self._capture or self._open(), None
        grabber = _Grabber(capture)
        grabber.start()
        index, self.problem = 0, None
        try:
            while taken := grabber.take():
                times, image = taken
                for moment in times[:-1]:
                    yield Frame(index=index, time=moment)
                    index += 1
                yield Frame(index=index, time=times[-1], image=image)
                index += 1
            self.problem = f"camera {self.device!r} gave no more images after {index} frames"
            _log.warning(self.problem)
        finally:
            grabber.stop()


class _Grabber(threading.Thread):
    """Reads a camera as fast as it gives images, and keeps the newest one."""

    def __init__(self, capture: Any) -> None:
        super().__init__(name="kpcomplete-webcam", daemon=True)
        self._capture = capture
        self._changed = threading.Condition()
        self._times: list[float] = []
        self._image: Array | None = None
        self._over = False

    def run(self) -> None:
        start, last = time.monotonic(), -_STEP
        while not self._over:
            given, image = self._capture.read()
            now = time.monotonic()
            if last < 0:
                start = now  # the first frame is at 0
            with self._changed:
                if given:
                    last = max(now - start, last + _STEP)
                    self._times.append(last)
                    self._image = image
                else:
                    self._over = True
                self._changed.notify()
        self._capture.release()

    def take(self) -> tuple[list[float], Array] | None:
        """Return the times since the last call, and the newest image; None if it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._times or self._over)
            times, image = self._times, self._image
            self._times, self._image = [], None
        return (times, image) if times and image is not None else None

    def stop(self) -> None:
        """End the thread and free the camera."""
        self._over = True
        self.join(timeout=5)
