"""Which joints carry the decisions about people, as their recording goes on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.head import UNKNOWN, Explains, Head
from kpcomplete.head.past import Past
from kpcomplete.pose import Array, PoseSequence


@dataclass(frozen=True, kw_only=True)
class Carrying:
    """Explains the decisions of one task again and again.

    Args:
        task: Of the head; None: nothing is explained.
        every: Seconds after which a decision is explained anew; between, what was said holds.

    Raises:
        SettingError: If ``every`` is not positive.
    """

    task: str | None = None
    every: float = 1.0

    def __post_init__(self) -> None:
        if not self.every > 0:
            raise SettingError(f"explain.every must be more than 0 s, but is {self.every}")

    def follow(self, head: Head) -> "Carried | None":
        """Return what follows a new recording; None if nothing is to be explained.

        Raises:
            SettingError: If the head has no such task, or cannot explain itself.
        """
        if self.task is None:
            return None
        if self.task not in head.tasks:
            raise SettingError(
                f"explain.task must be one of the head's ({', '.join(head.tasks)}), but is "
                f"{self.task!r}"
            )
        if not isinstance(head, Explains):
            raise SettingError(f"a {type(head).__name__} cannot say which joints carry a decision")
        return Carried(head, self.task, head.tasks[self.task], self.every)


class Carried:
    """Follows the people of one recording.

    Args:
        head: That decides.
        task: Of it.
        classes: Of the task.
        every: Seconds.
    """

    def __init__(self, head: Explains, task: str, classes: tuple[str, ...], every: float) -> None:
        self.task = task
        self._head, self._classes, self._every = head, classes, every
        self._past = Past(head.past)
        self._said: dict[str, tuple[float, Array]] = {}

    def __call__(
        self, people: Mapping[str, PoseSequence], decisions: Mapping[str, Mapping[str, Array]], /
    ) -> dict[str, Array]:
        """Return seat to what each joint carried ``[T, J]``, see `explanation.carried`.

        Args:
            people: Seat to the next frames, as the head sees them.
            decisions: Seat and task to classes ``[T]``.
        """
        return {
            seat: self._of(seat, poses, decisions[seat][self.task])
            for seat, poses in people.items()
        }

    def _of(self, seat: str, poses: PoseSequence, decided: Array) -> Array:
        past, out = self._head.past, np.full(poses.keypoints.shape[:2], np.nan, np.float32)
        frames = self._past(seat, poses)
        for i, time in enumerate(poses.times.tolist()):
            since, said = self._said.get(seat, (-np.inf, out[i]))
            if time - since >= self._every:
                said = self._explained(frames[i : i + past], poses.fps, int(decided[i]))
                self._said[seat] = (time, said)
            out[i] = said
        return out

    def _explained(self, window: Array, fps: float, decided: int) -> Array:
        """Return ``[J]``; NaN where nothing was decided."""
        if self._classes[decided] == UNKNOWN or not np.isfinite(window).any():
            return np.full(window.shape[1], np.nan, np.float32)
        batch = PoseBatch.from_keypoints(torch.from_numpy(window)[None], fps=fps)
        return self._head.carried(batch, self.task, self._classes[decided])
