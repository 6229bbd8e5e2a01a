"""COCO keypoint files: annotations, or results beside them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._names import skeleton_of
from kpcomplete.importer._people import Found, every_time, sequences
from kpcomplete.importer._text import entry, forget, image_size_of, numbers, read_json
from kpcomplete.limits import MAX_FRAMES
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.skeleton import Skeleton


@dataclass(frozen=True, kw_only=True)
class Coco:
    """COCO keypoint JSON (cocodataset.org/#format-data).

    Either a whole data set (``images``, ``annotations``, ``categories``) or a list of results
    (``image_id``, ``keypoints``, ``score``). Images become frames: by ``frame_id`` or ``frame``
    where all have one, else in the order of ``id``; their ``time`` (seconds) is kept where all
    have one. ``v = 0`` is MISSING; confidences are ``confidence`` or ``keypoint_scores`` (one a
    joint), in results the third number. People are told apart by ``seat``, ``person``,
    ``track_id`` or ``person_id`` where given, else by who is nearest from frame to frame. Crowds
    (``iscrowd``) are left out.

    Args:
        fps: Frames per second; None for ``info.fps`` of the file, or 30, which is logged.
        image_size: Width, height in pixels; None for that of the images in the file, or the
            smallest image that holds all joints.
        joints: ``{their name: our name}`` for names that are not known.
    """

    fps: float | None = None
    image_size: tuple[int, int] | None = None
    joints: Mapping[str, str] = field(default_factory=dict)

    def sniff(self, path: Path, /) -> bool:
        """Whether it is a data set or a list of results."""
        try:
            document = read_json(path)
        except SourceError:
            return False
        if isinstance(document, dict):
            return "annotations" in document
        first = document[0] if isinstance(document, list) and document else None
        return isinstance(first, dict) and {"image_id", "keypoints"} <= first.keys()

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        where, document = repr(str(path)), read_json(path)
        forget()
        results = isinstance(document, list)
        rows = document if results else entry(document, "annotations", list, where)
        images = [] if results else _images(document, where)
        skeleton = Skeleton.load("coco17") if results else self._skeleton(document, where)
        frames = _frames(images or rows, "id" if images else "image_id", where)
        found = Found(where=str(path), seen=set(frames.values()))
        for number, row in enumerate(rows, start=1):
            _add(found, row, frames, skeleton, f"{where}, annotation {number}")
        fps, size = self.fps, image_size_of(self.image_size, where)
        info = {} if results else document.get("info")
        if fps is None and isinstance(info, dict) and _positive(info.get("fps")):
            fps = float(info["fps"])
        size = size or _size(images, where)
        times = _times(images, frames, where)
        return sequences(found, skeleton, fps=fps, image_size=size, times=times)

    def _skeleton(self, document: Any, where: str) -> Skeleton:
        categories = document.get("categories")
        for category in categories if isinstance(categories, list) else ():
            names = category.get("keypoints") if isinstance(category, dict) else None
            if isinstance(names, list) and names:
                return skeleton_of(map(str, names), self.joints, where)
        return Skeleton.load("coco17")


def _images(document: Any, where: str) -> list[Any]:
    images = entry(document, "images", list, where) if "images" in document else []
    return sorted(images, key=lambda image: _id(image, "id", where))


def _frames(rows: list[Any], key: str, where: str) -> dict[int, int]:
    """Return the frame number of each image."""
    ids = list(dict.fromkeys(_id(row, key, where) for row in rows))
    for name in ("frame_id", "frame"):
        if not all(name in row for row in rows):
            continue
        stated = [_id(row, name, where) for row in rows]
        if max(stated, default=0) >= MAX_FRAMES or min(stated, default=0) < 0:
            raise SourceError(
                f"{where}: {name} must be 0..{MAX_FRAMES - 1}, but is {min(stated)} to "
                f"{max(stated)}"
            )
        return {_id(row, key, where): frame for row, frame in zip(rows, stated, strict=True)}
    return {image: frame for frame, image in enumerate(sorted(ids))}


def _id(row: Any, key: str, where: str) -> int:
    value = row.get(key) if isinstance(row, dict) else None
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value):
        return int(value)
    if not isinstance(value, int):
        raise SourceError(f"{where}: {key!r} must be a whole number, but is {value!r:.60}")
    return value


def _times(images: list[Any], frames: dict[int, int], where: str) -> Array | None:
    """Return the seconds of every frame from the first to the last, if all images have them."""
    if not images or not all("time" in image for image in images):
        return None
    stated = numbers([image["time"] for image in images], f"{where}, time of images", (None,))
    return every_time([frames[_id(image, "id", where)] for image in images], stated, where)


def _size(images: list[Any], where: str) -> tuple[int, int] | None:
    sizes = [(image.get("width"), image.get("height")) for image in images if "width" in image]
    for size in sizes:
        if not all(map(_positive, size)):
            raise SourceError(f"{where}: width and height of an image must be pixels, not {size}")
        if size != sizes[0]:
            raise SourceError(
                f"{where}: images must all have one size, but have {sizes[0]} and {size}"
            )
    return (max(1, int(sizes[0][0])), max(1, int(sizes[0][1]))) if sizes else None


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < 1e6


def _add(found: Found, row: Any, frames: dict[int, int], own: Skeleton, where: str) -> None:
    frame = frames.get(_id(row, "image_id", where))
    if frame is None:
        raise SourceError(f"{where}: image_id {row['image_id']} is none of the images")
    if row.get("iscrowd") or not row.get("keypoints"):
        return
    flat = numbers(row["keypoints"], where, (3 * len(own),)).reshape(-1, 3)
    known = flat[:, 2] > 0
    # v is 1 (hidden but labelled) or 2, and in results the confidence itself
    stated = row.get("confidence", row.get("keypoint_scores"))
    confidence = (
        np.minimum(flat[:, 2], 1) if stated is None else numbers(stated, where, (len(own),))
    )
    name = next((row[k] for k in ("seat", "person", "track_id", "person_id") if k in row), None)
    person = None if name is None else name if isinstance(name, str) else f"person{name!s:.40}"
    found.add(frame, person, np.where(known[:, None], flat[:, :2], np.nan), confidence)
