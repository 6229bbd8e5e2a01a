"""A network that looks at single frames."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kpcomplete.lifter import Lifted
from kpcomplete.lifter.placing import FEATURES, OUTPUTS, features, place, pose
from kpcomplete.lifter.sight import Sight
from kpcomplete.pose import Array


class Linear(nn.Module):
    """Two residual blocks of linear layers (Martinez et al. 2017, arXiv 1705.03098), a frame each.

    Only the person's size, in the image and in metres, is averaged over time. As published but for
    its width and its inputs and outputs, which are those of `kpcomplete.lifter.placing`.

    Args:
        width: Values between layers; published with 1024.
        dropout: Share of values that training leaves out; published with 0.5.
    """

    calibration: Tensor

    def __init__(self, *, width: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {"width": width, "dropout": dropout}
        self.encode = nn.Sequential(nn.Linear(FEATURES, width), *_rest(width, dropout))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, width), *_rest(width, dropout),
                nn.Linear(width, width), *_rest(width, dropout),
            )
            for _ in range(2)
        )  # fmt: skip
        self.decode = nn.Linear(width, OUTPUTS)
        nn.init.normal_(self.decode.weight, std=0.01)
        nn.init.zeros_(self.decode.bias)
        self.register_buffer("calibration", torch.ones(()))

    def forward(self, sight: Sight, *, causal: bool) -> Lifted:
        placing = place(sight, causal=causal)
        seen = features(sight, placing)
        outputs = self._outputs(seen.flatten(0, 1)).view(*seen.shape[:2], -1)
        points, std = pose(outputs, sight, placing, causal=causal)
        return Lifted(points=points, std=std * self.calibration)

    @torch.inference_mode()
    def alone(self, features: Array, _: Sequence[str], /) -> Array:
        """Return outputs ``[P, O]`` of features ``[P, F]`` of a frame: others do not matter."""
        weight = self.decode.weight
        out: Array = self._outputs(torch.from_numpy(features).to(weight)).cpu().numpy()
        return out

    def _outputs(self, seen: Tensor) -> Tensor:
        hidden: Tensor = self.encode(seen)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        outputs: Tensor = self.decode(hidden)
        return outputs


def _rest(width: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)
