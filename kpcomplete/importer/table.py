"""A plain keypoint table that any tool can write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._names import skeleton_of
from kpcomplete.importer._people import Found, every_time, sequences
from kpcomplete.importer._text import column, first_line, image_size_of, read_csv, whole_numbers
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

_PERSON = ("person", "seat", "track", "individual", "instance")
_CONFIDENCE = ("confidence", "score", "likelihood")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A plain CSV with the columns ``frame, time_s?, person?, joint, x, y, confidence?``.

    One row a frame, person and joint, in any order; further columns are ignored. ``person`` may
    be called ``seat``, ``track``, ``individual`` or ``instance``, and ``confidence`` ``score`` or
    ``likelihood``. Empty or ``nan`` coordinates are MISSING, and so are joints without a row; a
    row without joint only says that the frame exists. Of a table with a column ``state``, as this
    project exports it, only what is ``observed`` counts: what was filled in is a guess. SLEAP's
    tracks come in this way, written from its analysis file.

    Args:
        fps: Frames per second; None for that of ``time_s``, or 30, which is logged.
        image_size: Width, height in pixels; None for the smallest image that holds all joints.
        joints: ``{their name: our name}`` for names that are not known.
    """

    fps: float | None = None
    image_size: tuple[int, int] | None = None
    joints: Mapping[str, str] = field(default_factory=dict)

    def sniff(self, path: Path, /) -> bool:
        """Whether the first line names the columns."""
        return {"frame", "joint", "x", "y"} <= set(first_line(path))

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        header, *rows = read_csv(path)
        names = [name.strip().lower() for name in header]
        absent = sorted({"frame", "joint", "x", "y"} - set(names))
        if absent or len(set(names)) != len(names):
            raise SourceError(
                f"{str(path)!r} must have the columns frame, joint, x, y, each once, but has "
                f"{', '.join(names)[:200]}"
            )
        if not rows:
            raise SourceError(f"{str(path)!r} holds no frame")
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        where = repr(str(path))
        frames = whole_numbers(_column(columns, "frame", where), f"{where}, column frame")
        times = self._times(columns, frames, where)
        found, joint_names = self._found(columns, frames, path)
        size = image_size_of(self.image_size, where)
        skeleton = skeleton_of(joint_names or Skeleton.load(CANONICAL).joints, self.joints, where)
        return sequences(found, skeleton, fps=self.fps, image_size=size, times=times)

    def _found(
        self, columns: Mapping[str, tuple[str, ...]], frames: Array, path: Path
    ) -> tuple[Found, list[str]]:
        where, count = repr(str(path)), len(frames)
        points = np.stack([_column(columns, axis, where) for axis in "xy"], axis=1)
        points = np.where(np.isfinite(points).all(axis=1, keepdims=True), points, np.nan)
        scores = next((name for name in _CONFIDENCE if name in columns), None)
        confidence = np.ones(count) if scores is None else _column(columns, scores, where)
        key = next((name for name in _PERSON if name in columns), None)
        if "state" in columns:
            seen = np.array(columns["state"]) == "observed"
            points, confidence = np.where(seen[:, None], points, np.nan), confidence * seen
        people = np.array(columns[key] if key else ["person0"] * count)
        joints = np.array(columns["joint"])
        used = (joints != "") & (people != "")
        found = Found(where=str(path), seen=set(frames.tolist()))
        names, place = np.unique(joints[used], return_inverse=True)
        who, person = np.unique(people[used], return_inverse=True)
        entries, row = np.unique(
            np.stack([person, frames[used]], axis=1), axis=0, return_inverse=True
        )
        flat = row.reshape(-1) * max(len(names), 1) + place
        if len(np.unique(flat)) != len(flat):
            twice = np.flatnonzero(used)[int(np.flatnonzero(np.bincount(flat)[flat] > 1)[0])]
            raise SourceError(
                f"{where}, data row {twice + 1}: joint {joints[twice]!r} of {people[twice]!r} "
                f"stands twice in frame {frames[twice]}"
            )
        poses = np.full((len(entries), len(names), 2), np.nan)
        scored = np.zeros(poses.shape[:2])
        poses.reshape(-1, 2)[flat] = points[used]
        scored.reshape(-1)[flat] = np.nan_to_num(confidence[used])
        found.frames = entries[:, 1].tolist()
        found.people = [str(who[p]) for p in entries[:, 0]]
        found.keypoints, found.confidence = list(poses), list(scored)
        return found, [str(name) for name in names]

    def _times(
        self, columns: Mapping[str, tuple[str, ...]], frames: Array, where: str
    ) -> Array | None:
        """Return the seconds of every frame from the first to the last, if the file has them."""
        if "time_s" not in columns:
            return None
        stated = _column(columns, "time_s", where)
        if np.isnan(stated).any():
            raise SourceError(f"{where}, column time_s: must be given in every row")
        return every_time(frames.tolist(), stated, f"{where}, column time_s")


def _column(columns: Mapping[str, tuple[str, ...]], name: str, where: str) -> Array:
    return column(list(columns[name]), f"{where}, column {name}")
