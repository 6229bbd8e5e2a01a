"""People completed frame by frame, as live recordings go on."""

from collections import deque
from collections.abc import Mapping

import numpy as np

from kpcomplete.batch import PoseBatch, completed_frame
from kpcomplete.completer import Stream
from kpcomplete.pose import PoseSequence
from kpcomplete.recall import Recall


class Completing:
    """Completes the frames of a recording one by one, and remembers what is long past.

    Args:
        stream: Of a completer.
        window: Frames after which it forgets what it saw.
        max_absence: Seconds, see `kpcomplete.pipeline.Pipeline`.
    """

    def __init__(self, stream: Stream, window: int, max_absence: float) -> None:
        self.stream, self.window, self.max_absence = stream, window, max_absence
        self.recall, self.now = Recall(), 0
        # of each person who was seen of late, the frames that show them, and their numbers
        self.past: dict[str, deque[tuple[int, PoseSequence]]] = {}
        self.visits: dict[str, int] = {}  # how often each seat was left: the next is somebody else

    def __call__(self, trusted: Mapping[str, PoseSequence]) -> Mapping[str, PoseSequence]:
        """Return everybody's next frame, completed where somebody was seen of late.

        Args:
            trusted: Seat to the next frame, as far as the detector is believed.
        """
        shown = {seat: poses.is_observed for seat, poses in trusted.items()}
        there = {seat: bool(seen.any()) for seat, seen in shown.items()}
        self._remember(trusted, there)
        seated = [poses for seat, poses in trusted.items() if seat in self.past]
        if not seated:
            return trusted
        observed = np.concatenate([shown[poses.person] for poses in seated])
        now = float(seated[0].times[0])
        names = [f"{poses.person} {self.visits.get(poses.person, 0)}" for poses in seated]
        batch = PoseBatch.of_frame(seated, observed, self.recall.of(seated))
        done = self.stream(batch, names, now)
        out = {**trusted, **completed_frame(seated, observed, done)}
        for raw in seated:
            if there[raw.person]:
                continue
            _, last = self.past[raw.person][-1]
            if now - last.times[0] > self.max_absence:
                out[raw.person] = out[raw.person].hide(~raw.is_observed)
        return out

    def _remember(self, trusted: Mapping[str, PoseSequence], there: Mapping[str, bool]) -> None:
        self.now += 1
        for seat, poses in trusted.items():
            if there[seat]:
                self.past.setdefault(seat, deque()).append((self.now, poses))
        for seat, past in list(self.past.items()):
            while past and past[0][0] <= self.now - self.window:
                self.recall.add(past.popleft()[1])
            if not past:
                self.recall.forget(seat)
                self.visits[seat] = self.visits.get(seat, 0) + 1
                del self.past[seat]
