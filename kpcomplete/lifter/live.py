"""A lifter frame by frame: what the past amounts to is kept, and each frame lifted once."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from kpcomplete.compiled import compiled
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
        self._rows = Rows(kept=np.zeros((4, window)))
        self._now = 0

    def __call__(self, sight: Sight, people: Sequence[str], /) -> Lifted:
        """Return the next frame ``[P, 1, J]`` of some people; who is not named is forgotten."""
        self._rows.follow(people)
        place = self._now % self._window
        self._now += 1
        moment = Moment.of(*(
            np.ascontiguousarray(x.numpy()[:, 0])
            for x in (sight.rays, sight.given, sight.seen, sight.std)
        ))  # fmt: skip
        kept = self._rows["kept"]
        unit = np.exp(_averaged(kept, 0, place, np.log(moment.size), moment.known + 1e-6))
        mounting = np.ascontiguousarray(sight.mounting.numpy()[:, 0])
        outputs = self._network(moment.features(unit, mounting), people)
        every = np.ones(len(unit))
        stature = _averaged(kept, 2, place, outputs[:, -2].astype(np.float64), every)
        points, std = moment.pose(outputs, unit, stature)
        return Lifted(
            points=torch.from_numpy(points.astype(np.float32))[:, None],
            std=torch.from_numpy((std * self._calibration).astype(np.float32))[:, None],
        )


@compiled("f8[::1](f8[:, :, ::1], i8, i8, f8[::1], f8[::1])")
def _averaged(kept: Array, row: int, place: int, values: Array, weights: Array) -> Array:
    """Keep this frame's values and weights ``[P]``, and return their means over the window."""
    out = np.empty(len(kept))
    for person in range(len(kept)):
        kept[person, row, place] = values[person] * weights[person]
        kept[person, row + 1, place] = weights[person]
        total = count = 0.0
        for frame in range(kept.shape[2]):
            total += kept[person, row, frame]
            count += kept[person, row + 1, frame]
        out[person] = total / max(count, 1e-6)
    return out
