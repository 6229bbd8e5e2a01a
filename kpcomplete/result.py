"""What the pipeline yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from kpcomplete.camera import Camera
from kpcomplete.frame import Frame
from kpcomplete.pose import PoseSequence


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """One occupant over the frames of a result.

    Attributes:
        observed: What the detector said, also of joints that it is unsure of.
        completed: What is believed: the joints that the detector is sure of, and the others
            filled in, as far as they could be.
        joints3d: ``[T, J, 3]`` metres in camera coordinates (x right, y down, z ahead), NaN where
            unknown; or None.
        std3d: ``[T, J]`` metres, of each joint's place relative to the middle of the shoulders, in
            each direction; NaN where unknown; or None.
        classes: Task name to class probabilities ``[T, C]``.
        decisions: Task name to numbers of classes ``[T]`` that do not flicker; without tasks where
            nothing is decided.
        carried: ``[T, J]`` by how much the log odds of a decision fall without its part, see
            `kpcomplete.head.explanation`; NaN where it is not explained; or None.
    """

    observed: PoseSequence
    completed: PoseSequence
    joints3d: npt.NDArray[Any] | None = None
    std3d: npt.NDArray[Any] | None = None
    classes: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    decisions: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    carried: npt.NDArray[Any] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Some frames in a row, and the people in them.

    Attributes:
        frames: The frames; without images unless the pipeline was told to keep them.
        people: Seat name to occupant. Every seat that the detector watches is there, also when
            nobody sits in it: then all its joints are MISSING.
        camera: In whose frame the 3D joints are, and whether it was only assumed; None without 3D.
        tasks: Task name to names of its classes, in the order of `Person.classes`.
        decided_after: Seconds by which decisions are later than a sudden, certain change; None
            where nothing is decided.
        explained: Task whose decisions `Person.carried` explains; None: there is none.
    """

    frames: tuple[Frame, ...]
    people: Mapping[str, Person]
    camera: Camera | None = None
    tasks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    decided_after: float | None = None
    explained: str | None = None
