"""Recordings as Parquet tables, one row for each frame, seat and joint."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kpcomplete import limits
from kpcomplete.class_table import INDEX, NAME, Classes, read_classes
from kpcomplete.errors import KpcompleteError, SourceError
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.recording import Recording, provenance
from kpcomplete.skeleton import Skeleton

__all__ = ["Recording", "archives_in", "is_beside", "provenance", "read_archive"]

FORMAT = 1
KEY = b"kpcomplete"
STATES = ("missing", "completed", "observed")  # in the order of pose.Visibility
_VALUES = ("x", "y", "confidence", "raw_x", "raw_y", "raw_confidence", "std_x", "std_y",
           "corr_xy", "x3d", "y3d", "z3d", "std3d", "carried")  # fmt: skip
_SINCE = {"std3d", "carried"}  # columns that files of earlier versions lack
SCHEMA = pa.schema(INDEX | {"joint": NAME, "state": NAME} | dict.fromkeys(_VALUES, pa.float32()))


def rows(
    frames: Array,
    times: Array,
    raw: Mapping[str, PoseSequence],
    completed: Mapping[str, PoseSequence],
    joints3d: Mapping[str, Array],
    std3d: Mapping[str, Array] | None = None,
    carried: Mapping[str, Array] | None = None,
) -> pa.Table:
    """Return the table of some frames; without any seat a frame has one row of nulls.

    Args:
        frames: ``[T]`` numbers of the frames.
        times: ``[T]`` seconds.
        raw: Seat to what the detector saw in these frames.
        completed: The same seats, missing joints filled in.
        joints3d: Seat to ``[T, J, 3]`` metres; seats may be absent.
        std3d: Seat to ``[T, J]`` metres; likewise.
        carried: Seat to ``[T, J]`` log odds, see `kpcomplete.result.Person`; likewise.
    """
    seats, count = tuple(raw), len(frames)
    joints = raw[seats[0]].skeleton.joints if seats else ()
    block = max(1, len(seats) * len(joints))
    columns: dict[str, Any] = {
        "frame": np.repeat(np.asarray(frames, dtype=np.int32), block),
        "time_s": np.repeat(np.asarray(times, dtype=np.float64), block),
    }
    if not seats:
        columns["state"] = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), list(STATES))
        columns = {n: pa.nulls(count, SCHEMA.field(n).type) for n in SCHEMA.names} | columns
        return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    seat = np.tile(np.repeat(np.arange(len(seats), dtype=np.int32), len(joints)), count)
    joint = np.tile(np.arange(len(joints), dtype=np.int32), count * len(seats))
    state = np.stack([completed[s].visibility for s in seats], axis=1).reshape(-1)
    columns["seat"] = pa.DictionaryArray.from_arrays(seat, list(seats))
    columns["joint"] = pa.DictionaryArray.from_arrays(joint, list(joints))
    columns["state"] = pa.DictionaryArray.from_arrays(state.astype(np.int32), list(STATES))
    values = np.stack(
        [
            _values(
                raw[s], completed[s], joints3d.get(s), (std3d or {}).get(s), (carried or {}).get(s)
            )
            for s in seats
        ],
        axis=1,
    ).reshape(-1, len(_VALUES))
    for name, column in zip(_VALUES, values.T, strict=True):
        columns[name] = pa.array(np.ascontiguousarray(column), from_pandas=True)  # NaN: null
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _values(
    raw: PoseSequence,
    completed: PoseSequence,
    joints3d: Array | None,
    std3d: Array | None,
    carried: Array | None,
) -> Array:
    """Return ``[T, J, 14]`` in the order of ``_VALUES``, NaN for null."""
    out = np.full((*raw.visibility.shape, len(_VALUES)), np.nan, dtype=np.float32)
    out[..., 0:2] = completed.keypoints
    out[..., 2] = np.where(completed.is_missing, np.nan, completed.confidence)
    out[..., 3:5] = raw.keypoints
    out[..., 5] = np.where(raw.is_missing, np.nan, raw.confidence)
    if completed.covariance is not None:
        variance = np.diagonal(completed.covariance, axis1=-2, axis2=-1).astype(np.float64)
        std = np.sqrt(np.maximum(variance, 0))
        product = std[..., 0] * std[..., 1]
        shared = completed.covariance[..., 0, 1] / np.where(product > 0, product, 1)
        out[..., 6:8] = std
        out[..., 8] = np.where(np.isnan(product), np.nan, shared)
    if joints3d is not None:
        out[..., 9:12] = joints3d
    if std3d is not None:
        out[..., 12] = std3d
    if carried is not None:
        out[..., 13] = carried
    return out


def is_beside(name: str) -> bool:
    """Whether a file of that name is a table that `process` puts beside archives, and none itself.

    Example:
        >>> is_beside("a.classes.parquet"), is_beside("summary.parquet"), is_beside("a.parquet")
        (True, True, False)
    """
    return name.endswith(".classes.parquet") or name == "summary.parquet"


def archives_in(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the results of `process` in a folder, in order; folders in it do not count."""
    return [path for path in sorted(Path(folder).glob("*.parquet")) if not is_beside(path.name)]


def read_archive(path: str | os.PathLike[str]) -> Recording:
    """Return the recording that the archive sink wrote.

    Values come back to the bit (float32), except for covariances, which went through standard
    deviations and agree to rounding.

    Raises:
        SourceError: If the file is no archive, is one that this version does not know, or asks
            for more memory than what it states is worth.
    """
    try:
        with pq.ParquetFile(path) as file:
            about = _about(path, file)
            return _Reader(file, about, os.stat(path).st_size).recording(path)
    except KpcompleteError:
        raise
    except (pa.ArrowException, OSError, LookupError, ValueError, TypeError, AttributeError,
            ArithmeticError) as error:  # fmt: skip
        raise SourceError(
            f"{os.fspath(path)} must be a keypoint archive (a whole Parquet file written by "
            f"kpcomplete), but reading it says: {type(error).__name__}: {error}"
        ) from error


def _about(path: str | os.PathLike[str], file: pq.ParquetFile) -> dict[str, Any]:
    """Return the JSON of the footer."""
    text = (file.metadata.metadata or {}).get(KEY)
    if text is None:
        names = ", ".join(file.schema_arrow.names)
        raise SourceError(
            f"{os.fspath(path)} must be a keypoint archive written by kpcomplete, but is a "
            f"Parquet file of something else, with the columns {names}"
        )
    about: dict[str, Any] = limits.parse(text)
    if about.get("format") != FORMAT:
        raise SourceError(
            f"{os.fspath(path)} must have archive format {FORMAT}, but has "
            f"{about.get('format')!r}; it was written by another version of kpcomplete "
            f"({about.get('provenance', {}).get('versions')})"
        )
    if absent := sorted(set(SCHEMA.names) - _SINCE - set(file.schema_arrow.names)):
        raise SourceError(f"{os.fspath(path)} must have the columns {', '.join(absent)}")
    rate, size = float(about["fps"]), [int(side) for side in about["image_size"]]
    if not (0 < rate <= limits.MAX_RATE and len(size) == 2 and min(size) >= 1
            and max(size) <= limits.MAX_PIXEL):  # fmt: skip
        raise ValueError(f"fps and image_size cannot be {rate:g} and {size}")
    return about


class _Reader:
    """Brings the long table into arrays, column by column, so that memory holds few of them."""

    def __init__(self, file: pq.ParquetFile, about: Mapping[str, Any], size: int) -> None:
        self._file, self._about = file, about
        self._skeleton = Skeleton.from_dict(about["skeleton"])
        self._seats = tuple(map(str, about["seats"]))
        if len(self._seats) > limits.MAX_PEOPLE or len(self._skeleton) > limits.MAX_JOINTS:
            raise ValueError(
                f"{len(self._seats)} seats or {len(self._skeleton)} joints are more than "
                f"{limits.MAX_PEOPLE} or {limits.MAX_JOINTS}"
            )
        limits.check_rows(file.metadata.num_rows, size)
        frame = self._numbers("frame")
        self._frames, first, place = np.unique(frame, return_index=True, return_inverse=True)
        self._times = self._numbers("time_s")[first].astype(np.float64)
        points = len(self._seats) * len(self._frames) * len(self._skeleton)
        limits.check_rows(len(frame), size, points)
        seat, joint = self._codes("seat", self._seats), self._codes("joint", self._skeleton.joints)
        self._given = (seat >= 0) & (joint >= 0)
        self._shape = (len(self._seats), len(self._frames), len(self._skeleton))
        self._flat = ((seat * self._shape[1] + place) * self._shape[2] + joint)[self._given]
        if len(np.unique(self._flat)) != len(self._flat):
            raise ValueError("a joint of a seat must have one row a frame, but has several")

    def _column(self, name: str) -> pa.ChunkedArray:
        return self._file.read(columns=[name]).column(0)

    def _numbers(self, name: str) -> Array:
        """Return a column that says something in every row."""
        kind, column = SCHEMA.field(name).type, self._column(name)
        if column.null_count or not np.isfinite(column.cast(kind).to_numpy()).all():
            raise ValueError(f"column {name!r} must be {kind} in every row")
        numbers: Array = column.cast(kind).to_numpy()
        return numbers

    def _codes(self, name: str, known: tuple[str, ...]) -> Array:
        """Return each row's place in ``known``; -1 for null."""
        column = self._column(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.unify_dictionaries().combine_chunks()
        words = column.dictionary.to_pylist() if len(column) else []
        unknown = sorted(set(words) - set(known))
        if unknown:
            raise ValueError(f"column {name!r} has {unknown}, the footer only {list(known)}")
        places = np.array([*(known.index(word) for word in words), -1], dtype=np.int64)
        codes: Array = places[column.indices.fill_null(len(words)).to_numpy()]
        return codes

    def _dense(self, name: str) -> Array:
        """Return ``[S, T, J]`` of a column, NaN for null."""
        out = np.full(self._shape, np.nan, dtype=np.float32)
        if name in _SINCE and name not in self._file.schema_arrow.names:
            return out
        out.reshape(-1)[self._flat] = self._column(name).to_numpy()[self._given]
        return out

    def recording(self, path: str | os.PathLike[str]) -> Recording:
        about = self._about
        state = np.zeros(self._shape, dtype=np.uint8)
        state.reshape(-1)[self._flat] = self._codes("state", STATES)[self._given]
        value = {name: self._dense(name) for name in _VALUES}
        joints3d = np.stack([value["x3d"], value["y3d"], value["z3d"]], axis=-1)
        raw, completed, solid, std, carried = {}, {}, {}, {}, {}
        for i, seat in enumerate(self._seats):
            part = {name: array[i] for name, array in value.items()}
            raw[seat] = PoseSequence.observed(
                np.stack([part["raw_x"], part["raw_y"]], axis=-1),
                np.nan_to_num(part["raw_confidence"]),
                skeleton=self._skeleton,
                fps=float(about["fps"]),
                image_size=(int(about["image_size"][0]), int(about["image_size"][1])),
                person=seat,
                times=self._times,
            )
            completed[seat] = replace(
                raw[seat],
                keypoints=np.stack([part["x"], part["y"]], axis=-1),
                confidence=np.nan_to_num(part["confidence"]),
                visibility=state[i],
                covariance=_covariance(part["std_x"], part["std_y"], part["corr_xy"]),
            )
            if np.isfinite(joints3d[i]).any():
                solid[seat], std[seat] = joints3d[i], value["std3d"][i]
            if np.isfinite(value["carried"][i]).any():
                carried[seat] = value["carried"][i]
        found = read_classes(path, self._frames) if about["classes"] else Classes()
        return Recording(
            name=str(about["source"]),
            fps=float(about["fps"]),
            image_size=(int(about["image_size"][0]), int(about["image_size"][1])),
            skeleton=self._skeleton,
            frames=self._frames.astype(np.int64),
            times=self._times,
            raw=raw,
            completed=completed,
            joints3d=solid,
            std3d=std,
            camera=about.get("camera"),
            classes=found.probabilities,
            decisions=found.decisions,
            tasks=about.get("tasks", {}),
            decided_after=about.get("decided_after"),
            carried=carried,
            explained=about.get("explained"),
            provenance=about["provenance"],
        )


def _covariance(std_x: Array, std_y: Array, corr: Array) -> Array | None:
    if not np.isfinite(std_x).any():
        return None
    shared = corr * std_x * std_y
    out: Array = np.stack([std_x**2, shared, shared, std_y**2], axis=-1)
    return out.reshape(*std_x.shape, 2, 2).astype(np.float32)
