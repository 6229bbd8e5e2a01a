"""A lifter frame by frame: what the past amounts to is kept, and each frame lifted once."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from kpcomplete.lifter import Lifted
from kpcomplete.lifter.moment import Moment
from kpcomplete.lifter.sight import Sight
from kpcomplete.pose import Array
from kpcomplete.rows import Rows


@runtime_checkable
class Network(Protocol):
    """Turns features of the next frame of some people into outputs, see `placing`."""

    def __call__(self, features: Array, people: Sequence[str], /) -> Array: ...


class Live:
    """Lifts people as a lifter does when causal, for the work of one frame.

    Equals the lifter on the window of all frames so far, as long as these are no more than
    ``window``. After that older frames no longer count in how large a person is, as they would not
    in a window; what the network keeps of them stays.

    Args:
        network: Gets one frame at a time.
        window: Frames over which sizes are averaged.
        calibration: Factor on deviations.
    """

    def __init__(self, network: Network, *, window: int, calibration: float = 1.0) -> None:
        self._network, self._calibration, self._window = network, calibration, window
        # of the window's frames: log size and its weight, log stature and 1 where there was a frame
        self._rows, self._ones = Rows(kept=np.zeros((4, window))), np.ones(window)
        self._now = 0

    def __call__(self, sight: Sight, people: Sequence[str], /) -> Lifted:
        """Return the next frame ``[P, 1, J]`` of some people; who is not named is forgotten."""
        self._rows.follow(people)
        place = self._now % self._window
        self._now += 1
        moment = Moment.of(
            sight.rays.numpy()[:, 0], sight.given.numpy()[:, 0], sight.seen.numpy()[:, 0],
            sight.std.numpy()[:, 0],
        )  # fmt: skip
        kept = self._rows["kept"]
        weight = moment.known + 1e-6
        kept[:, 0, place], kept[:, 1, place] = np.log(moment.size) * weight, weight
        total, count = (kept[:, :2] @ self._ones).T
        unit = np.exp(total / np.maximum(count, 1e-6))
        outputs = self._network(moment.features(unit), people)
        kept[:, 2, place], kept[:, 3, place] = outputs[:, -2], 1.0
        total, count = (kept[:, 2:] @ self._ones).T
        points, std = moment.pose(outputs, unit, total / count)
        return Lifted(
            points=torch.from_numpy(points.astype(np.float32))[:, None],
            std=torch.from_numpy((std * self._calibration).astype(np.float32))[:, None],
        )
