"""Comma-separated values, the columns of the archive."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.csv as pc

from kpcomplete.archive import SCHEMA, rows
from kpcomplete.output import whole
from kpcomplete.recording import Recording
from kpcomplete.skeleton import Skeleton

BLOCK = 3000  # frames that are turned into text at once
_PLAIN = pa.schema(
    [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
     for f in SCHEMA]
)  # fmt: skip


@dataclass(kw_only=True)
class Csv:
    """Writes one row for each frame, seat and joint; what is missing is blank.

    Args:
        skeleton: Name of the skeleton to write; None keeps the recording's.
        completed: Include what was filled in; else x and y are what the detector saw.
    """

    skeleton: str | None = None
    completed: bool = True
    ending: ClassVar[str] = ".csv"

    def __call__(self, recording: Recording, path: str | os.PathLike[str], /) -> tuple[Path, ...]:
        if self.skeleton is not None:
            recording = recording.to(Skeleton.load(self.skeleton))
        poses = recording.poses(completed=self.completed)
        joints3d = recording.joints3d if self.completed else {}
        std3d = recording.std3d if self.completed else {}
        carried = recording.carried
        with whole(path) as target, pc.CSVWriter(target, _PLAIN) as writer:
            for start in range(0, len(recording), BLOCK):
                part = slice(start, start + BLOCK)
                table = rows(
                    recording.frames[part],
                    recording.times[part],
                    {seat: seen[part] for seat, seen in recording.raw.items()},
                    {seat: sequence[part] for seat, sequence in poses.items()},
                    {seat: points[part] for seat, points in joints3d.items()},
                    {seat: std[part] for seat, std in std3d.items()},
                    {seat: joints[part] for seat, joints in carried.items()},
                )
                writer.write_table(table.cast(_PLAIN))
        return (Path(path),)
