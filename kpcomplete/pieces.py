"""Long videos whose people are found piece by piece, perhaps by several workers."""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from kpcomplete.archive import read_archive
from kpcomplete.backlog import Piece
from kpcomplete.detector import Detector
from kpcomplete.errors import SourceError
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.naming import Names
from kpcomplete.recording import Recording, sequence
from kpcomplete.result import Person, Result
from kpcomplete.sink.archive import Archive
from kpcomplete.source import Source
from kpcomplete.source.stretch import Marks, Stretch
from kpcomplete.source.video import Video
from kpcomplete.store import Store

_BLOCK = 256  # frames written at once


def split(source: Source, seconds: float) -> tuple[Piece, ...]:
    """Return pieces of about equal length, one if the recording is not long or no video.

    Args:
        source: The recording.
        seconds: Length of a piece; recordings up to half as long again are left whole.
    """
    length, fps = source.info.length or 0, source.info.fps
    if not isinstance(source, Video) or length <= 1.5 * seconds * fps:
        return ()
    marks = Marks.of(source)
    if marks is None or marks.times[-1] < (length - 2.5) / fps:
        return ()  # who reads all of it says best what is wrong with it
    count = max(1, round(len(marks) / (seconds * fps)))
    ends = [round(i * len(marks) / count) for i in range(count + 1)]
    return tuple(
        Piece(number=i, first=first, last=last)
        for i, (first, last) in enumerate(itertools.pairwise(ends))
    )


def detect(
    source: Source, piece: Piece, detector: Detector, path: Path, *, overlap: float
) -> str | None:
    """Find the people of a piece, and of the seconds before it, and keep them in an archive.

    Args:
        source: The video.
        piece: Of it.
        detector: Who finds people.
        path: Archive to write.
        overlap: Seconds before the piece in which trackers find their feet.

    Returns:
        What was wrong with the piece, None if nothing.

    Raises:
        SourceError: If the recording is no video whose frames can be found.
    """
    if not isinstance(source, Video):
        raise SourceError(f"{source.info.name!r} must be a video to be cut in pieces")
    first = max(0, piece.first - round(overlap * source.info.fps))
    stretch = Stretch(source, first, piece.last)
    with Archive(path=path, source=stretch) as sink:
        frames = (replace(f, image=None) for f in detector(stretch, stretch.info))
        while block := tuple(itertools.islice(frames, _BLOCK)):
            met = dict.fromkeys(seat for frame in block for seat in frame.people)
            raw = {seat: sequence(block, seat, stretch.info)
                   for seat in dict.fromkeys([*detector.seats, *met])}  # fmt: skip
            people = {seat: Person(observed=poses, completed=poses) for seat, poses in raw.items()}
            sink.write(Result(frames=block, people=people))
    return stretch.problem


@dataclass(kw_only=True)
class Pieces:
    """The people of a video that were found piece by piece, as frames without images.

    Memory holds one piece at a time.

    Args:
        source: The video.
        store: Where the archives of the pieces are.
        stem: Of the outputs of the video.
        pieces: In order.
        made_by: Tells pieces from those that were made in another way.
    """

    FOLDER: ClassVar[str] = ".pieces"

    source: Source
    store: Store
    stem: str
    pieces: tuple[Piece, ...]
    made_by: str = ""
    names: Names = field(default_factory=Names, init=False)
    problem: str | None = field(default=None, init=False)

    @property
    def info(self) -> StreamInfo:
        """That of the video."""
        return self.source.info

    def name(self, piece: Piece) -> str:
        """Return the name of a piece's archive in the store."""
        path = Path(self.source.info.name)
        found = path.stat()
        key = f"{path.resolve()} {found.st_size} {found.st_mtime_ns} {self.made_by} {piece}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        return f"{self.FOLDER}/{self.stem}.{piece.number:05d}.{digest}.parquet"

    def owns(self, name: str) -> bool:
        """Whether a file of the store is a piece of this video, however it was made."""
        form = rf"{self.FOLDER}/{re.escape(self.stem)}\.\d{{5,}}\.[0-9a-f]{{12}}\.parquet"
        return re.fullmatch(form, name) is not None

    def __iter__(self) -> Iterator[Frame]:
        self.names = Names()
        for piece in self.pieces:
            with self.store.fetched(self.name(piece)) as path:
                recording = read_archive(path)
            self.names.meet(recording, piece.first)
            yield from _frames(recording, piece.first, self.names)


@dataclass(frozen=True)
class Handed:
    """A detector that passes on the people of pieces, and the seats that were watched."""

    pieces: Pieces

    @property
    def seats(self) -> tuple[str, ...]:
        """The seats that were watched so far."""
        return self.pieces.names.known

    def __call__(self, frames: Iterable[Frame], info: StreamInfo, /) -> Iterator[Frame]:
        """Yield the frames as they are."""
        yield from frames


def _frames(recording: Recording, first: int, names: Names) -> Iterator[Frame]:
    there = {seat: poses.is_observed.any(axis=1) for seat, poses in recording.raw.items()}
    for t, (index, time) in enumerate(
        zip(recording.frames.tolist(), recording.times.tolist(), strict=True)
    ):
        if index >= first:
            people = {
                names.of(seat): Detection(
                    keypoints=poses.keypoints[t], confidence=poses.confidence[t]
                )
                for seat, poses in recording.raw.items()
                if there[seat][t]
            }
            yield Frame(index=index, time=time, people=people)
