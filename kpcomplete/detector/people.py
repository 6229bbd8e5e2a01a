"""Names for people without seats: who in this frame is who in the last."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from kpcomplete.detector.tracker import Array, SecondLook, Tracker, distance, reported
from kpcomplete.frame import Detection


@dataclass(kw_only=True)
class Known:
    """Somebody who was seen.

    Attributes:
        pose: As last seen.
        seen: Seconds, when that was.
        checked: Seconds, when a second look last confirmed that it is a person.
    """

    pose: Detection
    seen: float
    checked: float


@dataclass(kw_only=True)
class People:
    """Gives people names that they keep from frame to frame.

    Args:
        tracker: Finds several people at once.
        second_look: Confirms that somebody new is a person, and again every ``recheck`` seconds.
        min_visibility: A joint less visible than this is missing.
        memory: Seconds after which somebody who was not seen is forgotten.
        recheck: Seconds between second looks.
    """

    tracker: Tracker
    second_look: SecondLook
    min_visibility: float
    memory: float = 1.0
    recheck: float = 1.0
    _known: dict[str, Known] = field(default_factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def look(self, image: Array, time: float) -> dict[str, Detection]:
        """Return the people of the next frame by name."""
        found = distinct(self.tracker.look(image, time))
        self._known = {n: k for n, k in self._known.items() if time - k.seen <= self.memory}
        names = self._assign(found)
        window = (0, 0, image.shape[1], image.shape[0])
        people = {}
        for pose, name in zip(found, names, strict=True):
            name = self._admit(name, pose, image, time)
            if name is not None:
                people[name] = reported(pose, self.min_visibility, window)
        return dict(sorted(people.items(), key=lambda item: int(item[0].removeprefix("person"))))

    def _assign(self, found: list[Detection]) -> list[str | None]:
        """Return for everybody found who it is, or None for somebody new."""
        names: list[str | None] = [None] * len(found)
        known = list(self._known)
        if not known or not found:
            return names
        cost = np.array([[distance(self._known[n].pose, pose) for n in known] for pose in found])
        rows, columns = linear_sum_assignment(cost)
        for row, column in zip(rows, columns, strict=True):
            if cost[row, column] < 1.0:  # moved by less than its own size
                names[row] = known[column]
        return names

    def _admit(self, name: str | None, pose: Detection, image: Array, time: float) -> str | None:
        """Return the name of somebody found, or None if it is no person after all."""
        checked = self._known[name].checked if name is not None else -np.inf
        if time - checked >= self.recheck:
            if not self.second_look(image, pose):
                self._known.pop(name or "", None)
                return None
            checked = time
        if name is None:
            name, self._count = f"person{self._count}", self._count + 1
        self._known[name] = Known(pose=pose, seen=time, checked=checked)
        return name


def distinct(found: list[Detection], least: float = 0.15) -> list[Detection]:
    """Return everybody once, where a detector found somebody twice."""
    kept: list[Detection] = []
    for person in sorted(found, key=lambda one: -float(one.confidence.sum())):
        if all(distance(person, other) > least for other in kept):
            kept.append(person)
    return kept
