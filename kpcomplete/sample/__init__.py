"""The bundled sample clip and its ground truth; ``tools/make_sample.py`` draws both."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from kpcomplete.errors import SourceError
from kpcomplete.skeleton import CANONICAL, Skeleton

CLIP = Path(str(files(__name__) / "cabin.mp4"))
TRUTH = Path(str(files(__name__) / "cabin.truth.parquet"))
Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The true joints of one occupant of a drawn clip, canonical skeleton.

    Attributes:
        keypoints: ``[T, 33, 2]`` pixels; may lie outside the image.
        joints3d: ``[T, 33, 3]`` metres in camera coordinates, x right, y down, z forward.
        visible: ``[T, 33]`` bool: nothing stands between the camera and the joint.
    """

    keypoints: Array
    joints3d: Array
    visible: Array


def read_truth(path: str | Path = TRUTH) -> dict[str, Truth]:
    """Return seat to truth.

    Raises:
        SourceError: If the file is no truth of a drawn clip.
    """
    try:
        table = pq.read_table(path).to_pydict()
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} must be the truth of a drawn clip: {error}") from error
    wanted = {"frame", "seat", "joint", "x", "y", "x3d", "y3d", "z3d", "visible"}
    if not wanted <= set(table):
        raise SourceError(
            f"{path} must have the columns {', '.join(sorted(wanted))}, but has {', '.join(table)}"
        )
    skeleton = Skeleton.load(CANONICAL)
    frame = np.asarray(table["frame"])
    joint = np.asarray(skeleton.indices(table["joint"]))
    seat = np.asarray(table["seat"])
    columns = np.stack([np.asarray(table[c], dtype=float) for c in ("x", "y", "x3d", "y3d", "z3d")])
    out = {}
    for name in np.unique(seat):
        rows = seat == name
        values = np.full((frame.max() + 1, len(skeleton), 5), np.nan, dtype=np.float32)
        values[frame[rows], joint[rows]] = columns[:, rows].T
        visible = np.zeros(values.shape[:2], dtype=bool)
        visible[frame[rows], joint[rows]] = np.asarray(table["visible"])[rows]
        out[str(name)] = Truth(keypoints=values[..., :2], joints3d=values[..., 2:], visible=visible)
    return out
