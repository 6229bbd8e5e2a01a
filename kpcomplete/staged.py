"""Files of simulated drives as the detector saw them, with the truth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from kpcomplete import metric
from kpcomplete.camera import Camera
from kpcomplete.errors import SourceError
from kpcomplete.output import whole
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

Array = npt.NDArray[Any]

GOOD, INVENTED = 0.2, 0.3
"""Body units from the true place: a joint within the first was found, beyond the second it was not.

A body unit is about a shoulder width, 35 cm: 7 cm is what two people who label a joint through
clothes differ by, and 10 cm is beyond the limb or the hand that the joint belongs to. What lies
between is neither.
"""
_KEY = "kpcomplete"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One person of a simulated drive, canonical skeleton.

    Attributes:
        person: Name; the same person is in one scene only.
        seat: ``driver``, ``passenger``, ``rear_left`` or ``rear_right``.
        camera: Kind of camera, see `kpcomplete.cabin.cameras`.
        fps: Frames a second.
        image_size: Width, height in pixels.
        keypoints: ``[T, 33, 2]`` pixels as detected; NaN where nothing was.
        confidence: ``[T, 33]`` the detector's, 0..1.
        truth: ``[T, 33, 2]`` true pixels; may lie outside the image.
        visible: ``[T, 33]`` bool, nothing stands between the camera and the joint.
        cause: ``[T, 33]`` index into `kpcomplete.cabin.visibility.CAUSES`; None in old files, as
            are those below.
        solid: ``[T, 33, 3]`` metres, true joints in the camera's frame.
        world: ``[T, 33, 3]`` metres, the detector's own guess of the 3D pose; NaN likewise.
        posture: ``[T]`` index into `kpcomplete.cabin.postures.POSTURES`.
        occupant: Class of the person, one of `kpcomplete.cabin.anthropometry.OCCUPANTS`.
        eye: The camera, as `kpcomplete.camera.Camera.as_dict`.
    """

    person: str
    seat: str
    camera: str
    fps: float
    image_size: tuple[int, int]
    keypoints: Array
    confidence: Array
    truth: Array
    visible: Array
    cause: Array | None = None
    solid: Array | None = None
    world: Array | None = None
    posture: Array | None = None
    occupant: str | None = None
    eye: Mapping[str, Any] | None = None

    def poses(self) -> PoseSequence:
        """Return what was detected."""
        return PoseSequence.observed(
            self.keypoints,
            self.confidence,
            skeleton=Skeleton.load(CANONICAL),
            fps=self.fps,
            image_size=self.image_size,
            person=self.person,
        )

    def camera_in_car(self) -> Camera:
        """Return the camera, and where in the car it is, if that is known."""
        return Camera.from_dict(self.eye or {}).as_in_car()

    def errors(self) -> Array:
        """Return how far joints are from their true places, ``[T, 33]`` body units of the truth."""
        unit = metric.body_unit(self.truth, Skeleton.load(CANONICAL))
        return metric.distance(self.keypoints, self.truth) / unit


_ARRAYS = ("keypoints", "confidence", "truth", "visible")
_LATER = ("cause", "solid", "world", "posture")  # files of older versions have not got these
_FACTS = ("person", "seat", "camera", "fps", "image_size", "occupant", "eye")


def write(path: str | Path, scenes: Sequence[Scene]) -> None:
    """Write scenes whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    tensors = {
        f"{i}.{name}": np.ascontiguousarray(getattr(scene, name))
        for i, scene in enumerate(scenes)
        for name in (*_ARRAYS, *_LATER)
        if getattr(scene, name) is not None
    }
    facts = [{name: getattr(scene, name) for name in _FACTS} for scene in scenes]
    with whole(path) as temporary:
        Path(temporary).write_bytes(to_bytes(tensors, metadata={_KEY: json.dumps(facts)}))


def read(path: str | Path) -> tuple[Scene, ...]:
    """Read scenes.

    Raises:
        SourceError: If the file was not written by ``kpcomplete stage``.
    """
    try:
        with safe_open(Path(path), framework="np") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            stored = set(file.keys())
            return tuple(
                Scene(
                    **fact | {"image_size": tuple(fact["image_size"])},
                    **{name: file.get_tensor(f"{i}.{name}") for name in _ARRAYS},
                    **{n: file.get_tensor(f"{i}.{n}") for n in _LATER if f"{i}.{n}" in stored},
                )
                for i, fact in enumerate(facts)
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path} should be a file of `kpcomplete stage`, but is not: {error!r}"
        ) from error
