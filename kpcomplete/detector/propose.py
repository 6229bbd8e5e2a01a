"""Seats proposed from where people are seen."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kpcomplete.detector.tracker import (
    Array,
    SecondLook,
    Tracker,
    anchor,
    around,
    breadth,
    moved,
    size,
)
from kpcomplete.detector.zones import Zone
from kpcomplete.frame import Detection

SCALES = (1.0, 0.6, 0.4, 0.28)  # sides of the crops, as shares of the image's longer side
SMALLEST_CROP = 48  # pixels; smaller ones show nobody whose joints could be told apart
SAMPLES = 4  # frames that are searched
SMALLEST = 0.3  # of the largest person's size; smaller ones are passers-by behind the windows
WHOLE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
Box = tuple[int, int, int, int]


def views(shape: Sequence[int], scales: Sequence[float] = SCALES) -> list[Box]:
    """Return the crops that are searched, the whole image first; each overlaps the next by half.

    Args:
        shape: Height, width, ... of the image in pixels.
        scales: Sides of the crops, as shares of the image's longer side.

    Example:
        >>> views((100, 200), (1.0, 0.5, 0.2))
        [(0, 0, 200, 100), (0, 0, 100, 100), (50, 0, 150, 100), (100, 0, 200, 100)]
    """
    boxes: dict[Box, None] = {}
    for scale in scales:
        side = scale * max(shape[:2])
        if boxes and side < SMALLEST_CROP:
            break
        height, width = (min(side, extent) for extent in shape[:2])
        tops, lefts = (
            np.linspace(0, extent - part, 1 + int(np.ceil((extent - part) / (part / 2) - 1e-9)))
            for extent, part in ((shape[0], height), (shape[1], width))
        )
        for top, left in itertools.product(tops, lefts):
            right, bottom = int(np.ceil(left + width)), int(np.ceil(top + height))
            boxes[int(left), int(top), min(right, shape[1]), min(bottom, shape[0])] = None
    return list(boxes)


def search(image: Array, finder: Tracker, boxes: Sequence[Box]) -> list[Detection]:
    """Return everybody found whole in any of the crops, in pixels of the image, repeatedly."""
    found = []
    for box in boxes:
        left, top, right, bottom = box
        people = finder.look(image[top:bottom, left:right], 0.0)
        placed = [moved(person, (left, top)) for person in people]
        found += [person for person in placed if not _cut(person, box, image.shape)]
    return found


def _cut(person: Detection, box: Box, shape: Sequence[int]) -> bool:
    """Return whether a crop, not the image, cuts through somebody's head or shoulders.

    The landmark network then squeezes a whole body into what is left.
    """
    low, high = np.array(box[:2]), np.array(box[2:])
    inset = 0.04 * (high - low)
    limit = np.array([shape[1], shape[0]])
    least = np.where(low > 0, low + inset, -np.inf)
    most = np.where(high < limit, high - inset, np.inf)
    points = person.keypoints[:13]
    return bool(((points < least) | (points > most)).any())


@dataclass(kw_only=True)
class Cluster:
    """Somebody who was found again and again at one place.

    Attributes:
        poses: All finds.
        frames: The frame that each is from.
    """

    poses: list[Detection] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    @property
    def anchor(self) -> Array:
        """``[2]`` pixels, the median of the finds' anchors."""
        middle: Array = np.median([anchor(pose) for pose in self.poses], axis=0)
        return middle

    @property
    def size(self) -> float:
        """Pixels, the median of the finds' sizes."""
        return float(np.median([size(pose) for pose in self.poses]))

    def takes(self, pose: Detection) -> bool:
        """Return whether a find is at this place and of about this size."""
        small, large = sorted((self.size, size(pose)))
        near = np.linalg.norm(self.anchor - anchor(pose)) < 0.4 * small
        return bool(near and large < 2.2 * small)

    def is_in(self, other: "Cluster") -> bool:
        """Return whether two clusters are the same person: anchors nearer than half a body."""
        apart = float(np.linalg.norm(self.anchor - other.anchor))
        return apart < 0.5 * max(breadth(pose) for pose in self.poses + other.poses)

    def confirmed(
        self, images: Sequence[Array], finder: Tracker, second_look: SecondLook
    ) -> "Cluster | None":
        """Return one find a frame that a second look agrees on, if three frames of four have one.

        Frames in which nobody was found at this place are searched there once more. Who moved
        elsewhere meanwhile is not confirmed at either place.
        """
        kept = Cluster()
        for frame, image in enumerate(images):
            own = [p for p, f in zip(self.poses, self.frames, strict=True) if f == frame]
            if not own:
                place = around(self.poses[0], 0.5, image.shape)
                own = [p for p in search(image, finder, [place]) if self.takes(p)]
            own.sort(key=lambda p: float(np.linalg.norm(anchor(p) - self.anchor)))
            if own and second_look(image, own[0]):
                kept.poses.append(own[0])
                kept.frames.append(frame)
        return kept if 4 * len(kept.frames) >= 3 * len(images) else None


def people_in(
    images: Sequence[Array], finder: Tracker, second_look: SecondLook
) -> tuple[list[Cluster], bool]:
    """Return the people who stay in place over some images of one recording.

    Args:
        images: ``[H, W, 3]`` uint8 BGR each, a few hundred milliseconds apart.
        finder: Sees every picture as if it were the first.
        second_look: Tells people from things.

    Returns:
        The people from left to right, then from top to bottom; and whether there is just one, who
        is large enough to be found in the image as a whole.
    """
    clusters: list[Cluster] = []
    whole = 0
    for frame, image in enumerate(images):
        boxes = views(image.shape)
        at_once = search(image, finder, boxes[:1])
        whole += bool(at_once)
        for pose in at_once + search(image, finder, boxes[1:]):
            place = next((c for c in clusters if c.takes(pose)), None)
            if place is None:
                clusters.append(place := Cluster())
            place.poses.append(pose)
            place.frames.append(frame)
    often = [c for c in clusters if 2 * len(set(c.frames)) >= len(images)]
    often.sort(key=lambda c: -len(c.poses))
    found: list[Cluster] = []
    for cluster in often:
        sure = cluster.confirmed(images, finder, second_look)
        if sure and not any(sure.is_in(other) for other in found):
            found.append(sure)
    largest = max((c.size for c in found), default=0.0)
    found = [c for c in found if c.size >= SMALLEST * largest]
    found.sort(key=lambda c: tuple(c.anchor))
    return found, len(found) == 1 and 2 * whole >= len(images)


def zones_of(people: Sequence[Cluster], shape: Sequence[int], first: int = 0) -> list[Zone]:
    """Return a zone around each person, cut half-way between neighbours.

    Args:
        people: In the order in which the seats are numbered.
        shape: Height, width, ... of the image in pixels.
        first: Number of the first seat.
    """
    boxes = [_box(person, shape) for person in people]
    for (i, one), (j, other) in itertools.combinations(enumerate(people), 2):
        apart = np.abs(one.anchor - other.anchor)
        axis = int(np.argmax(apart))
        low, high = (i, j) if one.anchor[axis] < other.anchor[axis] else (j, i)
        middle = (one.anchor[axis] + other.anchor[axis]) / 2
        overlap = np.minimum(boxes[i][1], boxes[j][1]) - np.maximum(boxes[i][0], boxes[j][0])
        if (overlap > 0).all():
            boxes[low][1, axis] = min(boxes[low][1, axis], middle)
            boxes[high][0, axis] = max(boxes[high][0, axis], middle)
    extent = np.array([shape[1], shape[0]])
    zones = []
    for number, ((x0, y0), (x1, y1)) in enumerate((box / extent for box in boxes), start=first):
        zones.append(Zone(f"seat{number}", np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])))
    return zones


def _box(person: Cluster, shape: Sequence[int]) -> Array:
    """Return ``[2, 2]``: left, top and right, bottom of where a person is and may lean to."""
    boxes = np.array([around(pose, 0.25, shape) for pose in person.poses], dtype=np.float64)
    low = np.minimum(boxes[:, :2].min(axis=0), person.anchor - 0.6 * person.size)
    high = np.maximum(boxes[:, 2:].max(axis=0), person.anchor + 0.6 * person.size)
    return np.stack([np.maximum(low, 0), np.minimum(high, [shape[1], shape[0]])])
