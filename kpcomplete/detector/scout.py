"""People who come later than the first seconds."""

from collections.abc import Sequence

import numpy as np

from kpcomplete.detector.propose import SCALES, Cluster, search, views
from kpcomplete.detector.tracker import Array, SecondLook, Tracker, around, distance
from kpcomplete.frame import Detection


class Scout:
    """Looks out for people who come later, one crop at a time, at a small and constant cost.

    A newcomer is reported when found three times at one place over more than a second, each time
    confirmed by a second look.

    Args:
        finder: Sees every picture as if it were the first.
        second_look: Tells people from things.
        pause: Seconds between crops.
    """

    def __init__(self, finder: Tracker, second_look: SecondLook, pause: float) -> None:
        self._finder = finder
        self._second_look = second_look
        self._pause = pause
        self._next = -np.inf
        self._turn = 0
        self._candidates: list[tuple[Cluster, list[float]]] = []

    def look(self, image: Array, time: float, known: Sequence[Detection]) -> Cluster | None:
        """Return somebody who is not among those known and stays, or None.

        Args:
            image: ``[H, W, 3]`` uint8 BGR.
            time: Seconds.
            known: Everybody found by others, all joints given.
        """
        if time < self._next:
            return None
        self._next = time + self._pause
        boxes = views(image.shape, SCALES[:3])
        box = boxes[self._turn % len(boxes)]
        self._turn += 1
        patience = 5 * len(boxes) * self._pause
        self._candidates = [c for c in self._candidates if time - c[1][-1] < patience]
        due = [c for c, times in self._candidates if time - times[-1] > 0.5][:1]
        again = [around(c.poses[-1], 0.5, image.shape) for c in due]
        for pose in search(image, self._finder, [box, *again]):
            self._note(pose, image, time, known)
        for entry in self._candidates:
            if len(entry[1]) >= 3 and entry[1][-1] - entry[1][0] > 1.0:
                self._candidates.remove(entry)
                return entry[0]
        return None

    def _note(self, pose: Detection, image: Array, time: float, known: Sequence[Detection]) -> None:
        if any(distance(pose, other) < 0.4 for other in known):
            return
        if not self._second_look(image, pose):
            return
        for cluster, times in self._candidates:
            if cluster.takes(pose):
                if time - times[-1] > 0.25:
                    cluster.poses.append(pose)
                    times.append(time)
                return
        self._candidates.append((Cluster(poses=[pose], frames=[0]), [time]))
