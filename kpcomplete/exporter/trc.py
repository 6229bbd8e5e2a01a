"""Marker trajectories for OpenSim."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.exporter._naming import distinct, printable
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.recording import Recording
from kpcomplete.skeleton import Skeleton


@dataclass(kw_only=True)
class Trc:
    """Writes a TRC file for each person: ``path`` for one, ``<stem>_<seat>.trc`` for several.

    With 3D joints the unit is m and the axes are turned from the camera's to a ground with y up:
    x right, y up, z towards the camera. Without, x and y are the image's pixels, y down, and z
    is 0, unit px, as Sports2D writes them. What is missing is blank. Characters of a seat that no
    file's name should have become ``_``; seats that are the same then are numbered.

    Args:
        skeleton: Name of the skeleton to write; None keeps the recording's.
        completed: Include what was filled in. What the detector saw has no 3D joints.
        seat: The only person to write; None for all.

    Raises:
        SettingError: If nobody is at ``seat``.
    """

    skeleton: str | None = None
    completed: bool = True
    seat: str | None = None
    ending: ClassVar[str] = ".trc"

    def __call__(self, recording: Recording, path: str | os.PathLike[str], /) -> tuple[Path, ...]:
        if self.skeleton is not None:
            recording = recording.to(Skeleton.load(self.skeleton))
        if self.seat is not None and self.seat not in recording.raw:
            raise SettingError(
                f"{recording.name} has no seat {self.seat!r}; it has "
                f"{', '.join(recording.raw) or 'none'}"
            )
        seats = list(recording.raw) if self.seat is None else [self.seat]
        paths = _paths(Path(path), seats)
        with ExitStack() as stack:  # all files, or none
            for seat, file in paths.items():
                points, unit = self._points(recording, seat)
                target = stack.enter_context(whole(file))
                with target.open("w", encoding="utf-8") as stream:
                    stream.write(_header(recording, file.name, unit))
                    for i, line in enumerate(_lines(points)):
                        stream.write(f"{i + 1}\t{recording.times[i]:.6f}\t{line}\n")
        return tuple(paths.values())

    def _points(self, recording: Recording, seat: str | None) -> tuple[Array, str]:
        """Return ``[T, J, 3]`` and its unit."""
        if seat is None:
            return np.full((len(recording), len(recording.skeleton), 3), np.nan), "px"
        if self.completed and seat in recording.joints3d:
            return recording.joints3d[seat] * np.array([1, -1, -1]), "m"
        flat = recording.poses(completed=self.completed)[seat].keypoints
        depth = np.where(np.isnan(flat[..., :1]), np.nan, 0)
        return np.concatenate([flat, depth], axis=-1), "px"


def _paths(path: Path, seats: list[str]) -> dict[str | None, Path]:
    if len(seats) < 2:
        return {seats[0] if seats else None: path}
    return {seat: path.with_name(f"{path.stem}_{n}.trc") for seat, n in distinct(seats).items()}


def _header(recording: Recording, name: str, unit: str) -> str:
    joints = [printable(joint) for joint in recording.skeleton.joints]
    rate, count = f"{recording.fps:g}", len(recording)
    labels = "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(joints) + 1))
    values = [rate, rate, count, len(joints), unit, rate, 1, count]
    return (
        f"PathFileType\t4\t(X/Y/Z)\t{name}\n"
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\t"
        "OrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
        + "\t".join(map(str, values))
        + "\nFrame#\tTime\t"
        + "\t\t\t".join(joints)
        + f"\t\t\n\t\t{labels}\n\n"
    )


def _lines(points: Array) -> Iterator[str]:
    """Yield the numbers of each frame, blank for NaN."""
    form = "\t".join(["%.6f"] * (points.shape[1] * 3))
    for row in points.reshape(len(points), 3 * points.shape[1]).tolist():
        yield (form % tuple(row)).replace("nan", "")
