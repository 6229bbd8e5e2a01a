"""Live recordings that are killed: what is played to them, and what has to be left of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kpcomplete.frame import Frame
from kpcomplete.journal import ENDING, read_journal
from kpcomplete.pose import Array
from kpcomplete.source.synthetic import Synthetic

GIVEN = ".given"  # in the working folder: how many frames were given on
SPEED = 4.0  # seconds of the video that pass in one


@dataclass(frozen=True, kw_only=True)
class Played(Synthetic):
    """Plays at four times its speed, and waits for whoever is slow: it never drops a frame.

    So all runs record the same. How many frames were given on stands in a file that survives the
    process.
    """

    def __iter__(self) -> Iterator[Frame]:
        start = time.monotonic()
        with open(GIVEN, "wb", buffering=0) as file:
            for frame in super().__iter__():
                time.sleep(max(0.0, start + frame.time / SPEED - time.monotonic()))
                file.seek(0)
                file.write(b"%d" % (frame.index + 1))
                yield replace(frame, truth=None, captured=time.monotonic())


@dataclass(kw_only=True)
class Recordings:
    """Judges what is left of recordings of `Played`.

    Attributes:
        flushed: Name of each recording that was killed to the frames of it that were on disk.
        lost: Frames that were given on and not on disk, the most of any kill.
    """

    flushed: dict[str, int] = field(default_factory=dict)
    lost: int = 0

    def note(self, path: Path) -> None:
        """Keep in mind what of a recording is on disk; other files are none of its business."""
        if not path.name.endswith(f".parquet{ENDING}"):
            return
        parts = [rows["frame"].to_numpy() for rows, _ in read_journal(path)]
        count = int(np.concatenate(parts).max()) + 1 if parts else 0
        self.flushed[path.name.removesuffix(ENDING)] = count
        given = int((path.parent.parent / GIVEN).read_bytes() or 0)
        self.lost = max(self.lost, given - count)

    def says(self) -> str:
        """Return how much was lost."""
        return f"; a kill lost at most {self.lost} frames"

    def differences(self, folder: Path, undisturbed: Path) -> Sequence[str]:
        """Return the recordings that are not what an undisturbed one is up to some frame.

        Args:
            folder: Of all recordings.
            undisturbed: Of one that nobody killed.
        """
        (whole,) = undisturbed.rglob("*.parquet")
        table, film = _table(whole), _pictures(whole)
        found = {path.name: path for path in folder.rglob("*.parquet")}
        bad = [f"{name} is lost" for name, count in self.flushed.items()
               if count and name not in found]  # fmt: skip
        for name, path in found.items():
            part = _table(path)
            frames = part["frame"][-1].as_py() + 1 if len(part) else 0
            if len(part) > len(table) or not part.equals(table.slice(0, len(part))):
                bad.append(name)
            elif frames < self.flushed.get(name, 0):
                bad.append(f"{name} lacks frames that were on disk")
            if _video(path).exists():
                try:
                    pictures = _pictures(path)
                except (av.FFmpegError, ValueError):
                    pictures = np.empty(0)
                if not len(pictures) or not np.array_equal(pictures, film[: len(pictures)]):
                    bad.append(_video(path).name)
        self.flushed.clear()
        return bad


def _table(path: Path) -> pa.Table:
    """Return rows of which equal ones are equal, however they are stored."""
    table = pq.read_table(path).replace_schema_metadata(None)
    for i, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(i, column.name, table[i].cast(pa.string()))
    return table


def _video(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix('.parquet')}.overlay.mp4")


def _pictures(path: Path) -> Array:
    """Return the pictures of the video beside a recording."""
    with av.open(str(_video(path))) as video:
        return np.stack([frame.to_ndarray(format="gray") for frame in video.decode(video=0)])
