"""What is hidden on purpose while somebody watches: limbs, and boxes in the image."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from kpcomplete.frame import Array, Detection, Frame
from kpcomplete.skeleton import CANONICAL, Skeleton

_ARM = ("elbow", "wrist", "pinky", "index", "thumb")
_LEG = ("hip", "knee", "ankle", "heel", "foot_index")
LIMBS: Mapping[str, tuple[str, ...]] = {
    "left arm": tuple(f"left_{joint}" for joint in _ARM),
    "right arm": tuple(f"right_{joint}" for joint in _ARM),
    "both arms": tuple(f"{side}_{joint}" for side in ("left", "right") for joint in _ARM),
    "legs": tuple(f"{side}_{joint}" for side in ("left", "right") for joint in _LEG),
    "head": ("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner",
             "right_eye", "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right"),
}  # fmt: skip
"""Name of a limb to the joints that go with it."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """What is hidden at one moment.

    Attributes:
        limb: One of `LIMBS`, of everybody; None: none.
        boxes: Left, top, right, bottom in pixels of the image.
    """

    limb: str | None = None
    boxes: tuple[Box, ...] = ()

    def __bool__(self) -> bool:
        return self.limb is not None or bool(self.boxes)

    def of(self, keypoints: Array) -> Array:
        """Return which joints ``[33]`` of a person at ``[33, 2]`` pixels are hidden."""
        hidden = np.zeros(len(keypoints), dtype=bool)
        if self.limb is not None:
            hidden[Skeleton.load(CANONICAL).indices(LIMBS[self.limb])] = True
        for left, top, right, bottom in self.boxes:
            x, y = keypoints[:, 0], keypoints[:, 1]
            hidden |= (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        return hidden


class Veil:
    """Hides joints from those who complete them; may be changed while frames pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hidden = Hidden()

    @property
    def hidden(self) -> Hidden:
        """What is hidden now."""
        return self._hidden

    def next_limb(self) -> str | None:
        """Hide the next limb instead of the last one; after all of them none."""
        with self._lock:
            names = (None, *LIMBS)
            limb = names[(names.index(self._hidden.limb) + 1) % len(names)]
            self._hidden = replace(self._hidden, limb=limb)
            return limb

    def add(self, box: Box) -> None:
        """Hide what lies in a box, in pixels of the image, given by any two of its corners."""
        across, down = sorted((box[0], box[2])), sorted((box[1], box[3]))
        with self._lock:
            corners = (across[0], down[0], across[1], down[1])
            self._hidden = replace(self._hidden, boxes=(*self._hidden.boxes, corners))

    def clear(self) -> None:
        """Hide nothing."""
        with self._lock:
            self._hidden = Hidden()

    def cover(self, frame: Frame) -> Frame:
        """Return a frame without what is hidden, which then stands in its ``truth``.

        Somebody of whom nothing is left is absent.
        """
        hidden = self._hidden
        if not hidden or not frame.people:
            return frame
        left = {seat: _without(person, hidden) for seat, person in frame.people.items()}
        return replace(
            frame,
            people={s: p for s, p in left.items() if np.isfinite(p.keypoints).any()},
            truth=frame.people if frame.truth is None else frame.truth,
        )


def _without(person: Detection, hidden: Hidden) -> Detection:
    gone = hidden.of(person.keypoints)
    return Detection(
        keypoints=np.where(gone[:, None], np.float32(np.nan), person.keypoints),
        confidence=np.where(gone, np.float32(0), person.confidence),
    )
