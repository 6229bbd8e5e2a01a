"""A body as a cut-out: all joints in one plane that faces the camera."""

from dataclasses import dataclass

import torch

from kpcomplete.errors import SettingError
from kpcomplete.lifter import Lifted
from kpcomplete.lifter.placing import METRES, OUTPUTS, place, pose
from kpcomplete.lifter.sight import Sight


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
        outputs = torch.zeros(*sight.given.shape[:2], OUTPUTS, device=sight.rays.device)
        outputs[..., 4 * sight.given.shape[-1] :] = -10.0  # every joint is on its ray
        outputs[..., -2] = torch.tensor(self.metres / METRES).log()
        outputs[..., -1] = 0.0
        points, _ = pose(outputs, sight, placing, causal=self.causal)
        unknown = ~sight.given
        return Lifted(
            points=points.masked_fill(unknown[..., None], torch.nan),
            std=torch.full_like(sight.std, self.std).masked_fill(unknown, torch.nan),
        )
