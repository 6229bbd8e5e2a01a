"""Tables of the sktDD data set: a driver seen by several cameras."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._people import Found, sequences
from kpcomplete.importer._text import column, first_line, image_size_of, read_csv, whole_numbers
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.skeleton import Skeleton

VIEWS = {0: "mirror", 1: "side", 2: "dash"}
_JOINTS = 25
_HEADER = ["FrameNumber", "PersonID"] + [f"{axis}{j}" for j in range(_JOINTS) for axis in "xy"]


@dataclass(frozen=True, kw_only=True)
class SktDD:
    """CSV of BODY_25 pixels without confidences (github.com/jingyulei/rapid).

    ``PersonID`` is the camera, so there is one sequence for each, called ``mirror``, ``side`` or
    ``dash``, and ``view3`` and so on for further ones. ``0, 0`` is MISSING; of rows with the same
    frame number and camera the first counts.

    Args:
        fps: Frames per second. The authors do not state it; it is about 30.
        image_size: Width, height in pixels. Not stated either; None for the smallest image that
            holds all joints.
    """

    fps: float = 30.0
    image_size: tuple[int, int] | None = None

    def sniff(self, path: Path, /) -> bool:
        """Whether the first line is that of sktDD."""
        return first_line(path)[:4] == ["framenumber", "personid", "x0", "y0"]

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        header, *rows = read_csv(path)
        if header != _HEADER:
            raise SourceError(
                f"{str(path)!r} must have the columns FrameNumber, PersonID, x0, y0 … x24, y24, "
                f"but has {len(header)}: {header[:4]}"
            )
        if not rows:
            raise SourceError(f"{str(path)!r} holds no frame")
        values = np.stack(
            [
                column([row[c] for row in rows], f"{str(path)!r}, column {header[c]}")
                for c in range(len(header))
            ],
            axis=1,
        )
        frames = whole_numbers(values[:, 0], f"{str(path)!r}, column FrameNumber")
        views = whole_numbers(values[:, 1], f"{str(path)!r}, column PersonID")
        return self._sequences(path, frames, views, values[:, 2:].reshape(-1, _JOINTS, 2))

    def _sequences(
        self, path: Path, frames: Array, views: Array, points: Array
    ) -> list[PoseSequence]:
        points = np.where((points == 0).all(axis=-1, keepdims=True), np.nan, points)
        keys = np.stack([views, frames], axis=1)
        _, first = np.unique(keys, axis=0, return_index=True)
        found = Found(
            where=str(path),
            frames=frames[first].tolist(),
            people=[VIEWS.get(view, f"view{view}") for view in views[first].tolist()],
            keypoints=list(points[first]),
            confidence=list(np.ones((len(first), _JOINTS))),
            seen=set(frames.tolist()),
        )
        size = image_size_of(self.image_size, str(path))
        return sequences(found, Skeleton.load("body25"), fps=self.fps, image_size=size)
