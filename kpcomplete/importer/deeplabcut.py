"""Keypoint tables of DeepLabCut."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._names import skeleton_of
from kpcomplete.importer._people import Found, sequences
from kpcomplete.importer._text import column, first_line, image_size_of, read_csv, whole_numbers
from kpcomplete.pose import Array, PoseSequence


@dataclass(frozen=True, kw_only=True)
class DeepLabCut:
    """DeepLabCut's CSV, of one or of several animals, who are people here.

    Header rows are ``scorer``, ``individuals`` (only if several), ``bodyparts``, ``coords``.
    Empty and ``nan`` cells are MISSING; ``likelihood`` is the confidence.

    Args:
        fps: Frames per second; None for 30, which is logged.
        image_size: Width, height in pixels; None for the smallest image that holds all joints.
        joints: ``{their name: our name}`` for names that are not known.
    """

    fps: float | None = None
    image_size: tuple[int, int] | None = None
    joints: Mapping[str, str] = field(default_factory=dict)

    def sniff(self, path: Path, /) -> bool:
        """Whether the first line starts with ``scorer``."""
        return first_line(path)[:1] == ["scorer"]

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        where, rows = repr(str(path)), read_csv(path)
        head = {row[0].strip().lower(): row[1:] for row in rows[:4]}
        depth = 4 if "individuals" in head else 3
        kinds = ["scorer", "individuals", "bodyparts", "coords"]
        wanted = kinds if depth == 4 else [kinds[0], *kinds[2:]]
        if [row[0].strip().lower() for row in rows[:depth]] != wanted:
            raise SourceError(
                f"{where} must start with the rows {', '.join(wanted)}, but starts with "
                f"{[row[0] for row in rows[:depth]]}"
            )
        rows = rows[depth:]
        if not rows:
            raise SourceError(f"{where} holds no frame")
        frames = whole_numbers(column([r[0] for r in rows], f"{where}, column 1"), where)
        owners = head.get("individuals", ["person0"] * len(head["bodyparts"]))
        wanted_names = list(dict.fromkeys(head["bodyparts"]))
        skeleton = skeleton_of(wanted_names, self.joints, where)
        cells = {}
        for c, key in enumerate(zip(owners, head["bodyparts"], head["coords"], strict=True)):
            if key in cells:
                raise SourceError(f"{where}: column {c + 2} stands twice: {key}")
            cells[key] = column([row[c + 1] for row in rows], f"{where}, column {c + 2}")
        found = Found(where=str(path), seen=set(frames.tolist()))
        for owner in dict.fromkeys(owners):
            values = np.stack([_point(cells, owner, name, len(rows)) for name in wanted_names], 1)
            found.frames += frames.tolist()
            found.people += [owner] * len(rows)
            found.keypoints += list(values[..., :2])
            found.confidence += list(values[..., 2])
        size = image_size_of(self.image_size, where)
        return sequences(found, skeleton, fps=self.fps, image_size=size)


def _point(cells: Mapping[tuple[str, str, str], Array], owner: str, joint: str, n: int) -> Array:
    """Return ``[N, 3]``: x, y, confidence; NaN where the file has no such column."""
    nan = np.full(n, np.nan)
    x, y = (cells.get((owner, joint, axis), nan) for axis in "xy")
    missing = np.isnan(x) | np.isnan(y)
    confidence = np.nan_to_num(cells.get((owner, joint, "likelihood"), np.ones(n)))
    return np.stack([np.where(missing, np.nan, x), np.where(missing, np.nan, y), confidence], 1)
