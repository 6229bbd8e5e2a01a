"""Results of ``kpcomplete process`` at rest, in any number of folders, as training material."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import torch

from kpcomplete import limits
from kpcomplete.archive import FORMAT, KEY, is_beside
from kpcomplete.data.mapped import Growing, MappedSet
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton, convert

_COLUMNS = {False: ("raw_x", "raw_y", "raw_confidence"), True: ("x", "y", "confidence")}
_ENOUGH = 2  # joints that make somebody present


@dataclass(frozen=True, kw_only=True)
class Archives:
    """Poses of archives, read one after the other and only those columns that are needed.

    What is loaded lies in a file without a name, and is read from it when windows are drawn: there
    may be more than fits in memory. People are called ``<file>:<seat>``, by the path of the file
    in the folder.

    Args:
        dataset: Folder, with all folders in it; an address that fsspec knows; or a list of these.
        seats: Whose; None: everybody's.
        min_confidence: Joints of which the detector was less sure count as missing.
        completed: Take also what was completed, as it is; else only what was seen.
        absence: Seconds. Where somebody is away for longer, a clip ends.
        scratch: Folder with room for the poses, 264 bytes a frame and person, twice over while
            people are held out; None: the system's.
    """

    dataset: str | Sequence[str]
    seats: Sequence[str] | None = None
    min_confidence: float = 0.5
    completed: bool = False
    absence: float = 1.0
    scratch: str | None = None

    def load(self) -> MappedSet:
        """Return all clips.

        Raises:
            SourceError: If there is no archive, or one cannot be read.
            SettingError: If frame rates differ, or a seat is nowhere.
        """
        people, lengths, files, rates = [], [], [], set()
        with Growing(self.scratch) as growing:
            for part in self.parts():
                for first, last in _runs(part.points, self.absence * part.fps):
                    growing.add(part.points[first:last])
                    people.append(f"{part.file}:{part.seat}")
                    lengths.append(last - first)
                    files.append(part.file)
                    rates.add(round(part.fps, 2))
            keypoints = growing.tensor()
        if len(rates) != 1:
            found = f"frame rates {sorted(rates)}" if rates else f"nobody in {self._seats}"
            raise SettingError(f"{self.dataset} must have one frame rate, but has {found}")
        length = torch.tensor(lengths, dtype=torch.int64)
        return MappedSet(
            keypoints=keypoints,
            labels=torch.full((int(length.sum()),), -1, dtype=torch.int64),
            clips=torch.stack([length.cumsum(dim=0) - length, length], dim=1),
            people=tuple(people),
            views=("own",) * len(people),
            fps=rates.pop(),
            cameras=tuple(files),
        )

    @property
    def _seats(self) -> str:
        return "any seat" if self.seats is None else f"the seats {', '.join(self.seats)}"

    def parts(self) -> "Iterator[Part]":
        """Yield everybody of each archive; memory holds one archive's poses at a time."""
        roots = [self.dataset] if isinstance(self.dataset, str) else list(self.dataset)
        empty = True
        for root in roots:
            for name, fragment, size in _fragments(root):
                empty = False
                try:
                    yield from self._parts_of(name, fragment, size)
                except (pa.ArrowException, OSError, LookupError, ValueError, TypeError,
                        AttributeError, ArithmeticError) as error:  # fmt: skip
                    raise SourceError(
                        f"{name!r} of {root} must be an archive, but reading it says: "
                        f"{type(error).__name__}: {error}"
                    ) from error
        if empty:
            raise SourceError(f"{self.dataset} must hold results of process, but has no archive")

    def _parts_of(self, name: str, fragment: Any, size: int) -> "Iterator[Part]":
        about = _about(fragment)
        if about is None:
            return  # a table of something else
        skeleton = Skeleton.from_dict(about["skeleton"])
        seats = [s for s in about["seats"] if self.seats is None or s in self.seats]
        if not seats:
            return
        if len(seats) > limits.MAX_PEOPLE or len(skeleton) > limits.MAX_JOINTS:
            raise ValueError(f"{len(seats)} seats or {len(skeleton)} joints are too many")
        fps, rows = float(about["fps"]), fragment.metadata.num_rows
        if not 0 < fps <= limits.MAX_RATE:
            raise ValueError(f"fps cannot be {fps:g}")
        limits.check_rows(rows, size)
        x, y, sure = _COLUMNS[self.completed]
        table = fragment.to_table(
            columns=["frame", "seat", "joint", x, y, sure],
            filter=ds.field("seat").isin(seats) & ds.field(x).is_valid()
            & (ds.field(sure) >= (0.0 if self.completed else self.min_confidence)),
        )  # fmt: skip
        if not table.num_rows:
            return
        frame = table["frame"].to_numpy()
        first, count = int(frame.min()), int(frame.max()) - int(frame.min()) + 1
        limits.check_rows(rows, size, len(seats) * count * len(skeleton))
        dense = np.full((len(seats), count, len(skeleton), 2), np.nan, dtype=np.float32)
        place = (_codes(table["seat"], seats), frame - first,
                 _codes(table["joint"], list(skeleton.joints)))  # fmt: skip
        dense[(*place, 0)], dense[(*place, 1)] = table[x].to_numpy(), table[y].to_numpy()
        for seat, points in zip(seats, dense, strict=True):
            canonical = convert(points, skeleton, Skeleton.load(CANONICAL))
            yield Part(file=name, seat=seat, fps=fps, points=canonical)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One person of one archive.

    Attributes:
        file: Path of the archive in its data set.
        seat: Of the person.
        fps: Frames per second.
        points: ``[T, 33, 2]`` pixels, NaN where missing.
    """

    file: str
    seat: str
    fps: float
    points: Array


def _fragments(root: str) -> Iterator[tuple[str, Any, int]]:
    """Yield path, fragment and bytes of each Parquet file that may be an archive, in order."""
    import fsspec

    try:
        files, base = fsspec.core.url_to_fs(root)
        found = files.find(base)
    except (OSError, ValueError, ImportError) as error:
        raise SourceError(f"the data set {root} cannot be read: {error}") from error
    for path in sorted(found):
        name = path[len(base) :].lstrip("/") or path.rpartition("/")[2]
        hidden = any(part.startswith(".") for part in name.split("/"))
        other = is_beside(name.rpartition("/")[2])
        if name.endswith(".parquet") and not hidden and not other:
            try:
                data = ds.dataset(path, format="parquet", filesystem=files)
                yield name, next(iter(data.get_fragments())), int(files.size(path))
            except (pa.ArrowException, OSError) as error:
                raise SourceError(f"{path} must be a whole Parquet file, but {error}") from error


def _about(fragment: Any) -> dict[str, Any] | None:
    text = (fragment.metadata.metadata or {}).get(KEY)
    about = None if text is None else limits.parse(text)
    if not isinstance(about, dict) or "skeleton" not in about:
        return None
    if about.get("format") != FORMAT:
        raise ValueError(f"archive format {about.get('format')!r} is not {FORMAT}")
    return about


def _codes(column: Any, known: list[str]) -> Array:
    """Return each row's place in ``known``."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries().combine_chunks()
    words = column.dictionary.to_pylist()
    places = np.array([known.index(w) if w in known else -1 for w in words], dtype=np.int64)
    codes: Array = places[column.indices.to_numpy()]
    if (codes < 0).any():
        raise ValueError(f"names {sorted(set(words) - set(known))} are not in the footer")
    return codes


def _runs(points: Array, absence: float) -> Iterator[tuple[int, int]]:
    """Yield first frame and frame after the last of each stay."""
    there = np.flatnonzero(np.isfinite(points).all(axis=-1).sum(axis=-1) >= _ENOUGH)
    for run in np.split(there, np.flatnonzero(np.diff(there) > absence) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1
