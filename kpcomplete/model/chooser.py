"""Which of the places where a joint may be is believed."""

import torch
from torch import Tensor, nn

from kpcomplete.model.habit import HABITS

PLACES = 9  # beside the straight line, see `places_in_time`, and two of the memory
SCALARS = 17 + HABITS  # of each joint: distances, times, what is there
_CURVES = (5, 6)  # the best of the places to begin with
_WIDTH = 64


class Chooser(nn.Module):
    """A small network for all joints, which does not know where anything is.

    Args:
        joints: How many there are; each shifts the hidden units in its own way.
    """

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.when = nn.Linear(SCALARS, _WIDTH)
        self.whose = nn.Parameter(torch.zeros(joints, _WIDTH))
        self.choose = nn.Linear(_WIDTH, 1 + PLACES)
        nn.init.constant_(self.choose.bias, -1.0)
        nn.init.constant_(self.choose.bias[0], 0.5)  # a little more than half a pull
        for curve in _CURVES:
            nn.init.constant_(self.choose.bias[1 + curve], 3.0)

    def forward(self, scalars: Tensor) -> Tensor:
        """Return the pull and the places' weights ``[..., J, 1 + P]``, before sigmoid, softmax."""
        found: Tensor = self.choose(nn.functional.gelu(self.when(scalars) + self.whose))
        return found
