"""The essence of a recording in one row, for summaries of many."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kpcomplete.frame import Frame
from kpcomplete.output import guard, whole
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.privacy import Anonymize, anonymized
from kpcomplete.result import Person, Result
from kpcomplete.sink._canvas import Canvas
from kpcomplete.source import Source
from kpcomplete.source.stretch import Marks, Stretch
from kpcomplete.source.video import Video

_SHARE = pa.struct([("task", pa.string()), ("name", pa.string()), ("share", pa.float32())])
_SEAT = pa.struct(
    [
        ("seat", pa.string()),
        ("present", pa.float32()),  # share of the frames
        ("observed", pa.float32()),  # shares of the joints in these
        ("completed", pa.float32()),
        ("missing", pa.float32()),
        ("std", pa.float32()),  # of completed joints, body heights in the image
        ("classes", pa.list_(_SHARE)),  # share of the frames of each class
    ]
)
_MOMENT = pa.struct(
    [("time_s", pa.float64()), ("seat", pa.string()), ("score", pa.float32()),
     ("picture", pa.binary())]
)  # fmt: skip
DIGEST = pa.schema(
    [
        ("recording", pa.string()),
        ("frames", pa.int64()),
        ("duration_s", pa.float64()),
        ("occupants", pa.int32()),
        ("observed", pa.float32()),
        ("completed", pa.float32()),
        ("missing", pa.float32()),
        ("std", pa.float32()),
        ("seats", pa.list_(_SEAT)),
        ("worst", pa.list_(_MOMENT)),
    ]
)
_APART = 2.0  # s between moments that are pictured
_HERE = 0.02  # share of the frames in which an occupant is seen at least


@dataclass(kw_only=True)
class Digest:
    """Writes a Parquet file of one row, with pictures of the moments that are least certain.

    Uncertainty is a joint's standard deviation as a share of the person's extent in the image:
    what was seen has none. Memory holds the counts, and the poses of the moments.

    Args:
        path: The file.
        source: The recording. Of a video, the images of the moments are read again.
        moments: How many are pictured.
        height: Of the pictures, pixels.
        anonymize: True covers heads in the pictures, as far as joints tell where they are; "all"
            makes the pictures coarse; False shows what the camera saw.
    """

    path: str | os.PathLike[str]
    source: Source
    moments: int = 3
    height: int = 240
    provenance: Mapping[str, Any] = field(default_factory=dict)
    anonymize: Anonymize = True

    def __enter__(self) -> "Digest":
        self._frames, self._last = 0, 0.0
        self._seats: dict[str, _Seat] = {}
        self._tasks: Mapping[str, Any] = {}
        self._worst: list[_Moment] = []
        return self

    def write(self, result: Result, /) -> None:
        """Count some frames."""
        self._tasks = self._tasks or result.tasks
        if result.frames:
            self._last = result.frames[-1].time
        for name, person in result.people.items():
            seat = self._seats.setdefault(name, _Seat())
            doubt = seat.add(person)
            self._note(name, doubt, result)
        self._frames += len(result.frames)

    def _note(self, seat: str, doubt: Array, result: Result) -> None:
        """Keep the least certain moment of some frames, if it is among the worst."""
        if not len(doubt) or not (doubt > 0).any():
            return
        i = int(doubt.argmax())
        frame, score = result.frames[i], float(doubt[i])
        near = [m for m in self._worst if abs(m.frame.time - frame.time) < _APART]
        if any(m.score >= score for m in near):
            return
        kept = [m for m in self._worst if m not in near]
        if len(kept) >= self.moments and kept[-1].score >= score:
            return
        people = {name: _only(person, i) for name, person in result.people.items()}
        new = _Moment(score=score, seat=seat, frame=frame, people=people)
        self._worst = sorted([*kept, new], key=lambda m: -m.score)[: self.moments]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if kind is not None:
            return
        table = pa.Table.from_pylist([self._row()], schema=DIGEST)
        with whole(self.path) as target, guard(self.path, pa.ArrowException):
            pq.write_table(table, target, compression="zstd")

    def _row(self) -> dict[str, Any]:
        here = {n: s for n, s in self._seats.items() if s.present >= max(1, _HERE * self._frames)}
        counts = np.sum([s.states for s in here.values()], axis=0) if here else np.zeros(3)
        missing, completed, observed = (counts / max(counts.sum(), 1)).tolist()
        doubt = [s.doubt / s.doubted for s in here.values() if s.doubted]
        return {
            "recording": self.source.info.name,
            "frames": self._frames,
            "duration_s": self._last,
            "occupants": len(here),
            "observed": observed,
            "completed": completed,
            "missing": missing,
            "std": float(np.mean(doubt)) if doubt else None,
            "seats": [s.row(name, self._frames, self._tasks) for name, s in self._seats.items()],
            "worst": self._pictures(),
        }

    def _pictures(self) -> list[dict[str, Any]]:
        marks = None
        if self._worst and isinstance(self.source, Video):
            marks = Marks.of(self.source)
        rows = []
        for moment in self._worst:
            image = moment.frame.image
            if marks is not None and isinstance(self.source, Video):
                index = moment.frame.index
                (frame,) = Stretch(self.source, index, index + 1, marks)
                image = frame.image
            rows.append(
                {
                    "time_s": moment.frame.time,
                    "seat": moment.seat,
                    "score": moment.score,
                    "picture": self._picture(moment, image),
                }
            )
        return rows

    def _picture(self, moment: "_Moment", image: Array | None) -> bytes:
        person = next(iter(moment.people.values()))
        canvas = Canvas(
            skeleton=person.completed.skeleton,
            image_size=self.source.info.image_size,
            max_height=self.height,
        )
        if image is not None:
            image = anonymized(image, moment.people, 0, self.anonymize)
        painted = canvas.paint(image, moment.people, 0)
        _, data = cv2.imencode(".jpg", painted, [cv2.IMWRITE_JPEG_QUALITY, 80])
        return bytes(data)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Moment:
    score: float
    seat: str
    frame: Frame
    people: Mapping[str, Person]


@dataclass(eq=False)
class _Seat:
    """Counts of one seat."""

    present: int = 0
    states: Array = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    doubt: float = 0.0
    doubted: int = 0
    classes: dict[str, Array] = field(default_factory=dict)

    def add(self, person: Person) -> Array:
        """Count some frames; return the mean uncertainty of each, ``[T]``, 0 where nobody is."""
        poses = person.completed
        here = ~poses.is_missing.all(axis=1)
        states = poses.visibility[here]
        self.present += int(here.sum())
        self.states += np.bincount(states.reshape(-1), minlength=3)[:3]
        std = _std(poses)
        known = np.isfinite(std) & (std > 0) & here[:, None]
        self.doubt += float(std[known].sum())
        self.doubted += int(known.sum())
        for task, probability in person.classes.items():
            told = person.decisions.get(task, np.nan_to_num(probability).argmax(axis=-1))
            told = told[np.isfinite(probability).all(axis=-1)]
            often = np.bincount(told[told >= 0], minlength=probability.shape[-1])
            self.classes[task] = self.classes.get(task, np.zeros_like(often)) + often
        out: Array = np.where(known, std, 0.0).mean(axis=1)
        return out

    def row(self, name: str, frames: int, tasks: Mapping[str, Any]) -> dict[str, Any]:
        total = max(int(self.states.sum()), 1)
        missing, completed, observed = (self.states / total).tolist()
        return {
            "seat": name,
            "present": self.present / max(frames, 1),
            "observed": observed,
            "completed": completed,
            "missing": missing,
            "std": self.doubt / self.doubted if self.doubted else None,
            "classes": [
                {"task": task, "name": str(tasks[task][k]), "share": often[k] / often.sum()}
                for task, often in self.classes.items()
                for k in np.flatnonzero(often)
            ],
        }


def _std(poses: PoseSequence) -> Array:
    """Return ``[T, J]`` standard deviations, as shares of the person's extent; NaN if unknown."""
    if poses.covariance is None:
        return np.full(poses.confidence.shape, np.nan)
    spread = np.sqrt(np.maximum(np.trace(poses.covariance, axis1=-2, axis2=-1) / 2, 0))
    points = np.where(poses.is_missing[..., None], np.nan, poses.keypoints)
    there = np.isfinite(points).all(axis=-1)
    high = np.where(there[..., None], points, -np.inf).max(axis=1)
    low = np.where(there[..., None], points, np.inf).min(axis=1)
    extent = np.where(there.any(axis=1), np.linalg.norm(high - low, axis=-1), np.nan)
    out: Array = spread / np.maximum(extent, 1.0)[:, None]
    return out


def _only(person: Person, frame: int) -> Person:
    cut = slice(frame, frame + 1)
    return Person(observed=person.observed[cut], completed=person.completed[cut])
