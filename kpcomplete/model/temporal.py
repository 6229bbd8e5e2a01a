"""The shipped completer: weighs where a joint may be, by time, by the person, by all people."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.mixture import Mixture
from kpcomplete.model import CAUSAL, OFFLINE, Autoencoder, Latent, Prediction
from kpcomplete.model.chooser import PLACES, SCALARS, Chooser
from kpcomplete.model.features import FEATURES, features
from kpcomplete.model.layers import Shift, TemporalBlock, factors
from kpcomplete.model.places import (
    moved_along,
    places_in_time,
    reach,
    weighted_mean,
    yardstick,
)
from kpcomplete.model.timeline import Timeline

EVERY = 16  # frames
ANCHORS = ("nose", "left_shoulder", "right_shoulder")  # a body is where these are


class Temporal(Autoencoder):
    """Completes windows from both sides, or from the past alone, with one set of weights.

    A frame encoder turns what is known of each joint (see `Timeline`) into a latent. Dilated
    convolutions mix latents over time: one branch looks back, one looks ahead and is switched off
    when causal. The decoder has two heads for each joint. Both weigh places where the joint may
    be, rather than making one up, so that they cannot be far off where little is known:

    - a joint that was observed lies on the straight line between observations, or is drawn from it
      towards one of them, on in the direction it moved, onto a curve with the velocities of both
      ends, to its average place or to where the person usually has it, as given by a `Memory`, in
      the image or moved along with the body; the more so the longer it is gone. Which place to
      believe follows from times, speeds and habits alone, by one small network for all joints:
      given whole poses, it learned them by heart, and was worse than the line on other people's
      motion. What poses say is added as far as it is trusted: half of the windows teach either.
    - a joint that was not observed at all is where the person usually has it, in the image or moved
      along with the body, or where other people have it: a mixture of Gaussians over poses, see
      `adopt`, given the joints that are seen, sure or in doubt, and what the network adds. Without
      such a mixture it starts from the mean pose.

    Args:
        width: Size of a latent.
        dilations: Frames between the three taps of each convolution.
        codes: Numbers that the decoder keeps for each joint.
        dropout: Share of latent values dropped in training.
        onset: Seconds to the nearest observation at which half of a pull counts.
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
        codes: int = 24,
        dropout: float = 0.1,
        onset: float = 0.05,
        components: int = 0,
        prior_joints: int = 0,
    ) -> None:
        super().__init__(
            {"width": width, "dilations": list(dilations), "codes": codes, "dropout": dropout,
             "onset": onset, "components": components, "prior_joints": prior_joints}
        )  # fmt: skip
        joints = len(self.skeleton)
        self.onset, self.codes = onset, codes
        self._anchors = self.skeleton.indices(ANCHORS)
        self.enter = nn.Sequential(
            nn.Linear(joints * FEATURES + 1, width), nn.GELU(), TemporalBlock(width, None)
        )
        self.past = nn.ModuleList(TemporalBlock(width, Shift(width, d)) for d in dilations)
        self.ahead = nn.ModuleList(TemporalBlock(width, Shift(width, -d)) for d in dilations)
        self.join = nn.Sequential(nn.Linear(3 * width, width), nn.LayerNorm(width))
        self.drop = nn.Dropout(dropout)
        self.spell = nn.Linear(width, joints * codes)
        self.local = nn.Parameter(torch.randn(joints, FEATURES, codes) * FEATURES**-0.5)
        self.think = nn.Parameter(torch.randn(joints, codes, codes) * codes**-0.5)
        # a seen joint's pull, places, offset, shape; an unseen joint's places, offset, shape
        self.parts = (1, PLACES, 2, 3, 4, 2, 3)
        self.chooser = Chooser(joints)
        rest = sum(self.parts[2:])
        self.out = nn.Parameter(torch.zeros(joints, codes, rest))
        self.bias = nn.Parameter(torch.zeros(joints, rest))
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
        return self.encode_given(timeline, *self.prior(timeline))

    def encode_given(self, timeline: Timeline, prior: Prediction, doubtful: Tensor) -> Latent:
        """Return the latents where somebody asked the mixture already, see `prior`."""
        causal = timeline.causal
        told = self._features(timeline, prior.mean)
        mode = told.new_full((*told.shape[:2], 1), float(causal))
        frames = self.enter(torch.cat([told.flatten(2), mode], dim=-1))
        past = frames
        for block in self.past:
            past = block(past)
        ahead = torch.zeros_like(frames) if causal else frames
        for block in () if causal else self.ahead:
            ahead = block(ahead)
        code = self.join(torch.cat([frames, past, ahead], dim=-1))
        return Latent(code=code, timeline=timeline, prior=prior, doubtful=doubtful, features=told)

    def decode(self, latent: Latent) -> Prediction:
        timeline, prior, told = latent.timeline, latent.prior, latent.features
        assert prior is not None  # see encode
        assert told is not None
        assert latent.doubtful is not None
        shape = timeline.seen.shape
        spelt = self.spell(self.drop(latent.code)).view(*shape, self.codes)
        near = torch.einsum("btjf,jfc->btjc", told, self.local)
        codes = nn.functional.gelu(spelt + near)
        codes = codes + nn.functional.gelu(torch.einsum("btjc,jcd->btjd", codes, self.think))
        out = torch.einsum("btjc,jco->btjo", codes, self.out) + self.bias
        offset, shape_seen, source, guess, shape_unseen = torch.split(
            out, list(self.parts[2:]), dim=-1
        )
        seen = timeline.seen[..., None]
        wait = timeline.wait[..., None]
        spread = self.spread[:, None]
        mode, kind = CAUSAL if timeline.causal else OFFLINE, timeline.kind
        choice, trust = (x[mode][kind][..., None] for x in (self.choice, self.trust))

        gate, drawn = self.chosen(timeline, told[..., -SCALARS:])
        offset = trust * 0.2 * reach(timeline)[..., None] * offset
        if self.training:
            adds = torch.rand(len(drawn), 1, 1, 1, device=drawn.device) < 0.5
            drawn, offset = torch.where(adds, drawn.detach(), drawn), adds * offset
        corrected = timeline.base + gate * (choice * drawn + offset)

        moved, memory, remembered = self._usual(timeline)
        added = 0.3 * spread * guess
        places = torch.stack([prior.mean + added, latent.doubtful + added, memory, moved], dim=-2)
        allowed = torch.cat(
            [torch.ones_like(source[..., :2], dtype=torch.bool), remembered], dim=-1
        )
        guess = weighted_mean(places, source, allowed)
        guess = prior.mean + trust * (guess - prior.mean)
        width = 0.004 + self.growth.abs() * wait.sqrt()
        # a joint without training material has no head of its own, only its gap's length
        shape_of = torch.where(self.supported[:, None], shape_seen, 0.0)
        factor = torch.where(
            seen[..., None],
            factors(shape_of, width),
            prior.factor @ factors(shape_unseen, torch.ones_like(wait)),
        )
        known = timeline.seen | prior.known
        mean = torch.where(seen, corrected, guess)
        return Prediction(mean=torch.where(known[..., None], mean, 0.0), factor=factor, known=known)

    def chosen(self, timeline: Timeline, scalars: Tensor) -> tuple[Tensor, Tensor]:
        """Return how much a pull counts ``[B, T, J, 1]``, and from the line to where ``[.., 2]``.

        Args:
            timeline: Of the windows.
            scalars: ``[B, T, J, S]`` what it depends on, see `scalars`.
        """
        moved, memory, remembered = self._usual(timeline)
        wait = timeline.wait[..., None]
        gate = wait.square() / (wait.square() + self.onset**2) * self.supported[:, None]
        pull, place = self.chooser(scalars).tensor_split([1], dim=-1)
        places = torch.stack([*places_in_time(timeline), memory, moved], dim=-2)
        allowed = torch.cat(
            [torch.ones_like(place[..., :-2], dtype=torch.bool), remembered], dim=-1
        )
        return gate, pull.sigmoid() * (weighted_mean(places, place, allowed) - timeline.base)

    @torch.no_grad()
    def scalars(self, timeline: Timeline) -> Tensor:
        """Return what is known of each joint that has no direction: distances, times, habits."""
        return self._features(timeline, self.prior(timeline)[0].mean)[..., -SCALARS:]

    def _usual(self, timeline: Timeline) -> tuple[Tensor, Tensor, Tensor]:
        """Return the memory moved along with the body, as it is, and where there is one, twice."""
        moved = moved_along(timeline, self._anchors)
        remembered = timeline.remembered[:, None, :, None].expand_as(moved)
        return moved, timeline.memory[:, None].expand_as(moved), remembered

    @torch.no_grad()
    def prior(self, timeline: Timeline) -> tuple[Prediction, Tensor]:
        """Return what the average pose of the window, or of its past, says by itself; and in doubt.

        Poses change slowly, and conditioning is dear: once a window, or every 16 frames if causal.
        """
        frames = timeline.seen.shape[1]
        every = EVERY if timeline.causal else max(frames, 1)
        seen = timeline.seen[:, ::every]
        mean = doubtful = self.centre.expand(*seen.shape, 2)
        root = (0.5 * self.spread)[:, None, None] * torch.eye(2, device=mean.device)
        root = root.expand(*seen.shape, 2, 2)
        if len(self.share) and seen.numel():
            points = timeline.average[:, ::every, self.which]
            given = self.mixture.condition(
                points.flatten(0, 1), seen[..., self.which].flatten(0, 1)
            )
            least = 1e-4 * torch.eye(2, device=mean.device)
            given_root = torch.linalg.cholesky(given.covariance + least)
            doubtful = doubtful.index_copy(2, self.which, given.doubtful.view(points.shape))
            mean = mean.index_copy(2, self.which, given.mean.view(points.shape))
            root = root.index_copy(2, self.which, given_root.view(*points.shape, 2))
        steps = torch.arange(frames, device=mean.device) // every
        mean, doubtful, root = (x[:, steps] for x in (mean, doubtful, root))
        return Prediction(mean=mean, factor=root, known=self.knows(timeline)), doubtful

    def knows(self, timeline: Timeline) -> Bool[Tensor, "batch time joint"]:
        """Return which joints are made up where nobody saw them: of people who are there."""
        return self.supported & (timeline.seen & self.supported).any(dim=-1, keepdim=True)

    @property
    def mixture(self) -> Mixture:
        """What was adopted."""
        return Mixture(
            joints=self.which,
            weight=self.share,
            mean=self.middle,
            covariance=self.root @ self.root.mT,
            precise=not self.training,
        )

    @property
    def observed_weight(self) -> float:
        """An observed joint is what it is: the correction there is 0."""
        return 0.0

    def yardstick(self, latent: Latent, found: Prediction) -> Tensor:
        """Return how far off a joint may well be, so that still people count as moving ones do."""
        assert latent.prior is not None  # see encode
        far = 0.1 + torch.linalg.det(latent.prior.factor).abs().sqrt()
        return torch.where(latent.timeline.seen, yardstick(latent.timeline), far)

    def _features(self, timeline: Timeline, guess: Tensor) -> Tensor:
        return features(timeline, guess, supported=self.supported, standardised=self.standardised,
                        anchors=self._anchors)  # fmt: skip
