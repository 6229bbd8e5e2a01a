"""Rows of a file to one sequence a person."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from kpcomplete.errors import SourceError
from kpcomplete.limits import (
    FREE_POINTS,
    LEAST_STATED,
    MAX_FRAMES,
    MAX_JOINTS,
    MAX_PEOPLE,
    MAX_PIXEL,
    MAX_POINTS,
    MAX_RATE,
)
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.skeleton import Skeleton

_log = logging.getLogger(__name__)

DEFAULT_FPS = 30.0
_MEMORY = 60  # frames for which somebody who is not seen keeps the name


@dataclass(kw_only=True)
class Found:
    """Everyone that a file holds, one entry a person and frame.

    Attributes:
        where: The file, for messages.
        frames: N frame numbers.
        people: N names; None where the file does not tell people apart.
        keypoints: N arrays ``[J, 2]`` pixels, NaN where missing.
        confidence: N arrays ``[J]``.
        seen: Frame numbers that the file names although nobody may be there.
    """

    where: str
    frames: list[int] = field(default_factory=list)
    people: list[str | None] = field(default_factory=list)
    keypoints: list[Array] = field(default_factory=list)
    confidence: list[Array] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def add(self, frame: int, person: str | None, keypoints: Array, confidence: Array) -> None:
        """Add one person of one frame."""
        self.frames.append(frame)
        self.people.append(person)
        self.keypoints.append(keypoints)
        self.confidence.append(confidence)
        self.seen.add(frame)


def sequences(
    found: Found,
    skeleton: Skeleton,
    *,
    fps: float | None,
    image_size: tuple[int, int] | None,
    times: Array | None = None,
) -> list[PoseSequence]:
    """Return one sequence a person, all over the frames from the first to the last of the file.

    Args:
        found: What the file holds.
        skeleton: Of the file.
        fps: Frames per second; None for the average of ``times``, else 30, which is logged.
        image_size: Width, height in pixels; None for the smallest image that holds all joints.
        times: Seconds of every frame from the first to the last; None for ``frame / fps``.

    Raises:
        SourceError: If the file holds no frame, names a person twice in a frame, is too large, or
            has a frame rate that cannot be.
    """
    if not found.seen:
        raise SourceError(f"{found.where} holds no frame")
    if not found.frames:  # an empty car: somebody who is missing throughout
        empty = np.full((len(skeleton), 2), np.nan)
        found.add(min(found.seen), "person0", empty, np.zeros(len(skeleton)))
    given = np.stack(found.keypoints)
    _check_pixels(given, found)
    people = found.people if None not in found.people else associate(found)
    names = list(dict.fromkeys(people))
    first, last = min(found.seen), max(found.seen)
    length = last - first + 1
    _check_size(found, length, len(names), len(skeleton))
    frame = np.asarray(found.frames) - first
    place = {name: i for i, name in enumerate(names)}
    person = np.asarray([place[name] for name in people])
    flat = person * length + frame
    if len(np.unique(flat)) != len(flat):
        twice = int(np.flatnonzero(np.bincount(flat) > 1)[0])
        raise SourceError(
            f"{found.where} names {names[twice // length]!r} twice in frame "
            f"{twice % length + first}"
        )
    points = np.full((len(names), length, len(skeleton), 2), np.nan, dtype=np.float32)
    confidence = np.zeros(points.shape[:-1], dtype=np.float32)
    points[person, frame] = given
    confidence[person, frame] = np.clip(np.stack(found.confidence), 0, 1)
    if fps is None and times is not None and len(times) > 1:
        fps = round((len(times) - 1) / max(float(times[-1] - times[0]), 1e-9), 3)
    if fps is None:
        _log.warning("%s does not state a frame rate; taken for %g", found.where, DEFAULT_FPS)
        fps = DEFAULT_FPS
    if not 0 < fps <= MAX_RATE:
        raise SourceError(
            f"{found.where} must have above 0 and at most {MAX_RATE:g} frames per second, but its "
            f"times make {fps:g}; give fps="
        )
    if times is None:
        times = np.arange(first, last + 1) / fps
    return [
        PoseSequence.observed(
            points[i],
            confidence[i],
            skeleton=skeleton,
            fps=fps,
            image_size=image_size or _smallest(given),
            person=str(name),
            times=times,
        )
        for i, name in enumerate(names)
    ]


def every_time(frames: Sequence[int], stated: Array, where: str) -> Array:
    """Return the seconds of every frame from the first to the last, gaps filled evenly.

    Args:
        frames: Frame numbers, in any order, some perhaps several times.
        stated: Their times in seconds.
        where: The file, for messages.

    Raises:
        SourceError: If times do not rise with the frame number, or a frame has two.
    """
    if not len(frames):
        return np.zeros(0)
    numbers, first = np.unique(frames, return_index=True)
    times = stated[first]
    agree = np.abs(stated - np.interp(frames, numbers, times)) < 1e-6
    if (np.diff(times) <= 0).any() or not agree.all() or np.ptp(numbers) >= MAX_FRAMES:
        raise SourceError(
            f"{where}: times must rise with the frame number, and be the same for all of a frame"
        )
    every: Array = np.interp(np.arange(numbers[0], numbers[-1] + 1), numbers, times)
    return every


def _check_size(found: Found, length: int, people: int, joints: int) -> None:
    points, stated = length * people * joints, len(found.frames) * joints
    if length > MAX_FRAMES or joints > MAX_JOINTS or points > MAX_POINTS:
        raise SourceError(
            f"{found.where} must have at most {MAX_FRAMES} frames, {MAX_JOINTS} joints and "
            f"{MAX_POINTS} points in all, but its frame numbers span {length} frames with "
            f"{people} people of {joints} joints; split it"
        )
    if points > FREE_POINTS and stated < LEAST_STATED * points:
        raise SourceError(
            f"{found.where} must show people in at least {LEAST_STATED:.0%} of the frames that "
            f"its frame numbers span, but has {len(found.frames)} poses in {length} frames with "
            f"{people} people; is a frame number wrong? Else split it"
        )


def _check_pixels(given: Array, found: Found) -> None:
    far = np.abs(given) > MAX_PIXEL  # not where NaN
    if far.any():
        entry = int(np.argwhere(far)[0][0])
        raise SourceError(
            f"{found.where}, frame {found.frames[entry]}: coordinates must lie within "
            f"{MAX_PIXEL:g} pixels, but are up to {np.nanmax(np.abs(given[entry])):g}"
        )


def _smallest(given: Array) -> tuple[int, int]:
    known = given[np.isfinite(given).all(axis=-1)]
    width, height = np.ceil(known.max(axis=0)).astype(int) if len(known) else (1, 1)
    return max(1, int(width)), max(1, int(height))


def associate(found: Found) -> list[str]:
    """Return a name for each entry, ``person0`` and so on, by who is nearest from frame to frame.

    The distance of two poses is the mean over the joints that both have. Somebody may move by
    half the diagonal of the body's box from one sighting to the next, and is forgotten after 60
    frames. Each frame is matched as a whole (Hungarian method).

    Raises:
        SourceError: If a frame holds more people than any camera sees.
    """
    names = [""] * len(found.frames)
    order = np.argsort(np.asarray(found.frames), kind="stable")
    frames = np.asarray(found.frames)[order]
    last: dict[str, tuple[int, Array]] = {}  # when and how everybody was seen last
    count = 0
    for group in np.split(order, np.flatnonzero(np.diff(frames)) + 1):
        now = found.frames[group[0]]
        last = {name: seen for name, seen in last.items() if now - seen[0] <= _MEMORY}
        if len(last) > 2 * MAX_PEOPLE:  # whoever was seen last
            newest = sorted(last.items(), key=lambda item: item[1][0])[-2 * MAX_PEOPLE :]
            last = dict(newest)
        known = list(last)
        if len(group) > MAX_PEOPLE:
            raise SourceError(
                f"{found.where}, frame {now}: must hold at most {MAX_PEOPLE} people, but holds "
                f"{len(group)}"
            )
        poses = [found.keypoints[i] for i in group]
        cost = _distances(poses, [last[name][1] for name in known])
        for row, track in zip(*linear_sum_assignment(cost), strict=True):
            if cost[row, track] < 1:
                names[group[row]] = known[track]
        for i in group:
            if not names[i]:
                names[i] = f"person{count}"
                count += 1
            last[names[i]] = (now, found.keypoints[i])
    return names


def _distances(poses: Sequence[Array], tracks: Sequence[Array]) -> Array:
    """Return ``[P, K]`` distances, 1 being as far as somebody may move, and never above 10."""
    cost = np.full((len(poses), len(tracks)), 10.0)
    if not tracks:
        return cost
    stack = np.stack(tracks)
    for i, pose in enumerate(poses):
        apart = np.linalg.norm(stack - pose, axis=-1)  # [K, J]
        both = np.isfinite(apart)
        mean = np.where(both, apart, 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
        known = pose[np.isfinite(pose).all(axis=-1)]
        size = float(np.linalg.norm(np.ptp(known, axis=0))) if len(known) else 0.0
        cost[i] = np.where(both.any(axis=1), np.minimum(mean / max(0.5 * size, 10.0), 10), 10)
    return cost
