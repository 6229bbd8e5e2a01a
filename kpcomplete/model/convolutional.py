"""A convolutional autoencoder of windows, with a bottleneck over time."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.model import Latent, Prediction
from kpcomplete.model.timeline import Timeline
from kpcomplete.model.whole import FIGURES, WindowAutoencoder


class Convolutional(WindowAutoencoder):
    """Squeezes several frames into one latent, and unfolds it again.

    Strided convolutions over time read the window, others refine the latents, a transposed one
    writes them out (as motion manifolds are learned by Holden et al. 2015,
    doi:10.1145/2820903.2820918). One set of weights for both modes: when causal, the taps that
    would look ahead are cut off, and a latent is made of what was seen up to the first frame of its
    stretch, so up to ``stride - 1`` frames late.

    Args:
        width: Channels.
        latent: Size of a latent.
        stride: Frames that share one.
        reach: Taps of each convolution to either side.
        depth: Convolutions over latents, before and after the bottleneck each.

    Raises:
        SettingError: If a number is below 1, or the taps leave out frames.
    """

    def __init__(
        self,
        *,
        width: int = 96,
        latent: int = 48,
        stride: int = 4,
        reach: int = 4,
        depth: int = 2,
    ) -> None:
        super().__init__(
            {"width": width, "latent": latent, "stride": stride, "reach": reach, "depth": depth}
        )
        if min(width, latent, stride, depth) < 1 or reach < stride:
            raise SettingError(
                "a convolutional network needs width, latent, stride, depth >= 1 and reach >= "
                f"stride, but got {self.arguments}"
            )
        joints = len(self.skeleton)
        self.stride = stride
        self.enter = Look(3 * joints + 1, width, reach, stride)
        self.before = nn.ModuleList(Residual(width, reach) for _ in range(depth))
        self.bottleneck = nn.Linear(width, latent)
        self.widen = nn.Linear(latent, width)
        self.after = nn.ModuleList(Residual(width, reach) for _ in range(depth))
        self.unfold = nn.Linear(width, stride * width)
        self.finish = Residual(width, reach)
        self.leave = nn.Linear(width, joints * FIGURES)

    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        values, given = self.given(batch)
        mode = torch.full_like(given[..., :1], float(causal))
        x = torch.cat([values.flatten(2), given, mode], dim=-1)
        time = x.shape[1]
        x = nn.functional.pad(x, (0, 0, 0, self._stretches(time) * self.stride - time))
        x = nn.functional.gelu(self.enter(x, causal))
        for block in self.before:
            x = block(x, causal)
        code = self.bottleneck(x).repeat_interleave(self.stride, dim=1)[:, :time]
        return Latent(code=code, timeline=Timeline.of(batch, causal=causal))

    def decode(self, latent: Latent) -> Prediction:
        causal, time = latent.timeline.causal, latent.code.shape[1]
        x = self.widen(latent.code[:, :: self.stride])
        for block in self.after:
            x = block(x, causal)
        x = self.unfold(x).view(len(x), x.shape[1] * self.stride, x.shape[2])[:, :time]
        figures = self.leave(self.finish(x, causal))
        figures = figures.view(*figures.shape[:2], len(self.skeleton), FIGURES)
        return self.told(figures, latent.timeline)

    def _stretches(self, time: int) -> int:
        return -(-time // self.stride)


class Look(nn.Module):
    """A convolution over time that can be kept from looking ahead.

    Args:
        inward: Channels in.
        outward: Channels out.
        reach: Taps to either side of the middle one.
        stride: Frames from one output to the next, of which the middle tap sees the first.
    """

    def __init__(self, inward: int, outward: int, reach: int, stride: int = 1) -> None:
        super().__init__()
        self.reach, self.stride = reach, stride
        self.taps = nn.Conv1d(inward, outward, 2 * reach + 1)

    def forward(
        self, x: Float[Tensor, "batch time in"], causal: bool
    ) -> Float[Tensor, "batch stretch out"]:
        if not x.shape[1]:
            return x.new_zeros(len(x), 0, self.taps.out_channels)
        weight = self.taps.weight
        if causal:
            weight = weight[..., : self.reach + 1]
        padded = nn.functional.pad(x.mT, (self.reach, 0 if causal else self.reach))
        return nn.functional.conv1d(padded, weight, self.taps.bias, self.stride).mT


class Residual(nn.Module):
    """Look at neighbours, then add what that says.

    Args:
        width: Channels.
        reach: Taps to either side.
    """

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.look = Look(width, width, reach)
        self.think = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "batch time width"], causal: bool
    ) -> Float[Tensor, "batch time width"]:
        changed: Tensor = x + self.think(nn.functional.gelu(self.look(self.norm(x), causal)))
        return changed
