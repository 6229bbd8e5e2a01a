"""What the pipeline yields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from kpcomplete.frame import Frame
from kpcomplete.pose import PoseSequence


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """One occupant over the frames of a result.

    Attributes:
        observed: What the detector said, also of joints that it is unsure of.
        completed: What is believed: the joints that the detector is sure of, and the others
            filled in, as far as they could be.
        joints3d: ``[T, J, 3]`` metres in camera coordinates, NaN where unknown; or None.
        classes: Task name to class probabilities ``[T, C]``.
    """

    observed: PoseSequence
    completed: PoseSequence
    joints3d: npt.NDArray[Any] | None = None
    classes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Some frames in a row, and the people in them.

    Attributes:
        frames: The frames; without images unless the pipeline was told to keep them.
        people: Seat name to occupant. Every seat that the detector watches is there, also when
            nobody sits in it: then all its joints are MISSING.
    """

    frames: tuple[Frame, ...]
    people: Mapping[str, Person]
