"""The shipped completer: a residual to interpolation, and a guess at what nobody saw."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.model import Autoencoder, Latent, Prediction
from kpcomplete.model.layers import Shift, TemporalBlock, factors
from kpcomplete.model.timeline import NEVER, Timeline

_FEATURES = 8  # of each joint: base, average (2 each), observed, seen, since, until


class Temporal(Autoencoder):
    """Completes windows from both sides, or from the past alone, with one set of weights.

    A frame encoder turns what is known of each joint (see `Timeline`) into a latent. Dilated
    convolutions mix latents over time: one branch looks back, one looks ahead and is switched off
    when causal. The decoder has two heads for each joint. One corrects the straight line between
    observations, scaled by the time to them, so that short gaps stay straight. The other guesses
    joints that were not observed at all.

    Args:
        width: Size of a latent.
        dilations: Frames between the three taps of each convolution.
        codes: Numbers that the decoder keeps for each joint.
        dropout: Share of latent values dropped in training.
        onset: Seconds to the nearest observation at which half of a correction counts.
    """

    def __init__(
        self,
        *,
        width: int = 96,
        dilations: Sequence[int] = (1, 3, 9, 27),
        codes: int = 24,
        dropout: float = 0.1,
        onset: float = 0.5,
    ) -> None:
        super().__init__(
            {"width": width, "dilations": list(dilations), "codes": codes, "dropout": dropout,
             "onset": onset}
        )  # fmt: skip
        joints = len(self.skeleton)
        self.onset, self.codes = onset, codes
        self.enter = nn.Sequential(
            nn.Linear(joints * _FEATURES + 1, width), nn.GELU(), TemporalBlock(width, None)
        )
        self.past = nn.ModuleList(TemporalBlock(width, Shift(width, d)) for d in dilations)
        self.ahead = nn.ModuleList(TemporalBlock(width, Shift(width, -d)) for d in dilations)
        self.join = nn.Sequential(nn.Linear(3 * width, width), nn.LayerNorm(width))
        self.drop = nn.Dropout(dropout)
        self.spell = nn.Linear(width, joints * codes)
        self.local = nn.Parameter(torch.randn(joints, _FEATURES, codes) * _FEATURES**-0.5)
        self.out = nn.Parameter(torch.zeros(joints, codes, 10))
        self.bias = nn.Parameter(torch.zeros(joints, 10))
        self.growth = nn.Parameter(torch.tensor(0.15))  # body units a root second, any joint

    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        timeline = Timeline.of(batch, causal=causal)
        features = self._features(timeline).flatten(2)
        mode = features.new_full((*features.shape[:2], 1), float(causal))
        frames = self.enter(torch.cat([features, mode], dim=-1))
        past = frames
        for block in self.past:
            past = block(past)
        ahead = torch.zeros_like(frames) if causal else frames
        for block in () if causal else self.ahead:
            ahead = block(ahead)
        code = self.join(torch.cat([frames, past, ahead], dim=-1))
        return Latent(code=code, timeline=timeline)

    def decode(self, latent: Latent) -> Prediction:
        timeline = latent.timeline
        shape = timeline.seen.shape
        spelt = self.spell(self.drop(latent.code)).view(*shape, self.codes)
        near = torch.einsum("btjf,jfc->btjc", self._features(timeline), self.local)
        codes = nn.functional.gelu(spelt + near)
        out = torch.einsum("btjc,jco->btjo", codes, self.out) + self.bias
        seen = timeline.seen[..., None]
        wait = timeline.wait[..., None]
        spread = self.spread[:, None]
        gate = wait.square() / (wait.square() + self.onset**2) * self.supported[:, None]
        corrected = timeline.base + gate * spread * out[..., 0:2]
        guess = self.centre + spread * out[..., 2:4]
        width = 0.004 + self.growth.abs() * wait.sqrt()
        # a joint without training material has no head of its own, only its gap's length
        shape_of = torch.where(self.supported[:, None], out[..., 4:7], 0.0)
        factor = torch.where(
            seen[..., None],
            factors(shape_of, width),
            factors(out[..., 7:10], 0.5 * spread),
        )
        somebody = (timeline.seen & self.supported).any(dim=-1, keepdim=True)
        known = timeline.seen | (self.supported & somebody)
        mean = torch.where(seen, corrected, guess)
        return Prediction(mean=torch.where(known[..., None], mean, 0.0), factor=factor, known=known)

    @property
    def observed_weight(self) -> float:
        """An observed joint is what it is: the correction there is 0."""
        return 0.0

    def _features(self, timeline: Timeline) -> Float[Tensor, "batch time joint feature"]:
        parts = [
            self.standardised(timeline.base, timeline.seen),
            self.standardised(timeline.average, timeline.seen),
            timeline.observed[..., None],
            timeline.seen[..., None],
            _age(timeline.since)[..., None],
            _age(timeline.until)[..., None],
        ]
        return torch.cat(parts, dim=-1) * self.supported[:, None]


def _age(seconds: Tensor) -> Tensor:
    """Return times on a scale on which frames and minutes can be told apart; 0..2."""
    age: Tensor = torch.log1p(seconds / 0.05) / 4
    return torch.where(seconds < NEVER, age.clamp_max(2.0), 2.0)
