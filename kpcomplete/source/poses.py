"""Stored keypoints as a recording without images."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.frame import Array, Detection, Frame, StreamInfo
from kpcomplete.importer import Importer
from kpcomplete.importer._text import forget, read_json
from kpcomplete.importer.coco import Coco
from kpcomplete.importer.deeplabcut import DeepLabCut
from kpcomplete.importer.mediapipe_json import MediaPipeJson
from kpcomplete.importer.mmpose import MMPose
from kpcomplete.importer.openpose import OpenPose
from kpcomplete.importer.sktdd import SktDD
from kpcomplete.importer.table import Table
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import Recording
from kpcomplete.skeleton import CANONICAL, Skeleton

_log = logging.getLogger(__name__)

IMPORTERS: tuple[type[Any], ...] = (
    SktDD, DeepLabCut, Table, OpenPose, Coco, MMPose, MediaPipeJson
)  # fmt: skip


class Poses:
    """Stored keypoints: frames without images whose people were found before.

    Reads the project's own archive, of which it takes what was observed, and every format of
    `kpcomplete.importer`. Joints are carried over to the canonical skeleton by name.

    Args:
        path: The file, or a folder of OpenPose JSON.
        fps: Frames per second, if the file does not state it or states it wrongly.
        image_size: Width, height in pixels, likewise.
        joints: ``{their name: our name}`` for names that are not known.
        importer: Who reads the file; None to tell by its content. An importer that is given has
            its own ``fps``, ``image_size`` and ``joints``.

    Attributes:
        info: Frame rate, size and number of frames.
        people: Seat or person to canonical sequence, all over the same frames.

    Raises:
        SourceError: If there is no such file, or its format is not known.
        SettingError: If a setting cannot be used with an importer that is given.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float | None = None,
        image_size: Sequence[int] | None = None,
        joints: Mapping[str, str] | None = None,
        importer: Importer | None = None,
    ) -> None:
        if importer is not None and (fps or image_size or joints):
            raise SettingError("give fps, image_size and joints to the importer itself")
        if fps is not None and not 0 < fps < float("inf"):
            raise SettingError(f"fps of stored poses must be positive, but is {fps}")
        size = (int(image_size[0]), int(image_size[1])) if image_size else None
        if importer is None and is_archive(Path(path)):
            self._set_archive(Path(path), fps, size)
        else:
            importer = importer or _guess(Path(path), fps, size, joints or {})
            self._set(importer(path), str(path))

    @classmethod
    def from_sequences(cls, sequences: Sequence[PoseSequence], name: str = "poses") -> "Poses":
        """Return sequences over the same frames as a source.

        Raises:
            SourceError: If there is none, or they differ in length or person twice.
        """
        self = cls.__new__(cls)
        self._set(sequences, name)
        return self

    def _set(self, sequences: Sequence[PoseSequence], name: str) -> None:
        if not sequences:
            raise SourceError(f"{name!r} holds nobody")
        lengths = {s.person: len(s) for s in sequences}
        if len(set(lengths.values())) != 1 or len(lengths) != len(sequences):
            raise SourceError(
                f"people of {name!r} must differ and be there over the same frames, but are "
                f"{[(s.person, len(s)) for s in sequences]}"
            )
        first = sequences[0]
        self._set_people(sequences, first.times)
        self.info = StreamInfo(
            name=name, fps=first.fps, image_size=first.image_size, length=len(first)
        )

    def _set_archive(self, path: Path, fps: float | None, size: tuple[int, int] | None) -> None:
        from kpcomplete.archive import read_archive

        recording = read_archive(path)
        times = recording.times if fps is None else np.arange(len(recording)) / fps
        self._set_people(list(recording.raw.values()), times)  # nobody, if the car was empty
        self.info = StreamInfo(
            name=str(path),
            fps=fps or recording.fps,
            image_size=size or recording.image_size,
            length=len(recording),
        )

    def _set_people(self, sequences: Sequence[PoseSequence], times: Array) -> None:
        skeleton = Skeleton.load(CANONICAL)
        self._times = times - times[:1].sum()  # from 0; there may be no frame
        self.people = {s.person: s.to(skeleton) for s in sequences}

    def recording(self) -> Recording:
        """Return all poses at once, nothing completed."""
        return Recording(
            name=self.info.name,
            fps=self.info.fps,
            image_size=self.info.image_size,
            skeleton=Skeleton.load(CANONICAL),
            frames=np.arange(len(self._times)),
            times=self._times,
            raw=self.people,
            completed=self.people,
        )

    def __iter__(self) -> Iterator[Frame]:
        there = {name: s.is_observed.any(axis=1) for name, s in self.people.items()}
        for t, time in enumerate(self._times.tolist()):
            people = {
                name: Detection(keypoints=s.keypoints[t], confidence=s.confidence[t])
                for name, s in self.people.items()
                if there[name][t]
            }
            yield Frame(index=t, time=time, people=people)


def is_archive(path: Path) -> bool:
    """Whether a file is (or pretends to be) an archive of kpcomplete."""
    if not path.exists():
        raise SourceError(f"there is no keypoint file {str(path)!r}")
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return path.suffix == ".parquet" or file.read(4) == b"PAR1"


def knows(path: Path) -> bool:
    """Whether a file or folder is an archive or of a format of `kpcomplete.importer`."""
    try:
        return is_archive(path) or any(kind().sniff(path) for kind in IMPORTERS)
    except (SourceError, OSError):
        return False
    finally:
        forget()


def _guess(
    path: Path, fps: float | None, size: tuple[int, int] | None, joints: Mapping[str, str]
) -> Importer:
    """Return the importer that takes the file for its own."""
    for kind in IMPORTERS:
        if kind().sniff(path):
            given = {"fps": fps, "image_size": size, "joints": joints}
            taken = {field.name for field in fields(kind)}
            settings = {k: v for k, v in given.items() if v and k in taken}
            _log.info("%s is read as %s", path, kind.__name__)
            importer: Importer = kind(**settings)
            return importer
    if path.suffix.lower() == ".json":
        read_json(path)  # says where it is damaged
        forget()
    raise SourceError(
        f"{str(path)!r} holds keypoints of no format that is known: an archive of kpcomplete "
        f"(.parquet), {', '.join(kind.__name__ for kind in IMPORTERS)}"
    )
