"""Plot where joints are over time."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.output import whole
from kpcomplete.pose import Array, PoseSequence, Visibility
from kpcomplete.result import Result
from kpcomplete.sink._curves import Track, figure
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source import Source

JOINTS = ("nose", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
          "left_wrist", "right_wrist")  # fmt: skip


@dataclass(kw_only=True)
class Plot:
    """Writes one picture of x and y of some joints over time, for each seat.

    What was seen is a line; what was completed a line of another colour, in a band of two
    standard deviations; what is missing a gap. Memory grows by 20 bytes a joint and frame.

    Args:
        path: The PNG file to write.
        source: The recording; its name becomes the title.
        provenance: How it was made; goes into the file's comment.
        joints: Names of the joints to show.
        max_seats: People beyond it are left out, and the picture says so.

    Raises:
        OutputError: If the file cannot be written.
        SettingError: If no joint is asked for.
        SkeletonError: If a joint is unknown.
    """

    path: str | os.PathLike[str]
    source: Source | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    joints: Sequence[str] = JOINTS
    max_seats: int = 8

    def __post_init__(self) -> None:
        if not self.joints:
            raise SettingError(f"the plot {self.path} must show joints, but got none")

    def __enter__(self) -> "Plot":
        self._parts: dict[str, list[tuple[int, Array]]] = {}
        self._times: list[Array] = []
        self._length = 0
        Skeleton.load(CANONICAL).indices(self.joints)
        return self

    def write(self, result: Result, /) -> None:
        """Note where the joints are in some frames."""
        for seat, person in result.people.items():
            part = self._part(person.completed)
            self._parts.setdefault(seat, []).append((self._length, part))
        self._times.append(np.array([frame.time for frame in result.frames]))
        self._length += len(result.frames)

    def _part(self, poses: PoseSequence) -> Array:
        """Return ``[T, joints, 5]``: x, y, their standard deviations, and the state."""
        places = poses.skeleton.indices(self.joints)
        out = np.full((len(poses), len(places), 5), np.nan, dtype=np.float32)
        out[..., :2] = poses.keypoints[:, places]
        if poses.covariance is not None:
            variance = np.diagonal(poses.covariance[:, places], axis1=-2, axis2=-1)
            out[..., 2:4] = np.sqrt(np.maximum(variance, 0))
        out[..., 4] = poses.visibility[:, places]
        return out

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if kind is None:
            name = self.source.info.name if self.source is not None else ""
            drawing = figure(self._tracks(), name=name, left_out=self._left_out())
            with whole(self.path) as target:
                comment = json.dumps(self.provenance, default=str)
                drawing.savefig(target, format="png", metadata={"Comment": comment})

    def _left_out(self) -> int:
        return max(0, len(self._parts) - self.max_seats)

    def _tracks(self) -> list[Track]:
        times = np.concatenate(self._times) if self._times else np.zeros(0)
        tracks = []
        for seat, parts in list(self._parts.items())[: self.max_seats]:
            values = np.full((self._length, len(self.joints), 5), np.nan, dtype=np.float32)
            values[..., 4] = Visibility.MISSING
            for start, part in parts:
                values[start : start + len(part)] = part
            present = (values[..., 4] > 0).any()
            tracks += [
                Track(seat=seat, joint=joint, times=times, values=values[:, i])
                for i, joint in enumerate(self.joints if present else ["empty"])
            ]
        return tracks
