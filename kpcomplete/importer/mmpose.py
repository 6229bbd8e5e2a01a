"""Predictions of MMPose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._names import skeleton_of
from kpcomplete.importer._people import Found, sequences
from kpcomplete.importer._text import entry, forget, image_size_of, numbers, read_json
from kpcomplete.limits import MAX_FRAMES
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton

# joints of COCO-WholeBody 17..22; its face and hands have no place in our skeletons
_FEET = ("left_big_toe", "left_small_toe", "left_heel",
         "right_big_toe", "right_small_toe", "right_heel")  # fmt: skip
_BODY = 23


@dataclass(frozen=True, kw_only=True)
class MMPose:
    """JSON of MMPose's demos and of its inferencer (``--pred-out-dir``).

    That is ``{"meta_info": …, "instance_info": [{"frame_id", "instances"}]}``, or the list of
    frames alone, or the list of instances of a single image. The skeleton follows from the names
    in ``meta_info``, else from the number of joints: 17 COCO, 26 Halpe, 133 COCO-WholeBody, of
    which body and feet are kept. People are told apart by ``track_id`` where given, else by who
    is nearest from frame to frame. Scores above 1 are taken for 1.

    Args:
        fps: Frames per second; None for 30, which is logged.
        image_size: Width, height in pixels; None for the smallest image that holds all joints.
        joints: ``{their name: our name}`` for names that are not known.
    """

    fps: float | None = None
    image_size: tuple[int, int] | None = None
    joints: Mapping[str, str] = field(default_factory=dict)

    def sniff(self, path: Path, /) -> bool:
        """Whether it has frames of instances, or instances."""
        try:
            document = read_json(path)
        except SourceError:
            return False
        if isinstance(document, dict):
            return "instance_info" in document
        first = document[0] if isinstance(document, list) and document else None
        return isinstance(first, dict) and (
            {"frame_id", "instances"} <= first.keys()
            or {"keypoints", "keypoint_scores"} <= first.keys()
        )

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        where, document = repr(str(path)), read_json(path)
        forget()
        meta = document.get("meta_info") if isinstance(document, dict) else None
        found, skeleton = Found(where=str(path)), None
        for frame, people in _frames(document, where):
            found.seen.add(frame)
            for person in people:
                place = f"{where}, frame {frame}"
                points = numbers(
                    entry(person, "keypoints", list, place), f"{place}, keypoints", (None, None)
                )
                skeleton = skeleton or self._skeleton(meta, len(points), where)
                _add(found, frame, person, points, skeleton, place)
        size = image_size_of(self.image_size, where)
        skeleton = skeleton or Skeleton.load("coco17")
        return sequences(found, skeleton, fps=self.fps, image_size=size)

    def _skeleton(self, meta: Any, count: int, where: str) -> Skeleton:
        if count == 133:
            return skeleton_of([*Skeleton.load("coco17").joints, *_FEET], {}, where)
        names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
        if isinstance(names, dict):
            ordered = [names.get(str(i)) for i in range(count)]
            if len(names) != count or None in ordered:
                raise SourceError(
                    f"{where}: meta_info names {len(names)} joints, but there are {count}"
                )
            return skeleton_of(map(str, ordered), self.joints, where)
        known = {17: "coco17", 26: "halpe26"}
        if count not in known:
            raise SourceError(
                f"{where}: without names in meta_info there must be 17 (COCO), 26 (Halpe) or 133 "
                f"(COCO-WholeBody) joints, but there are {count}"
            )
        return Skeleton.load(known[count])


def _frames(document: Any, where: str) -> list[tuple[int, list[Any]]]:
    """Return frame numbers, from 0, and who is there."""
    rows = entry(document, "instance_info", list, where) if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise SourceError(f"{where}: must be a list of frames, but is {type(rows).__name__}")
    if rows and all(isinstance(row, dict) and "keypoints" in row for row in rows):
        return [(0, rows)]  # one image
    frames = [entry(row, "frame_id", int, where) for row in rows]
    if frames and not 0 <= min(frames) <= max(frames) <= MAX_FRAMES:
        raise SourceError(f"{where}: frame_id must be 0..{MAX_FRAMES}, but is {min(frames)} or "
                          f"{max(frames)}")  # fmt: skip
    return [
        (frame, entry(row, "instances", list, where))
        for frame, row in zip(frames, rows, strict=True)
    ]


def _add(
    found: Found, frame: int, person: Any, points: Any, skeleton: Skeleton, where: str
) -> None:
    kept = len(points) if len(points) != 133 else _BODY
    if kept != len(skeleton) or points.shape[1] not in (2, 3):
        raise SourceError(
            f"{where}: keypoints must be {len(skeleton)}x2 as in the frames before, but are "
            f"{len(points)}x{points.shape[1]}"
        )
    scores = numbers(
        entry(person, "keypoint_scores", list, where), f"{where}, keypoint_scores", (len(points),)
    )
    track = person.get("track_id")
    name = f"person{track}" if isinstance(track, int) and track >= 0 else None
    points = np.where(scores[:, None] > 0, points[:, :2], np.nan)
    found.add(frame, name, points[:kept], scores[:kept])
