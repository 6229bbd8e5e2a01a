"""Decisions that do not flicker, with a delay that is known."""

from collections.abc import Sequence

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


def switches_per_minute(classes: Array, fps: float) -> float:
    """Return how often decisions ``[T]`` change in a minute."""
    minutes = len(classes) / fps / 60
    return float((np.diff(classes) != 0).sum() / minutes) if minutes else float("nan")
