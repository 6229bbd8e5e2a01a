"""The shipped completer: a residual to interpolation, and a guess at what nobody saw."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.mixture import Mixture
from kpcomplete.model import CAUSAL, OFFLINE, SEEN, UNSEEN, Autoencoder, Latent, Prediction
from kpcomplete.model.layers import Shift, TemporalBlock, factors
from kpcomplete.model.timeline import NEVER, Timeline

_FEATURES = 8  # of each joint: base, average (2 each), observed, seen, since, until
_EVERY = 16  # frames


class Temporal(Autoencoder):
    """Completes windows from both sides, or from the past alone, with one set of weights.

    A frame encoder turns what is known of each joint (see `Timeline`) into a latent. Dilated
    convolutions mix latents over time: one branch looks back, one looks ahead and is switched off
    when causal. The decoder has two heads for each joint. One corrects the straight line between
    observations, scaled by the time to them, so that short gaps stay straight. The other guesses
    joints that were not observed at all.

    The guess starts from a mixture of Gaussians over poses, see `adopt`, given the joints that are
    seen; the network learns what it leaves to be said. Without one it starts from the mean pose.

    Args:
        width: Size of a latent.
        dilations: Frames between the three taps of each convolution.
        codes: Numbers that the decoder keeps for each joint.
        dropout: Share of latent values dropped in training.
        onset: Seconds to the nearest observation at which half of a correction counts.
        components: Gaussians that were adopted.
        prior_joints: Joints that they speak of.
    """

    which: Tensor
    share: Tensor
    middle: Tensor
    root: Tensor

    def __init__(
        self,
        *,
        width: int = 96,
        dilations: Sequence[int] = (1, 3, 9, 27),
        codes: int = 16,
        dropout: float = 0.1,
        onset: float = 0.5,
        components: int = 0,
        prior_joints: int = 0,
    ) -> None:
        super().__init__(
            {"width": width, "dilations": list(dilations), "codes": codes, "dropout": dropout,
             "onset": onset, "components": components, "prior_joints": prior_joints}
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

        size = 2 * prior_joints
        self.register_buffer("which", torch.zeros(prior_joints, dtype=torch.int64))
        self.register_buffer("share", torch.ones(components))
        self.register_buffer("middle", torch.zeros(components, size))
        self.register_buffer("root", torch.eye(size).repeat(components, 1, 1))

    def adopt(self, prior: Mapping[str, Tensor]) -> None:
        """Guess from a mixture of Gaussians over poses from now on.

        Args:
            prior: ``joints [S]``, ``weight [K]``, ``mean [K, 2 S]`` and ``factor [K, 2 S, 2 S]``,
                as the completer ``gaussian`` has them.
        """
        self.which, self.share = prior["joints"].long(), prior["weight"].float()
        self.middle, self.root = prior["mean"].float(), prior["factor"].float().tril()
        self.arguments |= {"components": len(self.share), "prior_joints": len(self.which)}

    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        timeline = Timeline.of(batch, causal=causal)
        prior = self._prior(timeline)
        features = self._features(timeline, prior.mean).flatten(2)
        mode = features.new_full((*features.shape[:2], 1), float(causal))
        frames = self.enter(torch.cat([features, mode], dim=-1))
        past = frames
        for block in self.past:
            past = block(past)
        ahead = torch.zeros_like(frames) if causal else frames
        for block in () if causal else self.ahead:
            ahead = block(ahead)
        code = self.join(torch.cat([frames, past, ahead], dim=-1))
        return Latent(code=code, timeline=timeline, prior=prior)

    def decode(self, latent: Latent) -> Prediction:
        timeline, prior = latent.timeline, latent.prior
        assert prior is not None  # see encode
        shape = timeline.seen.shape
        spelt = self.spell(self.drop(latent.code)).view(*shape, self.codes)
        features = self._features(timeline, prior.mean)
        near = torch.einsum("btjf,jfc->btjc", features, self.local)
        codes = nn.functional.gelu(spelt + near)
        out = torch.einsum("btjc,jco->btjo", codes, self.out) + self.bias
        seen = timeline.seen[..., None]
        wait = timeline.wait[..., None]
        spread = self.spread[:, None]
        gate = wait.square() / (wait.square() + self.onset**2) * self.supported[:, None]
        trust = self.trust[CAUSAL if timeline.causal else OFFLINE]
        corrected = timeline.base + trust[SEEN] * gate * spread * out[..., 0:2]
        guess = prior.mean + trust[UNSEEN] * spread * out[..., 2:4]
        width = 0.004 + self.growth.abs() * wait.sqrt()
        # a joint without training material has no head of its own, only its gap's length
        shape_of = torch.where(self.supported[:, None], out[..., 4:7], 0.0)
        factor = torch.where(
            seen[..., None],
            factors(shape_of, width),
            prior.factor @ factors(out[..., 7:10], torch.ones_like(wait)),
        )
        known = timeline.seen | prior.known
        mean = torch.where(seen, corrected, guess)
        return Prediction(mean=torch.where(known[..., None], mean, 0.0), factor=factor, known=known)

    @torch.no_grad()
    def _prior(self, timeline: Timeline) -> Prediction:
        """Return what the average pose of the window, or of its past, says by itself.

        Poses change slowly, and conditioning is dear: once a window, or every 16 frames if causal.
        """
        shape = timeline.seen.shape
        mean = self.centre.expand(*shape, 2)
        root = (0.5 * self.spread)[:, None, None] * torch.eye(2, device=mean.device)
        root = root.expand(*shape, 2, 2)
        if len(self.share) and timeline.seen.numel():
            every = _EVERY if timeline.causal else shape[1]
            points = timeline.average[:, ::every, self.which]
            given = self._mixture().condition(
                points.flatten(0, 1), timeline.seen[:, ::every, self.which].flatten(0, 1)
            )
            steps = torch.arange(shape[1], device=mean.device) // every
            least = 1e-4 * torch.eye(2, device=mean.device)
            given_root = torch.linalg.cholesky(given.covariance + least)
            given_mean = given.mean.view(*points.shape)[:, steps]
            given_root = given_root.view(*points.shape, 2)[:, steps]
            mean = mean.index_copy(2, self.which, given_mean)
            root = root.index_copy(2, self.which, given_root)
        known = self.supported & (timeline.seen & self.supported).any(dim=-1, keepdim=True)
        return Prediction(mean=mean, factor=root, known=known)

    def _mixture(self) -> Mixture:
        return Mixture(
            joints=self.which,
            weight=self.share,
            mean=self.middle,
            covariance=self.root @ self.root.mT,
        )

    @property
    def observed_weight(self) -> float:
        """An observed joint is what it is: the correction there is 0."""
        return 0.0

    def _features(
        self, timeline: Timeline, guess: Tensor
    ) -> Float[Tensor, "batch time joint feature"]:
        base = torch.where(timeline.seen[..., None], timeline.base, guess)
        parts = [
            self.standardised(base, torch.ones_like(timeline.seen)),
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
