"""COCO keypoint annotations."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TextIO

import numpy as np

from kpcomplete.output import whole
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import Recording
from kpcomplete.skeleton import Skeleton


@dataclass(kw_only=True)
class Coco:
    """Writes one JSON file with an annotation for each person and frame.

    ``v`` is 0 for a missing joint (then x and y are 0, as COCO wants it), 1 for a completed and
    2 for an observed one. ``track_id`` is the seat's number from 1, ``seat`` its name,
    ``confidence`` a list, one a joint. A person without any joint in a frame has no annotation.
    Images are called ``<stem>_<frame>.jpg``; ``frame`` and ``time`` (seconds) stand beside.

    Args:
        skeleton: Name of the skeleton to write; None keeps the recording's.
        completed: Include what was filled in.
    """

    skeleton: str | None = "coco17"
    completed: bool = True
    ending: ClassVar[str] = ".coco.json"

    def __call__(self, recording: Recording, path: str | os.PathLike[str], /) -> tuple[Path, ...]:
        if self.skeleton is not None:
            recording = recording.to(Skeleton.load(self.skeleton))
        with whole(path) as target, target.open("w", encoding="utf-8") as file:
            head = {
                "info": {"description": recording.name, "version": "1.0"},
                "licenses": [],
                "categories": [_category(recording.skeleton)],
            }
            file.write(json.dumps(head)[:-1] + ',\n"images": ')
            _write_list(file, _images(recording))
            file.write(',\n"annotations": ')
            _write_list(file, _annotations(recording.poses(completed=self.completed)))
            file.write("}\n")
        return (Path(path),)


def _category(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.joints),
        "skeleton": (skeleton.bone_indices + 1).tolist(),  # COCO counts from 1
    }


def _images(recording: Recording) -> Iterator[dict[str, Any]]:
    stem = Path(recording.name).stem
    width, height = recording.image_size
    for i, (frame, time) in enumerate(zip(recording.frames, recording.times, strict=True), 1):
        yield {
            "id": i,
            "file_name": f"{stem}_{frame:06d}.jpg",
            "width": width,
            "height": height,
            "frame": int(frame),
            "time": float(time),
        }


def _annotations(people: Mapping[str, PoseSequence]) -> Iterator[dict[str, Any]]:
    """Yield the annotations, seat by seat, frame by frame."""
    number = 0
    for track, (seat, poses) in enumerate(people.items(), 1):
        state = poses.visibility
        present = np.flatnonzero((state > 0).any(axis=1))
        points = np.concatenate([poses.keypoints, state[..., None]], axis=-1).astype(np.float64)
        points = np.nan_to_num(np.round(points, 3)).reshape(len(poses), 3 * len(poses.skeleton))
        low, high = (f(poses.keypoints[present], axis=1) for f in (np.nanmin, np.nanmax))
        boxes = np.round(np.concatenate([low, high - low], axis=-1).astype(np.float64), 3)
        confidence = np.round(poses.confidence.astype(np.float64), 4)
        for i, box in zip(present, boxes.tolist(), strict=True):
            number += 1
            yield {
                "id": number,
                "image_id": int(i) + 1,
                "category_id": 1,
                "track_id": track,
                "seat": seat,
                "iscrowd": 0,
                "num_keypoints": int((state[i] > 0).sum()),
                "bbox": box,
                "area": round(box[2] * box[3], 3),
                "keypoints": points[i].tolist(),
                "confidence": confidence[i].tolist(),
            }


def _write_list(file: TextIO, items: Iterator[dict[str, Any]]) -> None:
    """Write a JSON list item by item: hours of annotations do not fit into memory twice."""
    file.write("[")
    for i, item in enumerate(items):
        file.write((",\n" if i else "\n") + json.dumps(item, allow_nan=False))
    file.write("]")
