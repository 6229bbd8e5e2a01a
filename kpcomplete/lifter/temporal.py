"""A network that looks at some seconds at once."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kpcomplete.lifter import Lifted
from kpcomplete.lifter.placing import FEATURES, OUTPUTS, features, place, pose
from kpcomplete.lifter.sight import Sight


class Temporal(nn.Module):
    """Dilated convolutions over time (Pavllo et al. 2019, arXiv 1811.11742), one pose a frame.

    One set of weights looks ahead or does not: without later frames, their places are taken by the
    frame itself, as at the end of a recording.

    Args:
        width: Values a frame between layers.
        dilations: Frames to the neighbours that each layer looks at, on both sides.
        dropout: Share of values that training leaves out.
    """

    calibration: Tensor

    def __init__(
        self, *, width: int = 176, dilations: Sequence[int] = (1, 3, 9, 27), dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "width": width, "dilations": list(dilations), "dropout": dropout,
        }  # fmt: skip
        self.encode = nn.Linear(FEATURES + 1, width)
        self.blocks = nn.ModuleList(Block(width, d, dropout) for d in dilations)
        self.norm = nn.LayerNorm(width)
        self.decode = nn.Linear(width, OUTPUTS)
        nn.init.normal_(self.decode.weight, std=0.01)
        nn.init.zeros_(self.decode.bias)
        self.register_buffer("calibration", torch.ones(()))

    @property
    def receptive_field(self) -> int:
        """Frames that have an influence on one: half of them before it, half after it."""
        return 1 + 2 * sum(block.dilation for block in self.blocks)  # type: ignore[misc]

    def forward(self, sight: Sight, *, causal: bool) -> Lifted:
        placing = place(sight, causal=causal)
        hidden = self.encode(_marked(features(sight, placing), causal))
        for block in self.blocks:
            hidden = block(hidden, causal=causal)
        outputs = self.decode(nn.functional.gelu(self.norm(hidden)))
        points, std = pose(outputs, sight, placing, causal=causal)
        return Lifted(points=points, std=std * self.calibration)


class Block(nn.Module):
    """A residual block that looks at a frame and its neighbours on both sides.

    Args:
        width: Values a frame.
        dilation: Frames to the neighbours.
        dropout: Share of values that training leaves out.
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, hidden: Float[Tensor, "batch time width"], *, causal: bool
    ) -> Float[Tensor, "batch time width"]:
        normed = self.norm(hidden)
        frame = torch.arange(hidden.shape[1], device=hidden.device)
        before = normed[:, (frame - self.dilation).clamp_min(0)]
        last = frame if causal else torch.minimum(frame + self.dilation, frame[-1:])
        mixed = self.mix(torch.cat([before, normed, normed[:, last]], dim=-1))
        found: Tensor = hidden + self.dropout(self.out(nn.functional.gelu(mixed)))
        return found


def _marked(values: Tensor, causal: bool) -> Tensor:
    """Return features that also say whether later frames are known."""
    return torch.cat([values, torch.full_like(values[..., :1], float(causal))], dim=-1)
