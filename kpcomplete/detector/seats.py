"""People found seat by seat."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from kpcomplete.detector.people import People
from kpcomplete.detector.propose import SAMPLES, people_in, zones_of
from kpcomplete.detector.room import Room
from kpcomplete.detector.scout import Scout
from kpcomplete.detector.tracker import SecondLook, Tracker, Trackers
from kpcomplete.detector.watch import Watch
from kpcomplete.detector.zones import Shape, Zone, custom, preset
from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame, StreamInfo

logger = logging.getLogger(__name__)

MOST_FRAMES, MOST_BYTES = 48, 2**28  # held while seats are being proposed
AT_ONCE = 3  # people whom a second look may find in a crop: one of them has to be the right one


@dataclass(kw_only=True)
class Seats:
    """Gives every seat a zone of the image and a tracker of its own, so that names never jump.

    With ``zones: auto`` the first ``watch`` seconds (at most 48 frames and 256 MB of images) are
    searched at several scales for people who stay in place. They become ``seat0``, ``seat1``, ...
    from left to right, then from top to bottom. Where there is nobody yet, or one person who fills
    a good part of the image, ``seat0`` is the whole image, so that whoever comes is followed
    wherever he goes. People who come later and stay for more than a second get the next numbers:
    seats are added, but never removed or renamed.

    Args:
        trackers: Makes the trackers, one a seat.
        zones: ``auto``; a preset of `kpcomplete.detector.zones`; ``none`` or None for people
            anywhere, named ``person0``, ...; or seats to boxes ``[x0, y0, x1, y1]`` or polygons
            ``[[x, y], ...]`` in shares of the image.
        right_hand_drive: The driver sits on the car's right; mirrors the presets.
        num_people: Most people found at once without zones.
        watch: Seconds that are searched for seats; a live picture is late by as much at first.
        scout: Seconds between looks for newcomers, with ``auto``; 0 for never.
        pause: Seconds between looks at an empty seat.
        recheck: Seconds between second looks, which keep things from being taken for people.
        threads: Seats that are looked at in parallel; None leaves one core to draw and encode.

    Raises:
        SettingError: If a preset is unknown, a zone is none, or a number is out of range.
    """

    trackers: Trackers
    zones: str | Mapping[str, Shape] | None = "auto"
    right_hand_drive: bool = False
    num_people: int = 2
    watch: float = 2.0
    scout: float = 0.3
    pause: float = 0.2
    recheck: float = 1.0
    threads: int | None = None
    _given: list[Zone] = field(init=False, repr=False)
    _room: Room | None = field(init=False, repr=False, default=None)
    _brought: dict[str, None] = field(init=False, repr=False, default_factory=dict)
    _finder: Tracker | None = field(init=False, repr=False, default=None)
    _idle: list[Tracker] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        for name in ("watch", "scout", "pause", "recheck"):
            if not getattr(self, name) >= 0:
                raise SettingError(f"{name} must be at least 0 s, but got {getattr(self, name)}")
        for name in ("threads", "num_people"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} must be at least 1, but got {value}")
        if isinstance(self.zones, Mapping):
            self._given = custom(self.zones)
        elif self.zones in ("auto", "none", None):
            self._given = []
        else:
            self._given = preset(str(self.zones), right_hand_drive=self.right_hand_drive)

    @property
    def seats(self) -> tuple[str, ...]:
        """The seats that are watched, and names of people whom frames without image brought."""
        watched = self._room.seats if self._room else [zone.name for zone in self._given]
        return tuple(dict.fromkeys([*watched, *self._brought]))

    def __call__(self, frames: Iterable[Frame], info: StreamInfo, /) -> Iterator[Frame]:
        """Yield the frames with people added; frames without an image keep what they have."""
        self._room, self._brought = None, {}
        second_look = SecondLook(self._afresh())
        if self.zones in ("none", None):
            yield from self._anywhere(frames, second_look)
            return
        threads = self.threads or max(1, len(os.sched_getaffinity(0)) - 1)
        with ThreadPoolExecutor(threads, "kpcomplete-seat") as pool:
            room = self._empty_room(second_look, pool if threads > 1 else None)
            try:
                yield from self._seated(iter(frames), room)
            finally:
                self._idle += [watch.tracker for watch in room.watches]

    def _anywhere(self, frames: Iterable[Frame], second_look: SecondLook) -> Iterator[Frame]:
        people = People(
            tracker=self.trackers.tracker(self.num_people),
            second_look=second_look,
            min_visibility=self.trackers.min_visibility,
            recheck=self.recheck,
        )
        for frame in frames:
            if frame.image is None:
                yield frame
            else:
                yield replace(frame, people=people.look(frame.image, frame.time))

    def _seated(self, frames: Iterator[Frame], room: Room) -> Iterator[Frame]:
        for frame in frames:
            if frame.image is None:
                self._brought |= dict.fromkeys(frame.people)
                yield frame
                continue
            held = [frame]
            if self._room is None:
                held = [frame] if self._given else self._head(frame, frames)
                room.furnish(self._given or self._proposed(held))
                self._room = room
            for one in held:
                if one.image is None:
                    self._brought |= dict.fromkeys(one.people)
                    yield one
                else:
                    yield replace(one, people=room.look(one.image, one.time))

    def _head(self, first: Frame, frames: Iterator[Frame]) -> list[Frame]:
        """Return the frames in which seats are looked for; what is left of them follows."""
        assert first.image is not None
        most = min(MOST_FRAMES, max(MOST_BYTES // first.image.nbytes, 1))
        held = [first]
        while len(held) < most and held[-1].time - first.time < self.watch:
            following = next(frames, None)
            if following is None:
                break
            held.append(following)
        return held

    def _proposed(self, held: Sequence[Frame]) -> list[Zone]:
        """Return zones around people who stay in place, or none if there is nobody."""
        images = [frame.image for frame in held if frame.image is not None]
        samples = np.unique(np.linspace(0, len(images) - 1, SAMPLES).round().astype(int))
        people, alone = people_in(
            [images[i] for i in samples], self._afresh(), SecondLook(self._afresh())
        )
        names = ", ".join(f"{p.anchor.round().astype(int).tolist()}" for p in people)
        logger.info("%d people stay in place at the start: %s", len(people), names or "nobody")
        return [] if alone or not people else zones_of(people, images[0].shape)

    def _empty_room(self, second_look: SecondLook, pool: ThreadPoolExecutor | None) -> Room:
        def watch(zone: Zone, roams: bool) -> Watch:
            return Watch(
                zone=zone,
                tracker=self._tracker(),
                second_look=second_look,
                pause=self.pause,
                recheck=self.recheck,
                roams=roams,
            )

        looks_out = self.zones == "auto" and self.scout > 0
        return Room(
            watch,
            min_visibility=self.trackers.min_visibility,
            scout=Scout(self._afresh(), second_look, self.scout) if looks_out else None,
            pool=pool,
        )

    def _tracker(self) -> Tracker:
        """Return a tracker that follows nobody; making one takes a third of a second."""
        if not self._idle:
            return self.trackers.tracker(1)
        tracker = self._idle.pop()
        tracker.reset()
        return tracker

    def _afresh(self) -> Tracker:
        if self._finder is None:
            self._finder = self.trackers.finder(AT_ONCE)
        return self._finder
