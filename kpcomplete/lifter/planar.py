"""A body as a cut-out: all joints in one plane that faces the camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kpcomplete.errors import SettingError
from kpcomplete.lifter import Lifted, Stream
from kpcomplete.lifter.live import Live
from kpcomplete.lifter.placing import METRES, OUTPUTS, place, pose
from kpcomplete.lifter.sight import Sight
from kpcomplete.pose import Array


@dataclass(kw_only=True)
class Planar:
    """Needs no training, and knows nothing: the size of the person is that of a usual grown-up.

    Joints that are not given stay unknown.

    Args:
        metres: Of a body unit, about from shoulder to shoulder.
        std: Metres, how far joints usually are from such a plane, in each direction.
        causal: Whether the person's size may be known from later frames.

    Raises:
        SettingError: If a length is not positive.
    """

    metres: float = METRES
    std: float = 0.15
    causal: bool = False

    def __post_init__(self) -> None:
        if self.metres <= 0 or self.std <= 0:
            raise SettingError(
                f"metres and std must be positive, but got {self.metres} and {self.std}"
            )

    @torch.inference_mode()
    def __call__(self, sight: Sight, /) -> Lifted:
        """Return what is given, at the distance at which it has the right size."""
        placing = place(sight, causal=self.causal)
        outputs = torch.from_numpy(self._outputs).to(sight.rays).expand(*sight.given.shape[:2], -1)
        points, _ = pose(outputs, sight, placing, causal=self.causal)
        return self._known(points, sight)

    def stream(self, window: int) -> Stream | None:
        """Return the same frame by frame; None if not causal."""
        return _Planes(self, window) if self.causal else None

    def _known(self, points: Tensor, sight: Sight) -> Lifted:
        unknown = ~sight.given
        return Lifted(
            points=points.masked_fill(unknown[..., None], torch.nan),
            std=torch.full_like(sight.std, self.std).masked_fill(unknown, torch.nan),
        )

    @property
    def _outputs(self) -> Array:
        """What a network would say that knows nothing."""
        outputs = np.zeros(OUTPUTS, np.float32)
        joints = (OUTPUTS - 2) // 5
        outputs[4 * joints : -2] = -10.0  # every joint is on its ray
        outputs[-2] = np.log(self.metres / METRES)
        return outputs


class _Planes:
    def __init__(self, planar: Planar, window: int) -> None:
        self._planar, self._live = planar, Live(self._outputs, window=window)

    def _outputs(self, _: Array, people: Sequence[str], /) -> Array:
        return np.repeat(self._planar._outputs[None], len(people), axis=0)

    def __call__(self, sight: Sight, people: Sequence[str], /) -> Lifted:
        return self._planar._known(self._live(sight, people).points, sight)
