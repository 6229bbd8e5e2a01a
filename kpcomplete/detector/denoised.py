"""A second chance for people in dark and noisy pictures."""

import cv2
import numpy as np

from kpcomplete.detector.tracker import Array, Tracker
from kpcomplete.frame import Detection

_DARK, _BRIGHT = 1, 99  # percentiles that become black and white
_LEAST = 16.0  # grey levels between them, or noise is all that there is to be seen


class Denoised:
    """Looks again where a tracker finds nobody, at a smoother picture with more contrast.

    Whoever is found so is followed in such pictures until he is lost.

    Args:
        tracker: Looks at both.
        follows: It follows people from one picture to the next; else all pictures begin as they
            are.
    """

    def __init__(self, tracker: Tracker, *, follows: bool) -> None:
        self._tracker, self._follows = tracker, follows
        self._smooth = False

    def look(self, image: Array, time: float) -> list[Detection]:
        """Return everybody found in the picture, or else in the smoother one."""
        smooth = self._smooth
        found = self._tracker.look(denoised(image) if smooth else image, time)
        if not found:
            smooth = not smooth
            found = self._tracker.look(denoised(image) if smooth else image, time)
        self._smooth = smooth and bool(found) and self._follows
        return found

    def reset(self) -> None:
        """Forget who was followed."""
        self._tracker.reset()
        self._smooth = False


def denoised(image: Array) -> Array:
    """Return a picture ``[H, W, 3]`` uint8 without single odd pixels, from black to white."""
    smooth = cv2.medianBlur(np.ascontiguousarray(image), 3)
    dark, bright = np.percentile(smooth[::2, ::2, 1], [_DARK, _BRIGHT])
    level = (np.arange(256) - dark) * (255 / max(bright - dark, _LEAST))
    found: Array = cv2.LUT(smooth, np.clip(level, 0, 255).astype(np.uint8))
    return found
