"""The frames that the next windows of people need."""

import numpy as np

from kpcomplete.pose import Array, PoseSequence


class Past:
    """Keeps of each seat the last frames, in image widths.

    Args:
        length: Frames of a window.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._before: dict[str, Array] = {}

    def __call__(self, seat: str, poses: PoseSequence) -> Array:
        """Return the next frames after those before, ``[length - 1 + T, J, 2]``.

        Frame t of the sequence ends the window that starts at t; before the first frame ever, all
        is NaN.
        """
        empty = np.full((self._length - 1, *poses.keypoints.shape[1:]), np.nan, np.float32)
        frames: Array = np.concatenate(
            [self._before.get(seat, empty), poses.keypoints / np.float32(poses.image_size[0])]
        )
        self._before[seat] = frames[len(frames) - self._length + 1 :]
        return frames
