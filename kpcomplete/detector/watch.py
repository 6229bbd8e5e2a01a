"""One seat, watched from frame to frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from kpcomplete.detector.tracker import Array, SecondLook, Tracker, anchor, moved
from kpcomplete.detector.zones import Zone
from kpcomplete.frame import Detection

MARGIN = 0.25  # of the zone's extent, shown to the tracker on every side: arms reach beyond
LEANING = 0.3  # depth outside the zone at which somebody who sits there still belongs there
FRESH = 1.0  # s for which a seat that was just left is looked at in every frame
DOUBT = 1.0  # s for which an occupied seat survives second looks that find nobody
ASK_AGAIN = 0.25  # s between such looks
SETTLING = 2  # more looks at the picture in which somebody new is found
GREY = 127


@dataclass(kw_only=True, eq=False)
class Watch:
    """Watches one seat with a tracker of its own, so that nobody can change places unnoticed.

    Whoever's anchor (between head and shoulders) lies outside the zone does not belong there; if
    the tracker holds on to such a neighbour, it is made to start again on the zone alone, with
    all else painted over. Somebody new is believed only after a second look at another crop, and
    looked at twice again every ``recheck`` seconds, so that a headrest does not stay a person;
    one who sits there is given up after a second in which no second look agrees.

    Args:
        zone: Of the seat.
        tracker: Follows one person; used by this seat alone.
        second_look: Tells people from things.
        pause: Seconds between looks at a seat that has been empty for a while.
        recheck: Seconds between second looks at an occupied seat.
        roams: The zone is what other seats leave over: whoever is in ``elsewhere`` is not here.
        elsewhere: Zones of the other seats; only asked if the seat roams.
    """

    zone: Zone
    tracker: Tracker
    second_look: SecondLook
    pause: float
    recheck: float
    roams: bool = False
    elsewhere: Sequence[Zone] = ()
    occupied: bool = field(default=False, init=False)
    _looked: float = field(default=-np.inf, init=False)
    _seen: float = field(default=-np.inf, init=False)
    _checked: float = field(default=-np.inf, init=False)
    _asked: float = field(default=-np.inf, init=False)

    def look(self, image: Array, time: float) -> Detection | None:
        """Return who sits there, all joints given, in pixels of the image; or None."""
        if not (self.occupied or time - self._seen <= FRESH or time - self._looked >= self.pause):
            return None
        self._looked = time
        person = self._follow(image, time)
        if person is None or not self._believed(image, time, person):
            if person is not None or self.occupied:
                self.release()
            return None
        if not self.occupied:
            person = self._settled(image, time, person)
        self.occupied, self._seen = True, time
        return person

    def release(self) -> None:
        """Forget who sat there; the next look starts afresh."""
        self.tracker.reset()
        self.occupied = False

    def depth(self, person: Detection, shape: Sequence[int]) -> float:
        """Return how deep inside the zone somebody's anchor lies, see `Zone.depth`.

        Args:
            person: With all joints given.
            shape: Height, width, ... of the image.
        """
        point = anchor(person) / [shape[1], shape[0]]
        depth = float(self.zone.depth(point))
        if self.roams:
            depth = min([depth, *(-float(other.depth(point)) for other in self.elsewhere)])
        return depth

    def window(self, image: Array) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom in pixels of what the tracker is shown."""
        return self.zone.window((image.shape[1], image.shape[0]), MARGIN)

    def _follow(self, image: Array, time: float) -> Detection | None:
        left, top, right, bottom = self.window(image)
        crop = image[top:bottom, left:right]
        found = self.tracker.look(crop, time)
        person = self._mine(found, image, (left, top))
        if person is None and found:  # a neighbour
            self.tracker.reset()
            alone = self._alone(image)[top:bottom, left:right]
            person = self._mine(self.tracker.look(alone, time), image, (left, top))
            if person is None:
                self.tracker.reset()
        return person

    def _believed(self, image: Array, time: float, person: Detection) -> bool:
        """Return whether a second look agrees, or has agreed so lately that it still counts.

        Hands before the face make second looks fail, while the tracker holds on.
        """
        if not self.occupied:
            self._checked = -np.inf
        age = time - self._checked
        if age < self.recheck or (age < self.recheck + DOUBT and time - self._asked < ASK_AGAIN):
            return True
        self._asked = time
        if self.second_look(image, person):
            self._checked = time
        return time - self._checked < self.recheck + DOUBT

    def _settled(self, image: Array, time: float, person: Detection) -> Detection:
        """Return somebody new as seen after some more looks at the same picture.

        The tracker cuts the picture around the joints that it saw last, so that the first look,
        which only knows where the detector found a face, is its worst.
        """
        for _ in range(SETTLING):
            again = self._follow(image, time)
            if again is None:
                break
            person = again
        return person

    def _mine(
        self, found: Sequence[Detection], image: Array, corner: tuple[int, int]
    ) -> Detection | None:
        """Return whoever of those found in the crop is deepest in the zone, if anybody is."""
        people = [moved(one, corner) for one in found]
        least = -LEANING if self.occupied else 0.0
        depths = [self.depth(one, image.shape) for one in people]
        if not people or max(depths) < least:
            return None
        return people[int(np.argmax(depths))]

    def _alone(self, image: Array) -> Array:
        """Return the image with everything outside the zone painted grey."""
        size = np.array([image.shape[1], image.shape[0]])
        mask = np.zeros(image.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [np.round(self.zone.corners * size).astype(np.int32)], 1)
        for other in self.elsewhere if self.roams else ():
            cv2.fillPoly(mask, [np.round(other.corners * size).astype(np.int32)], 0)
        return np.where(mask[..., None] > 0, image, np.uint8(GREY))
