"""Frames of a live camera."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from kpcomplete.address import is_address, without_secrets
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.frame import Array, Frame, StreamInfo
from kpcomplete.source._newest import Newest, Shot

_log = logging.getLogger(__name__)

_DEFAULT_FPS = 30.0
_FIRST = 0.5  # seconds before a lost camera is looked for
_LONGEST = 10.0  # seconds between two attempts to find a camera again
_TIMEOUT = 4000  # milliseconds after which a stream that says nothing is lost


class Webcam:
    """A camera of this computer, or a stream with an address (``rtsp://…``, ``http://…``).

    The camera is read in a thread of its own, so that whoever is slow always gets the newest
    image: frames that came meanwhile are given on without their images, which keeps time evenly
    spaced for the completer. Times are those of arrival. Each iteration is a new stretch of
    time; the camera is free again when it ends or is left.

    A camera that is lost is looked for again, after half a second, then one, two, ... up to ten,
    and the stretch goes on where it was: its clock, its seats, and what is known of the people
    in them. Meanwhile frames without image come twice a second.

    Args:
        device: Number of the camera, its path in ``/dev``, or an address.
        size: Width, height to ask the camera for; it may choose another.
        fps: Frames per second to ask the camera for.
        patience: Seconds for which a lost camera is looked for; None: for ever.

    Attributes:
        info: Frame rate and size that the camera chose; its length is not known.
        dropped: Images that nobody was ready for.
        status: That the camera is lost at the moment, and for how long; None if it is not.
        problem: Why the stream ended by itself; None while it runs or was left.

    Raises:
        SourceError: If the camera cannot be opened or gives no image; lists those there are.
        SettingError: If a size, a rate or the patience cannot be.
    """

    def __init__(
        self,
        device: int | str = 0,
        size: Sequence[int] | None = None,
        fps: float | None = None,
        patience: float | None = None,
    ) -> None:
        if (fps is not None and fps <= 0) or (
            size is not None and (len(size), min(size) > 0) != (2, True)
        ):
            raise SettingError(f"a camera needs fps > 0 and a size of two, but got {fps}, {size}")
        if patience is not None and patience < 0:
            raise SettingError(f"patience with a camera must be at least 0 s, but is {patience}")
        self.device = int(device) if str(device).isdigit() else str(device)
        self.name = f"camera {without_secrets(str(device))}"
        self._patience = patience
        self._asked = {cv2.CAP_PROP_FPS: fps}
        if size is not None:
            self._asked |= {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
        self.problem: str | None = None
        self._newest: Newest | None = None
        self._lost: float | None = None  # since when
        capture, image = self._open()
        rate = capture.get(cv2.CAP_PROP_FPS)
        if not 0 < rate < 1000:
            rate = fps or _DEFAULT_FPS
            _log.warning("%s does not state its frame rate; taken for %g", self.name, rate)
        self.info = StreamInfo(
            name=self.name, fps=float(rate), image_size=(image.shape[1], image.shape[0])
        )
        self._ready: Any = capture

    @property
    def dropped(self) -> int:
        """Images that nobody was ready for."""
        return self._newest.dropped if self._newest else 0

    @property
    def status(self) -> str | None:
        """That the camera is lost at the moment, and for how long; None if it is not."""
        if (since := self._lost) is None:
            return None
        return f"{self.name} lost for {time.monotonic() - since:.0f} s, looking for it"

    def __iter__(self) -> Iterator[Frame]:
        self.problem = None
        self._newest = Newest(self._shots, self.info.fps)
        return iter(self._newest)

    def stop(self) -> None:
        """End the iteration; may be called from any thread."""
        if self._newest:
            self._newest.stop()

    def _open(self) -> tuple[Any, Array]:
        """Return a camera that gives images, and the first of them."""
        with _quiet():
            return self._opened()

    def _opened(self) -> tuple[Any, Array]:
        if is_address(str(self.device)):
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
            settings = [value for limit in limits for value in (limit, _TIMEOUT)]
            capture: Any = cv2.VideoCapture(self.device, cv2.CAP_FFMPEG, settings)
        else:
            capture = cv2.VideoCapture(self.device)
        if not capture.isOpened():
            raise SourceError(f"{self.name} cannot be opened; {cameras()}")
        for name, value in self._asked.items():
            if value is not None:
                capture.set(name, value)
        given, image = capture.read()
        if not given:
            capture.release()
            raise SourceError(
                f"{self.name} is there, but gives no image; is it in use? {cameras()}"
            )
        return capture, image

    def _shots(self, stopped: threading.Event) -> Iterator[Shot]:
        capture, self._ready = self._ready, None
        if capture is None:
            capture, _ = self._open()
        count = 0
        try:
            while not stopped.is_set():
                given, image = capture.read()
                if given:
                    count += 1
                    yield Shot(self._fitted(image))
                    continue
                capture.release()
                _log.warning("%s is lost after %d frames; looking for it", self.name, count)
                capture, image = self._again(stopped)
                if capture is None:
                    break
                yield Shot(self._fitted(image))
        finally:
            self._lost = None
            if capture is not None:
                capture.release()
        if not stopped.is_set():
            self.problem = f"{self.name} gave no more images after {count} frames"
            _log.warning(self.problem)

    def _again(self, stopped: threading.Event) -> tuple[Any, Any]:
        """Return the lost camera and an image, or nothing if patience ends or all is over."""
        self._lost, pause = time.monotonic(), _FIRST
        while True:
            gone = time.monotonic() - self._lost
            left = float("inf") if self._patience is None else self._patience - gone
            if left <= 0 or stopped.wait(min(pause, left)):
                return None, None
            pause = min(2 * pause, _LONGEST)
            try:
                found = self._open()
            except SourceError:
                continue
            gone, self._lost = time.monotonic() - self._lost, None
            _log.warning("%s is back after %.1f s", self.name, gone)
            return found

    def _fitted(self, image: Array) -> Array:
        """Return an image in the size that all others have: a camera may come back with another."""
        if (image.shape[1], image.shape[0]) == self.info.image_size:
            return image
        resized: Array = cv2.resize(image, self.info.image_size, interpolation=cv2.INTER_AREA)
        return resized


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from writing to the terminal what an error says in better words."""
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(level)


def cameras() -> str:
    """Return which cameras this computer has, in words.

    Example:
        >>> cameras()[:25]
        'cameras of this computer:'
    """
    found = []
    for path in sorted(Path("/dev").glob("video*")):
        about = Path("/sys/class/video4linux") / path.name / "name"
        try:
            found.append(f"{path} ({about.read_text().strip()})")
        except OSError:
            found.append(str(path))
    return f"cameras of this computer: {', '.join(found) or 'none in /dev'}"
