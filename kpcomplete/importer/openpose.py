"""Folders of OpenPose JSON, one file a frame."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._people import Found, sequences
from kpcomplete.importer._text import entry, forget, image_size_of, numbers, read_json
from kpcomplete.limits import MAX_FRAMES
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton

_SKELETONS = {75: "body25", 54: "openpose18"}  # by the length of pose_keypoints_2d


@dataclass(frozen=True, kw_only=True)
class OpenPose:
    """What ``openpose.bin --write_json`` writes: BODY_25 or COCO with 18 joints.

    Frame numbers are those in the file names (``drive_000000000042_keypoints.json``). OpenPose
    does not follow people by itself (``person_id`` is -1), so they are told apart by who is
    nearest from frame to frame, and are called ``person0`` and so on. A joint with confidence 0
    is MISSING. Negative confidences and those above 1, which its heatmaps give at times, are
    taken for 0 and 1.

    Args:
        fps: Frames per second; None for 30, which is logged.
        image_size: Width, height in pixels; None for the smallest image that holds all joints.
    """

    fps: float | None = None
    image_size: tuple[int, int] | None = None

    def sniff(self, path: Path, /) -> bool:
        """Whether it is such a folder, or one such file."""
        try:
            files = _files(path)
            return "people" in read_json(files[0]) and "images" not in read_json(files[0])
        except (SourceError, TypeError, IndexError):
            return False

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        files = _files(path)
        if not files:
            raise SourceError(f"OpenPose folder {str(path)!r} holds no *.json file")
        found, lengths = Found(where=str(path)), set()
        for number, file in zip(_numbers(files), files, strict=True):
            where = f"{str(file)!r} (frame {number})"
            found.seen.add(number)
            for person in entry(read_json(file), "people", list, where):
                flat = entry(person, "pose_keypoints_2d", list, where)
                if not flat:  # hands or a face without a body
                    continue
                lengths.add(len(flat))
                _add(found, number, _name(person), flat, where, lengths)
        forget()
        skeleton = Skeleton.load(_SKELETONS[lengths.pop()] if lengths else "body25")
        size = image_size_of(self.image_size, str(path))
        return sequences(found, skeleton, fps=self.fps, image_size=size)


def _name(person: Any) -> str | None:
    """Return the name of somebody whom OpenPose, or who wrote in its format, did follow."""
    given = person.get("person_id")
    given = given[0] if isinstance(given, list) and len(given) == 1 else given
    return f"person{given}" if isinstance(given, int) and 0 <= given < 10**9 else None


def _add(
    found: Found, frame: int, name: str | None, flat: list[Any], where: str, lengths: set[int]
) -> None:
    if len(lengths) > 1 or len(flat) not in _SKELETONS:
        raise SourceError(
            f"{where}: pose_keypoints_2d must have 75 (BODY_25) or 54 (COCO) numbers, the same "
            f"in all files, but has {len(flat)}"
        )
    points = numbers(flat, where, (None,)).reshape(-1, 3)
    given = points[:, 2:] > 0
    found.add(frame, name, np.where(given, points[:, :2], np.nan), points[:, 2])


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise SourceError(f"there is no OpenPose folder {str(path)!r}")
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _numbers(files: list[Path]) -> list[int]:
    """Return the frame numbers in the names; 0, 1, … where not every name has one of its own."""
    found = [re.findall(r"\d+", file.name) for file in files]
    numbered = [int(digits[-1]) for digits in found if digits and len(digits[-1]) < 16]
    if len(set(numbered)) == len(files):
        if max(numbered) >= MAX_FRAMES:
            raise SourceError(
                f"{str(files[0].parent)!r}: a frame number must be 0..{MAX_FRAMES - 1}, but "
                f"file names have up to {max(numbered)}"
            )
        return numbered
    return list(range(len(files)))
