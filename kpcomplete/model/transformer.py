"""A masked transformer: joints of a frame look at each other, then frames do."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.model import Latent, Prediction
from kpcomplete.model.timeline import Timeline
from kpcomplete.model.whole import FIGURES, WindowAutoencoder

_SLOWEST = 30.0  # seconds a turn of the slowest hand that tells times apart
_QUICKEST = 10.0  # turns a second of the quickest


class Transformer(WindowAutoencoder):
    """Hidden joints are mask tokens, to be found out from all others, in space and then in time.

    As in P-STMO (Shan et al. 2022, arXiv 2203.07628) a small transformer reads the joints of each
    frame, and a larger one the frames. What counts is how many seconds frames lie apart (Su et al.
    2021, arXiv 2104.09864), so windows may be of any length and frame rate. A frame in which
    nothing is seen is a mask token of its own. When causal, frames look at earlier ones only.

    Args:
        joint_width: Size of a joint's token.
        width: Size of a frame's token, the latent.
        space: Layers over joints.
        time: Layers over frames.
        heads: Attention heads of the layers over frames; those over joints have 2.
        span: Frames of a stretch; frames of longer windows look at their own stretch and at its
            neighbours.
        dropout: Share of values dropped in training.

    Raises:
        SettingError: If tokens do not divide among heads.
    """

    def __init__(
        self,
        *,
        joint_width: int = 16,
        width: int = 96,
        space: int = 1,
        time: int = 3,
        heads: int = 4,
        span: int = 160,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            {"joint_width": joint_width, "width": width, "space": space, "time": time,
             "heads": heads, "span": span, "dropout": dropout}
        )  # fmt: skip
        if width % (2 * heads) or joint_width % 2:
            raise SettingError(
                "tokens must divide among heads: width by twice the heads, joint_width by 2, but "
                f"got width {width}, {heads} heads, joint_width {joint_width}"
            )
        if span < 1:
            raise SettingError(f"span must be at least 1 frame, but got {span}")
        joints = len(self.skeleton)
        self.span = span
        self.place = nn.Linear(2, joint_width)
        self.joint = nn.Parameter(0.2 * torch.randn(joints, joint_width))
        self.mask = nn.Parameter(0.2 * torch.randn(joint_width))
        self.space = nn.ModuleList(Attend(joint_width, 2, dropout) for _ in range(space))
        self.gather = nn.Linear(joints * joint_width, width)
        self.nobody = nn.Parameter(0.2 * torch.randn(width))
        self.mode = nn.Parameter(torch.zeros(width))
        self.time = nn.ModuleList(Attend(width, heads, dropout) for _ in range(time))
        self.norm = nn.LayerNorm(width)
        self.spell = nn.Linear(width, joints * joint_width)
        self.leave = nn.Parameter(0.02 * torch.randn(joints, joint_width, FIGURES))

    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        values, given = self.given(batch)
        tokens = torch.where(given[..., None] > 0, self.place(values), self.mask) + self.joint
        flat = tokens.flatten(0, 1)
        for layer in self.space:
            flat = layer(flat)
        code = self.gather(flat.view_as(tokens).flatten(2))
        code = torch.where(given.any(dim=-1, keepdim=True), code, self.nobody)
        code = code + self.mode if causal else code
        for layer in self.time:
            code = layer(code, batch.times, span=self.span, causal=causal)
        return Latent(code=code, timeline=Timeline.of(batch, causal=causal))

    def decode(self, latent: Latent) -> Prediction:
        spelt = nn.functional.gelu(self.spell(self.norm(latent.code)))
        spelt = spelt.view(*spelt.shape[:2], *self.leave.shape[:2])
        figures = torch.einsum("btjc,jcf->btjf", spelt, self.leave)
        return self.told(figures, latent.timeline)


class Attend(nn.Module):
    """Tokens look at each other, then think, each adding to what it was.

    Args:
        width: Size of a token.
        heads: Among which it is divided.
        dropout: Share of values dropped in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.answer = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(),
            nn.Linear(2 * width, width), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(
        self,
        x: Float[Tensor, "batch token width"],
        times: Float[Tensor, "batch token"] | None = None,
        *,
        span: int | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "batch token width"]:
        """Return the tokens changed.

        Args:
            x: Tokens.
            times: Seconds; None if tokens have no order.
            span: Tokens of a stretch, beyond whose neighbours none looks; None for all.
            causal: Whether tokens look at earlier ones and themselves only.
        """
        if not x.numel():
            return x
        asked = self.ask(self.norm(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        if times is not None:
            query, key = _turned(query, times), _turned(key, times)
        found = _attention(query, key, value, span or x.shape[1], causal)
        x = x + self.answer(found.transpose(1, 2).flatten(2))
        changed: Tensor = x + self.think(x)
        return changed


def _turned(x: Tensor, times: Tensor) -> Tensor:
    """Turn pairs of ``[B, H, T, E]`` values by angles that grow with time, slow and quick ones."""
    first, second = x.chunk(2, dim=-1)
    pace = (
        2
        * math.pi
        * torch.logspace(
            math.log10(1 / _SLOWEST), math.log10(_QUICKEST), first.shape[-1], device=x.device
        )
    )
    angle = (times - times[:, :1])[:, None, :, None] * pace
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def _attention(query: Tensor, key: Tensor, value: Tensor, span: int, causal: bool) -> Tensor:
    """Return ``[B, H, T, E]`` what tokens find in their stretch and its neighbours."""
    attend = nn.functional.scaled_dot_product_attention
    time = query.shape[2]
    if time <= span:
        return attend(query, key, value, is_causal=causal)
    count = -(-time // span)
    spare = count * span - time
    keys, values = (
        nn.functional.pad(x, (0, 0, span, spare + span)).unfold(2, 3 * span, span).mT
        for x in (key, value)
    )
    asking = nn.functional.pad(query, (0, 0, 0, spare))
    asking = asking.view(*asking.shape[:2], count, span, -1)
    start = torch.arange(count, device=query.device)[:, None, None] * span
    own = start + torch.arange(span, device=query.device)[:, None]
    other = start + torch.arange(-span, 2 * span, device=query.device)
    allowed = (other >= 0) & (other < time) & ((other <= own) | (not causal))
    found = attend(asking, keys, values, attn_mask=allowed)
    return found.flatten(2, 3)[:, :, :time]
