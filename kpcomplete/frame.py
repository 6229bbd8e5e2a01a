"""One moment of a recording, before poses become sequences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Detection:
    """One person in one frame, in the canonical skeleton.

    Attributes:
        keypoints: ``[33, 2]`` float32 x, y in pixels of the whole image; NaN where missing.
        confidence: ``[33]`` float32 in 0..1; 0 where missing.
        world: ``[33, 3]`` float32 metres, as the detector itself guesses the 3D pose; or None.
    """

    keypoints: Array
    confidence: Array
    world: Array | None = None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the joints that are given, in pixels; NaN if none is."""
        seen = self.keypoints[np.isfinite(self.keypoints).all(axis=-1)]
        if not len(seen):
            return (np.nan,) * 4
        (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One moment.

    Attributes:
        index: Number of the frame in its source, from 0.
        time: Seconds since the start of the recording, from the container where there is one.
        image: ``[H, W, 3]`` uint8 BGR, or None when it was dropped or there never was one.
        people: Seat or track name to what was detected there. A seat that was looked at and
            found empty is absent.
        truth: The same for the true joints, where they are known (hidden on purpose, simulated).
        captured: `time.monotonic` when a camera gave it; None in recordings.
    """

    index: int
    time: float
    image: Array | None = None
    people: Mapping[str, Detection] = field(default_factory=dict)
    truth: Mapping[str, Detection] | None = None
    captured: float | None = None


@dataclass(frozen=True, kw_only=True)
class StreamInfo:
    """What is known of a recording before its first frame.

    Attributes:
        name: Path or address, for messages and provenance.
        fps: Nominal frames per second.
        image_size: Width, height in pixels, after rotation.
        length: Number of frames if the container says so; it may be wrong.
    """

    name: str
    fps: float
    image_size: tuple[int, int]
    length: int | None = None
