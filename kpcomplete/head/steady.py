"""Decisions that do not flicker, with a delay that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.pose import Array


class Steady:
    """Follows the probabilities of one task of one person, and changes its mind slowly.

    Another class is taken when its averaged probability has exceeded that of the present class by
    a margin for some frames in a row. Averages look back only, so frames one by one give the same
    as a recording.

    Args:
        classes: Names.
        dwell: Frames for which another class must lead.
        margin: By how much, 0..1: hysteresis.
        average: Frames over which probabilities are averaged, with exponential weights.

    Raises:
        SettingError: If ``dwell`` or ``average`` is below 1, or ``margin`` is not in 0..1.
    """

    def __init__(
        self, classes: Sequence[str], *, dwell: int = 15, margin: float = 0.1, average: int = 10
    ) -> None:
        if dwell < 1 or average < 1 or not 0 <= margin < 1:
            raise SettingError(
                "a steady decision needs dwell >= 1, average >= 1 and margin in 0..1, but got "
                f"{dwell}, {average}, {margin}"
            )
        self.classes = tuple(classes)
        self._dwell, self._margin, self._keep = dwell, margin, 1 - 1 / average
        self._average: Array | None = None
        self._present, self._rival, self._since = -1, -1, 0

    @property
    def delay(self) -> int:
        """Frames from a sudden, certain change to the decision."""
        # of the old class the average keeps k^n after n frames, and the new one has the rest
        lead = 1
        while 1 - 2 * self._keep**lead <= self._margin:
            lead += 1
        return lead + self._dwell - 1

    def __call__(self, probabilities: Array) -> Array:
        """Return the class ``[T]`` of the next frames ``[T, C]``."""
        out = [self._step(frame) for frame in np.asarray(probabilities, np.float64)]
        return np.array(out, dtype=np.int16)

    def _step(self, frame: Array) -> int:
        if self._average is None:
            self._average, self._present = frame.copy(), int(frame.argmax())
            return self._present
        self._average = self._keep * self._average + (1 - self._keep) * frame
        lead = int(self._average.argmax())
        ahead = self._average[lead] - self._average[self._present] > self._margin
        if lead == self._present or not ahead:
            self._since = 0
        else:
            self._since = self._since + 1 if lead == self._rival else 1
            if self._since >= self._dwell:
                self._present, self._since = lead, 0
        self._rival = lead
        return self._present


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """How slowly decisions change, in seconds, whatever the frame rate is; see `Steady`.

    Args:
        dwell: Seconds for which another class must lead.
        margin: By how much, 0..1.
        average: Seconds over which probabilities are averaged.

    Raises:
        SettingError: If a number is out of range.
    """

    dwell: float = 0.5
    margin: float = 0.1
    average: float = 0.33

    def __post_init__(self) -> None:
        if not (self.dwell >= 0 and self.average >= 0 and 0 <= self.margin < 1):
            raise SettingError(
                "steady decisions need dwell >= 0 s, average >= 0 s and margin in 0..1, but got "
                f"{self.dwell}, {self.average}, {self.margin}"
            )

    def of(self, classes: Sequence[str], fps: float) -> Steady:
        """Return what follows one task of one person."""
        dwell, average = (max(1, round(fps * seconds)) for seconds in (self.dwell, self.average))
        return Steady(classes, dwell=dwell, margin=self.margin, average=average)

    def delay(self, fps: float) -> float:
        """Return the seconds from a sudden, certain change to the decision."""
        return self.of((), fps).delay / fps


class Deciding:
    """Follows all tasks of all people of a recording.

    Args:
        how: How slowly decisions change.
        tasks: Name to classes.
        fps: Frames per second.
    """

    def __init__(self, how: Steadiness, tasks: Mapping[str, Sequence[str]], fps: float) -> None:
        self._how, self._tasks, self._fps = how, tasks, fps
        self._steady: dict[tuple[str, str], Steady] = {}

    def __call__(
        self, classes: Mapping[str, Mapping[str, Array]], /
    ) -> dict[str, dict[str, Array]]:
        """Return seat and task to classes ``[T]`` of the next frames, given probabilities."""
        return {
            seat: {task: self._of(seat, task)(values) for task, values in found.items()}
            for seat, found in classes.items()
        }

    def _of(self, seat: str, task: str) -> Steady:
        if (seat, task) not in self._steady:
            self._steady[seat, task] = self._how.of(self._tasks[task], self._fps)
        return self._steady[seat, task]


def switches_per_minute(classes: Array, fps: float) -> float:
    """Return how often decisions ``[T]`` change in a minute."""
    minutes = len(classes) / fps / 60
    return float((np.diff(classes) != 0).sum() / minutes) if minutes else float("nan")
