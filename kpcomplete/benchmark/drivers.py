"""Recordings of drivers, by person and view."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from kpcomplete.data import PoseSet
from kpcomplete.data.sktdd import VIEWS
from kpcomplete.errors import SettingError


@dataclass(frozen=True, kw_only=True, eq=False)
class Drives:
    """Normal clips, and recordings in which normal and distracted driving are mixed.

    Args:
        normal: The clips.
        mixed: The recordings, one of each driver and view; labelled.
        quick: Only the first three drivers, seen from the first two cameras.
    """

    normal: PoseSet
    mixed: PoseSet
    quick: bool = False

    @property
    def people(self) -> list[str]:
        """Drivers who are in both."""
        return sorted(set(self.normal.people) & set(self.mixed.people))[: 3 if self.quick else None]

    @property
    def views(self) -> list[str]:
        """From where they are seen."""
        return [v for v in VIEWS if v in self.mixed.views][: 2 if self.quick else None]

    def chosen(self, drivers: Sequence[int] | None) -> list[str]:
        """Return the names of drivers given by number; None: all.

        Raises:
            SettingError: If somebody is not there.
        """
        names = self.people if drivers is None else [f"sktdd_{d:03d}" for d in drivers]
        if not names or not set(names) <= set(self.people):
            raise SettingError(f"test_drivers must be some of {self.people}, but are {names}")
        return names

    def normal_of(self, person: str, view: str) -> list[Tensor]:
        """Return clips ``[T, 33, 2]`` of normal driving."""
        return [clip for clip, _ in _clips(self.normal, person, view)]

    def mixed_of(self, person: str, view: str) -> tuple[Tensor, Tensor]:
        """Return the recording ``[T, 33, 2]`` and its labels ``[T]``."""
        (found,) = _clips(self.mixed, person, view)
        return found


def _clips(poses: PoseSet, person: str, view: str) -> list[tuple[Tensor, Tensor]]:
    return [
        (poses.keypoints[first : first + size], poses.labels[first : first + size])
        for (first, size), who, where in zip(
            poses.clips.tolist(), poses.people, poses.views, strict=True
        )
        if (who, where) == (person, view)
    ]
