"""Where faces are, as far as joints tell, and how pictures lose them."""

from collections import deque
from collections.abc import Mapping
from itertools import takewhile
from typing import Literal, TypeAlias

import cv2
import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.result import Person, Result

Anonymize: TypeAlias = bool | Literal["all"]
COVER = (110, 110, 110)  # BGR; a cover of one colour holds nothing that could be found out again
CELLS = 16  # along the longer side of a picture that is coarse all over
_HEAD = ("nose", "eye", "ear", "mouth", "head")
_NEAR = 0.15  # s: faces of so long before and after are covered, too; heads move
_BEFORE, AHEAD = 2.0, 0.5  # s: so long before and after, the next known face stands for a lost one
_LOST = 1.5  # times as large a cover for a face that is lost


def checked(anonymize: object) -> Anonymize:
    """Return a setting of that name.

    Raises:
        SettingError: If it is none.
    """
    if anonymize is True or anonymize is False or anonymize == "all":
        return anonymize
    raise SettingError(f"anonymize must be true, false or all, but got {anonymize!r}")


def heads(person: Person) -> Array:
    """Return circles ``[T, 2, 3]`` that hold a person's head: x, y, radius, in pixels.

    One is where the completed joints say, one where the detector does, sure or not. They are as
    large as a head with hair is for its joints or for the rest of the body, whichever is larger,
    and grow with the uncertainty. Without joints of the head it is looked for above the
    shoulders; without these the circle holds all joints. NaN where nothing is known.
    """
    return np.stack([_circles(person.completed), _circles(person.observed)], axis=1)


def _circles(poses: PoseSequence) -> Array:
    """Return ``[T, 3]``."""
    names = poses.skeleton.joints
    is_head = np.array([any(w in name.split("_") for w in _HEAD) for name in names])
    points = poses.keypoints.astype(np.float64)
    centre, reach = _box(points[:, is_head])
    shoulders = _joints(points, names, "left_shoulder", "right_shoulder")
    hips = _joints(points, names, "left_hip", "right_hip")
    across = np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=-1)
    trunk = np.linalg.norm(shoulders.mean(axis=1) - hips.mean(axis=1), axis=-1)
    size = np.fmax(0.5 * across, 0.33 * trunk)  # of a head, by the body
    above = shoulders.mean(axis=1) - [0, 1] * np.fmax(size, 1)[:, None]
    body, extent = _box(points)
    by_head, by_body = np.isfinite(reach), np.isfinite(size)
    alone = np.where(by_body, 1.3, 2.5)  # joints of a head may all be on one side of it
    radius = np.where(by_head, np.fmax(alone * reach, size), np.where(by_body, 2 * size, extent))
    centre = np.where(by_head[:, None], centre, np.where(by_body[:, None], above, body))
    radius = np.fmax(radius, min(poses.image_size) / 50) + _doubt(poses, is_head)
    circles: Array = np.concatenate([centre, radius[:, None]], axis=1)
    circles[~np.isfinite(circles).all(axis=1)] = np.nan
    return circles


def _box(points: Array) -> tuple[Array, Array]:
    """Return middle ``[T, 2]`` and diagonal ``[T]`` of the box of joints, NaN without any."""
    known = np.isfinite(points)
    low = np.where(known, points, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, points, -np.inf).max(axis=1, initial=-np.inf)
    there = (high >= low).all(axis=-1)
    low, high = (np.where(there[:, None], side, np.nan) for side in (low, high))
    return (low + high) / 2, np.linalg.norm(high - low, axis=-1)


def _joints(points: Array, names: tuple[str, ...], *wanted: str) -> Array:
    if not set(wanted) <= set(names):
        return np.full((len(points), len(wanted), 2), np.nan)
    return points[:, [names.index(name) for name in wanted]]


def _doubt(poses: PoseSequence, is_head: Array) -> Array:
    """Return ``[T]`` pixels by which a head may be elsewhere, two standard deviations."""
    if poses.covariance is None:
        return np.zeros(len(poses))
    spread = np.trace(poses.covariance[:, is_head], axis1=-2, axis2=-1).astype(np.float64) / 2
    largest = np.where(np.isfinite(spread), spread, 0).max(axis=1, initial=0)
    doubt: Array = np.minimum(2 * np.sqrt(np.maximum(largest, 0)), min(poses.image_size) / 4)
    return doubt


class Faces:
    """Remembers where heads were, so that a frame in which somebody is missed shows no face."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, Array]]] = {}
        self.until = -np.inf  # s

    def learn(self, result: Result) -> None:
        """Note the heads of some frames."""
        times = [frame.time for frame in result.frames]
        for seat, person in result.people.items():
            seen = self._seen.setdefault(seat, deque())
            found = heads(person)
            there = np.isfinite(found).all(axis=-1)  # [T, 2]
            seen.extend((times[i], found[i, there[i]]) for i in np.flatnonzero(there.any(axis=1)))
        self.until = times[-1] if times else self.until

    def at(self, time: float) -> Array:
        """Return the circles ``[N, 3]`` that cover all heads at a time; times rise over calls.

        What was learned up to half a second later counts, and a seat whose head is lost keeps it
        for two seconds.
        """
        found = [np.zeros((0, 3))]
        for seen in self._seen.values():
            while seen and seen[0][0] < time - _BEFORE:
                seen.popleft()
            around = list(takewhile(lambda entry: entry[0] <= time + AHEAD, seen))
            near = [circles for when, circles in around if abs(when - time) <= _NEAR]
            if not any(abs(when - time) < 1e-6 for when, _ in around):
                before = [circles for when, circles in around if when < time][-1:]
                after = [circles for when, circles in around if when > time][:1]
                near += [circles * [1, 1, _LOST] for circles in before + after]
            found += near
        return np.concatenate(found)


def cover(picture: Array, circles: Array) -> None:
    """Cover circles ``[N, 3]`` of a picture ``[H, W, 3]`` by one colour, in place."""
    far = 2 * max(picture.shape[:2])
    for x, y, radius in np.clip(np.nan_to_num(circles), -far, 2 * far):
        cv2.circle(picture, (round(x), round(y)), max(1, round(radius)), COVER, -1, cv2.LINE_AA)


def coarsen(picture: Array) -> None:
    """Leave of a picture ``[H, W, 3]`` 16 cells along its longer side, in place."""
    height, width = picture.shape[:2]
    share = CELLS / max(height, width, CELLS)
    cells = (max(1, round(width * share)), max(1, round(height * share)))
    small = cv2.resize(picture, cells, interpolation=cv2.INTER_AREA)
    picture[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def anonymized(image: Array, people: Mapping[str, Person], frame: int, level: Anonymize) -> Array:
    """Return a copy of one image of a recording without faces, where no other frame is at hand.

    Args:
        image: ``[h, w, 3]``, of any size.
        people: Seat to occupant.
        frame: Number of the frame within their sequences.
        level: True covers heads; "all" makes the whole picture coarse; False does nothing.
    """
    if not level:
        return image
    image = image.copy()
    if level == "all":
        coarsen(image)
        return image
    for person in people.values():
        size = person.completed.image_size
        scale = min(image.shape[1] / size[0], image.shape[0] / size[1])
        cut = slice(frame, frame + 1)
        one = Person(observed=person.observed[cut], completed=person.completed[cut])
        found = heads(one).reshape(-1, 3)
        cover(image, found[np.isfinite(found).all(axis=-1)] * scale)
    return image
