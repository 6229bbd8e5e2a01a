"""What follows one or a few people through pictures, and how two looks at them are compared."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from kpcomplete.frame import Detection

Array = npt.NDArray[Any]
HEAD = slice(0, 11)
SHOULDERS = slice(11, 13)
UPPER = slice(0, 25)  # head, arms, hands, hips; the legs of people in cars are guesses


@runtime_checkable
class Tracker(Protocol):
    """Finds people in one picture after the other.

    `look` returns detections whose 33 joints are all given, guesses too, in pixels of the picture
    that it was handed; ``confidence`` is the probability that a joint is visible. `reset` forgets
    who was followed. Both may be called from any thread.
    """

    def look(self, image: Array, time: float, /) -> list[Detection]: ...

    def reset(self) -> None: ...


@runtime_checkable
class Trackers(Protocol):
    """Makes trackers.

    `tracker` follows people from frame to frame; `finder` sees every picture as if it were the
    first. Joints less visible than ``min_visibility`` are to be reported as missing.
    """

    min_visibility: float

    def tracker(self, people: int = 1) -> Tracker: ...

    def finder(self, people: int = 1) -> Tracker: ...


def anchor(person: Detection) -> Array:
    """Return ``[2]``, the middle between head and shoulders: what tells in which seat one is."""
    head = person.keypoints[HEAD].mean(axis=0)
    shoulders = person.keypoints[SHOULDERS].mean(axis=0)
    middle: Array = (head + shoulders) / 2
    return middle


def size(person: Detection) -> float:
    """Return the diagonal of the visible part of head, arms and trunk in pixels."""
    seen = person.confidence[UPPER] >= 0.5
    if seen.sum() < 3:
        seen[:] = True
    return float(np.hypot(*np.ptp(person.keypoints[UPPER][seen], axis=0)))


def breadth(person: Detection) -> float:
    """Return about the width of the shoulders in pixels, from whichever side they are seen."""
    left, right = person.keypoints[SHOULDERS]
    neck = person.keypoints[HEAD].mean(axis=0) - (left + right) / 2
    return float(max(np.linalg.norm(left - right), np.linalg.norm(neck)))


def distance(one: Detection, other: Detection) -> float:
    """Return how far apart two poses are, as a share of the smaller one's `size`.

    Joints count as much as both looks think them visible. The same person seen in two crops is
    below 0.1; neighbours are above 0.3; a thing taken for a person is seldom seen twice alike.
    """
    weight = np.minimum(one.confidence, other.confidence)[UPPER]
    apart = np.linalg.norm(one.keypoints - other.keypoints, axis=-1)[UPPER]
    scale = max(min(size(one), size(other)), 1e-6)
    return float((weight * apart).sum() / max(weight.sum(), 1e-6) / scale)


def moved(person: Detection, by: Sequence[float]) -> Detection:
    """Return a person of a crop in pixels of the image, the crop's corner being at ``by``."""
    return replace(person, keypoints=person.keypoints + np.asarray(by, dtype=np.float32))


def reported(person: Detection, min_visibility: float, window: Sequence[float]) -> Detection:
    """Return a person with NaN and confidence 0 for joints that were not seen.

    Args:
        person: With all joints given.
        min_visibility: Less confident joints were not seen.
        window: Left, top, right, bottom of what the tracker was shown; joints outside of it are
            guesses, whatever their confidence.
    """
    inside = (person.keypoints >= window[:2]) & (person.keypoints <= window[2:])
    seen = (person.confidence >= min_visibility) & inside.all(axis=-1)
    return replace(
        person,
        keypoints=np.where(seen[:, None], person.keypoints, np.float32(np.nan)),
        confidence=np.where(seen, person.confidence, np.float32(0)),
    )


class SecondLook:
    """Tells people from things taken for people, by looking again at another crop.

    MediaPipe gives a table leg or a headrest a visibility near 1, but hardly ever finds the same
    "person" there again when the picture is cut differently.

    Args:
        finder: Finds a few people in a picture that it has never seen.
        tolerance: Largest `distance` between both looks.
    """

    def __init__(self, finder: Tracker, tolerance: float = 0.15) -> None:
        self._finder = finder
        self._tolerance = tolerance

    def __call__(self, image: Array, person: Detection) -> bool:
        """Return whether the person is found again in a crop around it."""
        return any(self._agrees(image, person, margin) for margin in (0.35, 0.8))

    def _agrees(self, image: Array, person: Detection, margin: float) -> bool:
        left, top, right, bottom = around(person, margin, image.shape)
        if right - left < 8 or bottom - top < 8:
            return False
        again = self._finder.look(image[top:bottom, left:right], 0.0)
        return any(
            distance(person, moved(other, (left, top))) <= self._tolerance for other in again
        )


def around(person: Detection, margin: float, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the box of a person's visible joints, enlarged by a share of its longer side.

    Args:
        person: With all joints given.
        margin: Share of the longer side added on every side.
        shape: Height, width, ... of the image, beyond which the box does not reach.
    """
    seen = person.confidence >= 0.5
    points = person.keypoints[seen] if seen.sum() >= 3 else person.keypoints
    low, high = points.min(axis=0), points.max(axis=0)
    reach = margin * (high - low).max()
    limit = np.array([shape[1], shape[0]])
    (left, top) = np.clip(low - reach, 0, limit).astype(int)
    (right, bottom) = np.clip(np.ceil(high + reach), 0, limit).astype(int)
    return int(left), int(top), int(right), int(bottom)
