"""The 2D joints of one person over time."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from kpcomplete.errors import ShapeError
from kpcomplete.skeleton import Skeleton, convert, convert_confidence

Array = npt.NDArray[Any]


class Visibility(IntEnum):
    """What is known of a joint; the numbers agree with COCO's ``v``."""

    MISSING = 0
    COMPLETED = 1
    OBSERVED = 2


# as numbers, and of their type: numpy takes ten times as long for members
_MISSING, _OBSERVED = (np.uint8(v) for v in (Visibility.MISSING, Visibility.OBSERVED))
_NAN = np.float32(np.nan)


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseSequence:
    """The 2D joints of one person over T frames.

    Attributes:
        keypoints: ``[T, J, 2]`` float32 x, y in pixels, origin top left, y down; NaN where missing.
        confidence: ``[T, J]`` float32 in 0..1; 0 where missing. Of an observed joint it is the
            detector's and not comparable between detectors; of a completed joint it is the
            probability that the joint lies within 0.2 torso lengths of its true place.
        visibility: ``[T, J]`` uint8, values of `Visibility`.
        times: ``[T]`` float64, seconds since the start of the recording, rising.
        skeleton: Names and order of the J joints.
        fps: Nominal frames per second.
        image_size: Width, height in pixels.
        person: Seat or track identifier, e.g. ``"driver"``.
        covariance: ``[T, J, 2, 2]`` float32 in px², NaN where unknown; or None.

    Raises:
        ShapeError: If an array disagrees with ``keypoints`` or ``skeleton``.
        ValueError: If a joint is NaN without being MISSING, or the reverse.
    """

    keypoints: Array
    confidence: Array
    visibility: Array
    times: Array
    skeleton: Skeleton
    fps: float
    image_size: tuple[int, int]
    person: str
    covariance: Array | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        nan = np.isnan(self.keypoints).any(axis=-1)
        wrong = nan != (self.visibility == _MISSING)
        if wrong.any():
            frame, joint = np.argwhere(wrong)[0]
            raise ValueError(
                f"joint {self.skeleton.joints[joint]!r} of {self.person!r} in frame {frame} must "
                f"be NaN exactly when it is MISSING, but got {self.keypoints[frame, joint]} with "
                f"visibility {self.visibility[frame, joint]}"
            )

    def _check_shapes(self) -> None:
        time, joints = self.keypoints.shape[0], len(self.skeleton)
        wanted = {
            "keypoints": (time, joints, 2),
            "confidence": (time, joints),
            "visibility": (time, joints),
            "times": (time,),
            "covariance": (time, joints, 2, 2),
        }
        for name, shape in wanted.items():
            found = getattr(self, name)
            if found is not None and found.shape != shape:
                raise ShapeError(
                    f"{name} of {self.person!r} must have shape {shape} (time, joints of "
                    f"{self.skeleton.name!r}, ...), but got {found.shape}"
                )

    @classmethod
    def observed(
        cls,
        keypoints: Array,
        confidence: Array | None = None,
        *,
        skeleton: Skeleton,
        fps: float,
        image_size: tuple[int, int],
        person: str = "person",
        times: Array | None = None,
    ) -> "PoseSequence":
        """Return what a detector saw: NaN is missing, all else observed.

        Args:
            keypoints: ``[T, J, 2]`` pixels, NaN where missing.
            confidence: ``[T, J]``, or None for 1 where a joint is given.
            skeleton: Names and order of the J joints.
            fps: Nominal frames per second.
            image_size: Width, height in pixels.
            person: Seat or track identifier.
            times: ``[T]`` seconds, or None for evenly spaced frames from 0.
        """
        finite = np.isfinite(keypoints)
        seen = finite[..., 0] & finite[..., 1]
        if confidence is None:
            confidence = np.ones(seen.shape, dtype=np.float32)
        if times is None:
            times = np.arange(len(keypoints)) / fps
        made = object.__new__(cls)
        made.__dict__.update(
            keypoints=np.where(seen[..., None], keypoints, _NAN).astype(np.float32, copy=False),
            confidence=np.where(seen, confidence, np.float32(0)).astype(np.float32, copy=False),
            visibility=seen * _OBSERVED,
            times=np.asarray(times, dtype=np.float64),
            skeleton=skeleton,
            fps=fps,
            image_size=image_size,
            person=person,
            covariance=None,
        )
        made._check_shapes()  # the rest holds by how it was made
        return made

    def changed(self, **changes: Any) -> "PoseSequence":
        """Return the sequence with other arrays that fit; live there is no time to check them.

        Args:
            changes: Attributes; what is not named stays.
        """
        made = object.__new__(PoseSequence)
        made.__dict__.update(self.__dict__, **changes)
        return made

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, frames: slice) -> "PoseSequence":
        """Return a stretch of frames."""
        if frames == slice(None):
            return self
        return self.changed(
            keypoints=self.keypoints[frames],
            confidence=self.confidence[frames],
            visibility=self.visibility[frames],
            times=self.times[frames],
            covariance=None if self.covariance is None else self.covariance[frames],
        )

    @property
    def is_observed(self) -> Array:
        """``[T, J]`` bool: the detector saw the joint."""
        seen: Array = self.visibility == _OBSERVED
        return seen

    @property
    def is_missing(self) -> Array:
        """``[T, J]`` bool: nothing is known of the joint."""
        missing: Array = self.visibility == _MISSING
        return missing

    def hide(self, hidden: Array) -> "PoseSequence":
        """Return the same sequence with the joints of ``hidden`` ``[T, J]`` MISSING."""
        if not (hidden & (self.visibility != _MISSING)).any():
            return self
        covariance = self.covariance
        if covariance is not None:
            covariance = np.where(hidden[..., None, None], _NAN, covariance)
        return self.changed(
            keypoints=np.where(hidden[..., None], _NAN, self.keypoints),
            confidence=np.where(hidden, np.float32(0), self.confidence),
            visibility=np.where(hidden, _MISSING, self.visibility),
            covariance=covariance,
        )

    def to(self, skeleton: Skeleton) -> "PoseSequence":
        """Return the sequence in another skeleton, by joint name; what it lacks is MISSING."""
        if skeleton == self.skeleton:
            return self
        keypoints = convert(self.keypoints, self.skeleton, skeleton)
        state = convert_confidence(self.visibility, self.skeleton, skeleton)
        confidence = convert_confidence(self.confidence, self.skeleton, skeleton)
        covariance = None
        if self.covariance is not None:
            flat = self.covariance.reshape(*self.covariance.shape[:2], 4)
            covariance = convert(flat, self.skeleton, skeleton).reshape(*state.shape, 2, 2)
        return replace(
            self,
            keypoints=keypoints,
            confidence=np.where(state > 0, confidence, 0).astype(np.float32),
            visibility=state,
            covariance=covariance,
            skeleton=skeleton,
        )
