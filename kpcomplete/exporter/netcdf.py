"""The netCDF files of the movement toolbox."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kpcomplete.errors import MissingDependencyError
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.recording import Recording
from kpcomplete.skeleton import Skeleton


@dataclass(kw_only=True)
class Netcdf:
    """Writes a poses dataset that ``movement`` opens (neuroinformatics-unit/movement).

    ``position`` has the dimensions time, space, keypoint, individual, in pixels or metres, NaN
    where missing; ``confidence`` the same without space; ``state`` is 0 missing, 1 completed, 2
    observed. Time is in seconds. Individuals are the seats.

    Args:
        skeleton: Name of the skeleton to write; None keeps the recording's.
        completed: Include what was filled in.
        solid: Positions in 3D, metres in the camera's frame; they have no 2D ones beside them.
        plural: Call the dimensions keypoints and individuals, as movement before 0.17 did.
    """

    skeleton: str | None = None
    completed: bool = True
    solid: bool = False
    plural: bool = False
    ending: ClassVar[str] = ".nc"

    def __call__(self, recording: Recording, path: str | os.PathLike[str], /) -> tuple[Path, ...]:
        try:
            import netCDF4  # noqa: F401  what xarray writes with
            import xarray
        except ImportError as error:
            raise MissingDependencyError(
                "netCDF files need xarray and netCDF4: pip install 'kpcomplete[netcdf]'"
            ) from error
        if self.skeleton is not None:
            recording = recording.to(Skeleton.load(self.skeleton))
        joint, person = self._names()
        dataset = xarray.Dataset(
            data_vars=self._variables(recording),
            coords={
                "time": recording.times,
                "space": ["x", "y", "z"] if self.solid else ["x", "y"],
                joint: list(recording.skeleton.joints),
                person: np.array(list(recording.raw), dtype=str),
            },
            attrs=_attributes(recording),
        )
        with whole(path) as target:
            packed = {name: {"zlib": True} for name in dataset.data_vars}
            dataset.to_netcdf(target, engine="netcdf4", encoding=packed)
        return (Path(path),)

    def _names(self) -> tuple[str, str]:
        return ("keypoints", "individuals") if self.plural else ("keypoint", "individual")

    def _variables(self, recording: Recording) -> dict[str, Any]:
        named = recording.poses(completed=self.completed)
        people = list(named.values())
        places = [poses.keypoints for poses in people]
        if self.solid:
            places = [_points(recording, seat) for seat in named]
        shape = (len(recording), len(recording.skeleton), len(people))
        size = 3 if self.solid else 2
        position = np.full((shape[0], size, *shape[1:]), np.nan, dtype=np.float32)
        confidence, state = np.full(shape, np.nan, np.float32), np.zeros(shape, np.int8)
        for i, poses in enumerate(people):
            position[..., i] = places[i].transpose(0, 2, 1)
            confidence[..., i] = np.where(poses.is_missing, np.nan, poses.confidence)
            state[..., i] = poses.visibility
        flat = ("time", *self._names())
        return {
            "position": (("time", "space", *self._names()), position),
            "confidence": (flat, confidence),
            "state": (flat, state),
        }


def _points(recording: Recording, seat: str) -> Array:
    """Return ``[T, J, 3]`` metres, NaN where nobody was lifted."""
    lost = np.full((len(recording), len(recording.skeleton), 3), np.nan, dtype=np.float32)
    return recording.joints3d.get(seat, lost)


def _attributes(recording: Recording) -> dict[str, Any]:
    return {
        "ds_type": "poses",
        "fps": recording.fps,
        "time_unit": "seconds",
        "camera": json.dumps(recording.camera),
        "source_software": "kpcomplete",
        "source_file": recording.name,
        "log": json.dumps([recording.provenance], default=str),
    }
