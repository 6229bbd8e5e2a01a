"""Drivers in a real car: the 2D keypoints of sktDD (github.com/jingyulei/rapid, MIT)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.skeleton import CANONICAL, Skeleton, convert

VIEWS = ("mirror", "side", "dashboard")  # PersonID of the files: from where the driver is seen
PARTS = ("training", "testing")
FPS = 30.0  # not stated by its authors; about that
_COLUMNS = 2 + 25 * 2


@dataclass(frozen=True, kw_only=True)
class SktDD:
    """Keypoints that OpenPose found on drivers, from three cameras.

    What OpenPose did not find (0, 0) is NaN: real, natural, lasting occlusion. Frames that a file
    leaves out are NaN as a whole, so that time stays evenly spaced. Frames of the training part
    are labelled 0 (normal driving), those of the testing part 0 or 1 (distracted).

    Args:
        root: Folder that holds ``original_sktDD/``.
        parts: ``"training"`` (short clips of normal driving) and/or ``"testing"`` (one recording
            a driver and view, normal and distracted driving mixed).
        views: Which of ``"mirror"``, ``"side"`` and ``"dashboard"``.

    Raises:
        SettingError: If a part or a view is unknown.
    """

    root: str
    parts: tuple[str, ...] | list[str] = PARTS
    views: tuple[str, ...] | list[str] = VIEWS

    def __post_init__(self) -> None:
        for name, given, known in (("part", self.parts, PARTS), ("view", self.views, VIEWS)):
            unknown = sorted(set(given) - set(known))
            if unknown:
                raise SettingError(f"sktDD has no {name} {unknown[0]!r}; it has {known}")

    def load(self) -> PoseSet:
        """Return the clips of people ``"sktdd_001"`` to ``"sktdd_007"``.

        Raises:
            SourceError: If the folder or a file is not as it was published.
        """
        found = [clip for part in PARTS if part in self.parts for clip in self._part(part)]
        kept = [clip for clip in found if clip[2] in self.views]
        return PoseSet.from_clips(
            [clip[0] for clip in kept],
            labels=[clip[3] for clip in kept],
            people=[clip[1] for clip in kept],
            views=[clip[2] for clip in kept],
            cameras=[f"{clip[1]} {clip[2]}" for clip in kept],
            fps=FPS,
        )

    def _part(self, part: str) -> list[tuple[torch.Tensor, str, str, torch.Tensor]]:
        folder = Path(self.root) / "original_sktDD" / part / "trajectories"
        files = sorted(folder.glob("*/*.csv"))
        if not files:
            raise SourceError(
                f"{folder} should hold sktDD's DDD-CC/00001.csv, but has no such file"
            )
        return [self._clip(file, part) for file in files]

    def _clip(self, file: Path, part: str) -> tuple[torch.Tensor, str, str, torch.Tensor]:
        frames, view, points = _read(file)
        places = frames - frames[0]
        poses = np.full((places[-1] + 1, 33, 2), np.nan, dtype=np.float32)
        poses[places] = convert(points, Skeleton.load("body25"), Skeleton.load(CANONICAL))
        labels = np.zeros(len(poses), dtype=np.int64)
        driver, number = file.parent.name.split("-")
        if part == "testing":
            labels[:] = _labels(file.parents[2] / "test_frame_mask" / f"{driver}_{number}.npy",
                                frames)  # fmt: skip
        return torch.from_numpy(poses), f"sktdd_{driver}", VIEWS[view], torch.from_numpy(labels)


def _read(file: Path) -> tuple[npt.NDArray[np.int64], int, npt.NDArray[np.float32]]:
    """Return the frame numbers, the view, and ``[T, 25, 2]`` pixels, NaN where not found."""
    head, _, body = file.read_text(encoding="ascii").partition("\n")
    lines = body.count("\n") + (not body.endswith("\n"))
    table: npt.NDArray[Any] = np.fromstring(body.replace("\n", ","), sep=",")  # the fastest way
    if not head.startswith("FrameNumber,PersonID,x0,y0") or table.size != lines * _COLUMNS:
        raise SourceError(
            f"{file} should have {_COLUMNS} columns from FrameNumber, PersonID, x0, y0, but holds "
            f"{table.size} numbers in {lines} rows under {head[:40]!r}"
        )
    table = table.reshape(-1, _COLUMNS)
    frames, first = np.unique(table[:, 0].astype(np.int64), return_index=True)  # drops repeats
    views = np.unique(table[:, 1].astype(np.int64))
    if len(views) != 1 or views[0] not in range(len(VIEWS)):
        raise SourceError(f"{file} should show one view of 0, 1, 2, but shows {views.tolist()}")
    points = table[first, 2:].reshape(-1, 25, 2).astype(np.float32)
    points[(points == 0).all(axis=-1)] = np.nan
    return frames, int(views[0]), points


def _labels(file: Path, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if not file.is_file():
        raise SourceError(f"{file} should say which frames are distracted, but there is no file")
    mask: npt.NDArray[np.int64] = np.load(file, allow_pickle=False).astype(np.int64)
    length = frames[-1] - frames[0] + 1
    if mask.shape != (length,):
        raise SourceError(f"{file} should label {length} frames, but has shape {mask.shape}")
    return mask
