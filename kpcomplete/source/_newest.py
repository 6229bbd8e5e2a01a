"""The newest image of something that does not wait: a camera, a file at its own speed."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kpcomplete.frame import Array, Frame

_STEP = 1e-3  # seconds by which times rise at least
_SILENCE = 0.5  # seconds after which whoever waits is told that nothing came
_MOST = 0.5  # seconds of frames without image that may wait to be given on


@dataclass(frozen=True, eq=False)
class Shot:
    """One image as it comes.

    Attributes:
        image: ``[H, W, 3]`` uint8 BGR; None if it is broken.
        time: Seconds since the first shot; None: those that passed.
    """

    image: Array | None
    time: float | None = None


Shots = Callable[[threading.Event], Iterator[Shot]]
"""Yields images as they come, until there are no more or the event is set."""


class Newest:
    """Takes images in a thread of its own, and gives on the newest one.

    What came while nobody asked is given on without its image, which keeps time evenly spaced for
    whoever completes joints; of longer waits than half a second only the end. While nothing comes,
    a frame without image is given on twice a second, so that those behind learn of it.

    Args:
        shots: Where images come from; runs in the thread.
        fps: Nominal frames per second.

    Attributes:
        dropped: Images that came and were not given on.
    """

    def __init__(self, shots: Shots, fps: float) -> None:
        self.dropped = 0
        self._shots, self._silence = shots, max(_SILENCE, 3 / fps)
        self._most = round(_MOST * fps) + 1
        self._changed = threading.Condition()
        # number, time, moment of capture
        self._waiting: deque[tuple[int, float, float]] = deque(maxlen=self._most)
        self._count = 0
        self._image: Array | None = None
        self._shown = -1  # number of the frame whose image it is
        self._start: float | None = None
        self._last = -_STEP
        self._over = False
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kpcomplete-capture", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        self._thread.start()
        try:
            while found := self._take():
                yield from found
            if self._error is not None:
                raise self._error
        finally:
            self.stop()
            self._thread.join(timeout=10)

    def stop(self) -> None:
        """End the iteration; may be called from any thread, also a signal's."""
        self._stopped.set()
        if self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()

    def _run(self) -> None:
        try:
            for shot in self._shots(self._stopped):
                if self._stopped.is_set():
                    break
                self._put(shot)
        except BaseException as error:  # whoever iterates is to raise it
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _put(self, shot: Shot) -> None:
        now = time.monotonic()
        with self._changed:
            moment = self._time(now) if shot.time is None else shot.time
            if self._start is None:
                self._start = now
            if shot.image is not None:
                self.dropped += self._image is not None
                self._image, self._shown = shot.image, self._count
            self._wait(moment, now)
            self._changed.notify_all()

    def _wait(self, moment: float, now: float) -> None:
        """Let a frame wait to be given on."""
        self._last = max(moment, self._last + _STEP)
        self._waiting.append((self._count, self._last, now))
        self._count += 1

    def _time(self, now: float) -> float:
        return 0.0 if self._start is None else now - self._start

    def _has_news(self) -> bool:
        return bool(self._waiting) or self._over or self._stopped.is_set()

    def _take(self) -> list[Frame]:
        """Return what came since the last call; nothing if it is over."""
        with self._changed:
            while not self._changed.wait_for(self._has_news, self._silence):
                if self._start is not None:  # before the first image there is nothing to say
                    break
            if self._stopped.is_set():
                return []
            if not self._has_news():
                now = time.monotonic()
                self._wait(self._time(now), now)
            found = [
                Frame(index=number, time=moment, captured=captured,
                      image=self._image if number == self._shown else None)
                for number, moment, captured in self._waiting
            ]  # fmt: skip
            self._waiting.clear()
            self._image = None
            return found
