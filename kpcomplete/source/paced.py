"""A video file played at its own speed, as if it were a camera."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame
from kpcomplete.source._newest import Newest, Shot
from kpcomplete.source.video import Video


class Paced:
    """Gives the frames of a video when they are due, whether or not anybody is ready for them.

    A thread of its own decodes; who is slow gets the newest image, and the frames that came
    meanwhile without theirs, as from a camera. Times are those of the file.

    Args:
        path: Of the video.
        loop: Begin again at its end, for ever; times go on.
        speed: Of time; 2 plays twice as fast.

    Attributes:
        info: As the file says; of a video that is repeated, without a length.
        dropped: Images that nobody was ready for.
        problem: What was wrong with the file, after it was read; None if nothing.

    Raises:
        SourceError: If the file is no video.
        SettingError: If ``speed`` is not positive.
    """

    def __init__(self, path: str | Path, loop: bool = False, speed: float = 1.0) -> None:
        if not 0 < speed < float("inf"):
            raise SettingError(f"speed of a video must be positive, but is {speed}")
        self._video, self._loop, self._speed = Video(path), loop, speed
        info = self._video.info
        self.info = type(info)(
            name=info.name, fps=info.fps * speed, image_size=info.image_size,
            length=None if loop else info.length,
        )  # fmt: skip
        self._newest: Newest | None = None

    @property
    def problem(self) -> str | None:
        """What was wrong with the file."""
        return self._video.problem

    @property
    def dropped(self) -> int:
        """Images that nobody was ready for."""
        return self._newest.dropped if self._newest else 0

    def __iter__(self) -> Iterator[Frame]:
        self._newest = Newest(self._shots, self.info.fps)
        return iter(self._newest)

    def stop(self) -> None:
        """End the iteration; may be called from any thread."""
        if self._newest:
            self._newest.stop()

    def _shots(self, stopped: threading.Event) -> Iterator[Shot]:
        start = time.monotonic()
        offset, last = 0.0, 0.0
        while True:
            for frame in self._video:
                last = offset + frame.time / self._speed
                if stopped.wait(max(0.0, start + last - time.monotonic())):
                    return
                yield Shot(frame.image, last)
            if not self._loop:
                return
            offset = last + 1 / self.info.fps
