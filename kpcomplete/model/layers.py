"""Parts of which networks are built."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Shift(nn.Module):
    """A convolution over time, channel by channel, with three taps.

    Args:
        width: Channels.
        dilation: Frames between taps; positive looks at the past only, negative ahead only.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.taps = nn.Parameter(torch.randn(3, width) * 0.5)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        time, reach = x.shape[1], 2 * abs(self.dilation)
        ahead = self.dilation < 0
        padded = nn.functional.pad(x, (0, 0, 0, reach) if ahead else (0, 0, reach, 0))
        starts = [abs(self.dilation) * (i if ahead else 2 - i) for i in range(3)]
        parts = [padded[:, s : s + time] * self.taps[i] for i, s in enumerate(starts)]
        return parts[0] + parts[1] + parts[2]


class TemporalBlock(nn.Module):
    """A residual block: look at other frames, then think about each.

    Args:
        width: Channels.
        look: How other frames are looked at; None does not.
    """

    def __init__(self, width: int, look: Shift | None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.look: nn.Module = look or nn.Identity()
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        changed: Tensor = x + self.think(self.look(self.norm(x)))
        return changed


def factors(
    raw: Float[Tensor, "*batch 3"], width: Float[Tensor, "*rows 1"]
) -> Float[Tensor, "*batch 2 2"]:
    """Return lower triangular factors of covariances.

    Args:
        raw: Any numbers; 0 gives a circle.
        width: Its standard deviation.
    """
    first, second = raw[..., :2].clamp(-4, 4).exp().unbind(dim=-1)
    slant = raw[..., 2].clamp(-50, 50)
    rows = torch.stack([first, torch.zeros_like(first), slant, second], dim=-1) * width
    return rows.view(*rows.shape[:-1], 2, 2)


def softmax(logits: Tensor) -> Tensor:
    """Return weights ``[..., K]``; torch's own takes five times as long for a few places."""
    if _as_it_is(logits):
        return logits.softmax(dim=-1)
    weights = (logits - logits.amax(dim=-1, keepdim=True)).exp_()
    return weights.div_(weights.sum(dim=-1, keepdim=True))


def asinh(values: Tensor) -> Tensor:
    """Return the inverse hyperbolic sine; torch's own takes ten times as long."""
    if _as_it_is(values):
        return torch.asinh(values)
    size = values.abs()
    square = size * size
    return torch.copysign(torch.log1p(size + square / (1 + (square + 1).sqrt())), values)


def _as_it_is(values: Tensor) -> bool:
    """Whether somebody wants gradients, or the plain operation in a file."""
    return values.requires_grad or torch.onnx.is_in_onnx_export()
