"""All seats of one recording, watched together."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from kpcomplete.detector.propose import WHOLE, Cluster, zones_of
from kpcomplete.detector.scout import Scout
from kpcomplete.detector.tracker import Array, distance, reported
from kpcomplete.detector.watch import LEANING, Watch
from kpcomplete.detector.zones import Zone
from kpcomplete.frame import Detection

TWICE = 0.25  # closer than this, the people of two seats are one
OWNER = 2 * LEANING  # depth granted to the seat that had the person before: leaning is not moving


class Room:
    """Looks at every seat, and sees to it that nobody sits in two.

    Args:
        watch: Makes the watch over one zone; whether it roams is told second.
        min_visibility: A joint less visible than this is missing.
        scout: Looks out for people who come later, or None.
        pool: Looks at several seats in parallel, or None.
    """

    def __init__(
        self,
        watch: Callable[[Zone, bool], Watch],
        *,
        min_visibility: float,
        scout: Scout | None = None,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self.watches: list[Watch] = []
        self._watch = watch
        self._min_visibility = min_visibility
        self._scout = scout
        self._map: Callable[..., Iterable[Detection | None]] = pool.map if pool else map

    @property
    def seats(self) -> tuple[str, ...]:
        """Names of all seats, whether or not somebody sits there."""
        return tuple(watch.zone.name for watch in self.watches)

    def furnish(self, zones: Sequence[Zone]) -> None:
        """Add seats; without any, one that is the whole image."""
        for zone in zones or [Zone("seat0", WHOLE)]:
            self.watches.append(self._watch(zone, zone.corners is WHOLE))
        self._divide()

    def look(self, image: Array, time: float) -> dict[str, Detection]:
        """Return who sits where."""
        before = {watch: watch.occupied for watch in self.watches}
        found = dict(
            zip(
                self.watches,
                self._map(lambda watch: watch.look(image, time), self.watches),
                strict=True,
            )
        )
        people = {watch: person for watch, person in found.items() if person is not None}
        for loser in _disputes(people, before, image):
            loser.release()
            del people[loser]
        if self._scout is not None:
            newcomer = self._scout.look(image, time, list(people.values()))
            if newcomer is not None:
                self._welcome(newcomer, image)
        return {
            watch.zone.name: reported(person, self._min_visibility, watch.window(image))
            for watch, person in people.items()
        }

    def _welcome(self, newcomer: Cluster, image: Array) -> None:
        """Add a seat for somebody who came later, unless a fixed seat is there already."""
        place = newcomer.anchor / [image.shape[1], image.shape[0]]
        fixed = [watch for watch in self.watches if not watch.roams]
        if any(watch.zone.depth(place) > 0 for watch in fixed):
            return
        (zone,) = zones_of([newcomer], image.shape, first=len(self.watches))
        self.watches.append(self._watch(zone, False))
        self._divide()

    def _divide(self) -> None:
        """Tell seats that roam what belongs to others."""
        fixed = [watch.zone for watch in self.watches if not watch.roams]
        for watch in self.watches:
            watch.elsewhere = fixed


def _disputes(
    people: dict[Watch, Detection], before: dict[Watch, bool], image: Array
) -> Iterator[Watch]:
    """Yield the seats that have to give up somebody who belongs to another."""

    def claim(watch: Watch) -> float:
        return watch.depth(people[watch], image.shape) + OWNER * before[watch]

    lost: set[Watch] = set()
    for one, other in itertools.combinations(list(people), 2):
        if lost.isdisjoint({one, other}) and distance(people[one], people[other]) < TWICE:
            loser = min(one, other, key=claim)
            lost.add(loser)
            yield loser
