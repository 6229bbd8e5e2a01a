"""Stretches of frames: the only code that knows about time."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame


@dataclass(frozen=True)
class View:
    """What a window shows at one moment.

    Attributes:
        frames: The frames, oldest first; those that were given on before are without images.
        emit: Which of them are to be given on now; each frame of a recording once.
    """

    frames: tuple[Frame, ...]
    emit: slice


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window that slides over a stream of frames.

    Args:
        past: Frames seen before those that are given on.
        hop: Frames given on at a time.
        future: Frames seen after them; 0 is causal.

    Raises:
        SettingError: If a number is negative, or ``hop`` is 0.
    """

    past: int
    hop: int
    future: int

    def __post_init__(self) -> None:
        if self.past < 0 or self.future < 0 or self.hop < 1:
            raise SettingError(
                "a window needs past >= 0, hop >= 1 and future >= 0 frames, but got "
                f"past={self.past}, hop={self.hop}, future={self.future}"
            )

    @property
    def delay(self) -> int:
        """Frames that pass before the oldest frame of a hop is given on."""
        return self.hop - 1 + self.future

    def slide(self, frames: Iterable[Frame]) -> Iterator[View]:
        """Yield views whose emitted parts, put together, are ``frames``.

        The first views have less past, the last ones less future. Memory holds one window, and
        images of those frames only that are still to be given on.
        """
        held: deque[Frame] = deque()
        done = 0  # how many of the held frames were given on already
        for frame in frames:
            held.append(frame)
            if len(held) - done == self.hop + self.future:
                yield View(tuple(held), slice(done, done + self.hop))
                done = self._given(held, done, done + self.hop)
        while done < len(held):
            end = min(done + self.hop, len(held))
            yield View(tuple(held), slice(done, end))
            done = self._given(held, done, end)

    def _given(self, held: deque[Frame], start: int, end: int) -> int:
        """Let go of what nobody will ask for again; return how many held frames were given on."""
        for i in range(start, end):
            if held[i].image is not None:
                held[i] = replace(held[i], image=None)
        while end > self.past:
            held.popleft()
            end -= 1
        return end
