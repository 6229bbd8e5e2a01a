"""Autoencoders of poses: what is lost on the way in is filled in on the way out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.model.loss import masked_mean, student_nll
from kpcomplete.model.timeline import KINDS, Timeline, fine
from kpcomplete.skeleton import CANONICAL, Skeleton

OFFLINE, CAUSAL = 0, 1  # rows of `Autoencoder.calibration`


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Where joints are believed to be, observed ones included; body units.

    Attributes:
        mean: x, y; 0 where not known.
        factor: Lower triangular L of the covariance ``L @ L.T``.
        known: Where there is something to say.
    """

    mean: Float[Tensor, "batch time joint 2"]
    factor: Float[Tensor, "batch time joint 2 2"]
    known: Bool[Tensor, "batch time joint"]

    @property
    def covariance(self) -> Float[Tensor, "batch time joint 2 2"]:
        """Covariance of each joint, body units squared."""
        return self.factor @ self.factor.mT


@dataclass(frozen=True, kw_only=True, eq=False)
class Latent:
    """Poses as a network keeps them.

    Attributes:
        code: One latent a frame.
        timeline: What time adds to it: when each joint was last and will next be observed.
        prior: What the network starts from, if it starts from anything.
        doubtful: The same in doubt, see `kpcomplete.mixture.Conditional`.
        features: What is known of each joint, where decoding looks at it once more.
        middle: Of a variational network, where the latents are that fit.
        log_variance: And the logarithm of how far around, squared.
    """

    code: Float[Tensor, "batch time latent"]
    timeline: Timeline
    prior: Prediction | None = None
    doubtful: Float[Tensor, "batch time joint 2"] | None = None
    features: Tensor | None = None
    middle: Float[Tensor, "batch time latent"] | None = None
    log_variance: Float[Tensor, "batch time latent"] | None = None


class Autoencoder(nn.Module, ABC):
    """Base of all networks that fill in joints.

    Buffers hold what is not learned by gradients: ``support [J]`` in how many frames of the
    training material a joint was known (a joint with none is never made up), ``centre [J, 2]``
    and ``spread [J]`` where joints usually are, ``calibration [2, K]`` factors on the standard
    deviation for (offline, causal) and the K `KINDS` of hidden joints. In the same places, and as
    they proved useful on unknown people, 0..1: ``choice [2, K]`` the share of a network's way from
    the straight line to the places it chooses, and ``trust [2, K]`` that of all else it corrects;
    only networks that do so look at them.

    Args:
        arguments: What the constructor of the network was given, plain; for checkpoints.
    """

    support: Tensor
    centre: Tensor
    spread: Tensor
    calibration: Tensor
    choice: Tensor
    trust: Tensor

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = dict(arguments)
        self.skeleton = Skeleton.load(CANONICAL)
        joints = len(self.skeleton)
        self.register_buffer("support", torch.zeros(joints))
        self.register_buffer("centre", torch.zeros(joints, 2))
        self.register_buffer("spread", torch.ones(joints))
        self.register_buffer("calibration", torch.ones(2, len(KINDS)))
        self.register_buffer("choice", torch.ones(2, len(KINDS)))
        self.register_buffer("trust", torch.ones(2, len(KINDS)))
        self.register_load_state_dict_pre_hook(_refined)  # type: ignore[no-untyped-call]

    @abstractmethod
    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        """Return the latents of windows in body units; looks at observed joints only.

        Args:
            batch: Windows.
            causal: Let no latent depend on later frames.
        """

    @abstractmethod
    def decode(self, latent: Latent) -> Prediction:
        """Return where the joints are."""

    def forward(self, batch: PoseBatch, *, causal: bool = False) -> Prediction:
        """Return where the joints of windows are, calibrated."""
        return self.calibrated(self.encode(batch, causal=causal))

    def calibrated(self, latent: Latent) -> Prediction:
        """Return where the joints are, with deviations that hold on unknown people."""
        found, timeline = self.decode(latent), latent.timeline
        scale = self.calibration[CAUSAL if timeline.causal else OFFLINE][timeline.kind]
        return Prediction(
            mean=found.mean, factor=found.factor * scale[..., None, None], known=found.known
        )

    def loss(
        self, corrupted: PoseBatch, clean: PoseBatch, *, causal: bool = False
    ) -> dict[str, Tensor]:
        """Return how wrong the completion of ``corrupted`` is.

        Counted only where the clean pose is known, and mainly on what was hidden. The distance
        is divided by `yardstick`.

        Returns:
            ``loss``, and what it is made of: ``error`` the mean distance on hidden joints in body
            units, ``nll`` the negative log likelihood of a Student t distribution.
        """
        return self.judge(self.encode(corrupted, causal=causal), corrupted, clean)

    def judge(self, latent: Latent, corrupted: PoseBatch, clean: PoseBatch) -> dict[str, Tensor]:
        """Return the same figures for latents that are there already."""
        found = self.decode(latent)
        known = clean.observed & found.known
        hidden = known & ~corrupted.observed
        weight = hidden + self.observed_weight * (known & corrupted.observed)
        offset = clean.keypoints - found.mean
        distance = (offset.square().sum(dim=-1) + 1e-8).sqrt()
        relative = masked_mean(distance / self.yardstick(latent, found), weight)
        nll = masked_mean(student_nll(offset.detach(), found.factor), weight)
        return {
            "loss": relative + 0.3 * nll,
            "error": masked_mean(distance.detach(), hidden.float()),
            "nll": nll.detach(),
        }

    def yardstick(self, latent: Latent, found: Prediction) -> Tensor:
        """Return ``[B, T, J]`` body units in which the loss measures distances.

        By default the predicted standard deviation (not learned through it), so that short gaps
        count as much as parts that nobody saw.
        """
        width: Tensor = torch.linalg.det(found.factor.detach().float()).abs().sqrt()
        return width + 0.03

    @torch.no_grad()
    def prepare(self, clean: PoseBatch) -> None:
        """Learn ``support``, ``centre`` and ``spread`` from training material in body units."""
        seen = clean.observed[..., None]
        count = clean.observed.sum(dim=(0, 1)).float()
        self.support.copy_(count)
        total = (clean.keypoints * seen).sum(dim=(0, 1))
        self.centre.copy_(total / count.clamp_min(1)[:, None])
        away = ((clean.keypoints - self.centre) * seen).square().sum(dim=(0, 1, 3))
        spread = (away / (2 * count.clamp_min(1))).sqrt()
        self.spread.copy_(torch.where(count > 0, spread.clamp_min(0.02), 1.0))

    @property
    def observed_weight(self) -> float:
        """How much an observed joint counts in the loss, a hidden one being 1."""
        return 0.1

    @property
    def supported(self) -> Bool[Tensor, " joint"]:
        """Joints that the training material knows well enough to make them up."""
        return self.support >= 300  # ten seconds of frames

    def standardised(self, keypoints: Tensor, given: Tensor) -> Tensor:
        """Return ``[B, T, J, 2]`` keypoints in units of their spread; 0 where not given."""
        values = (keypoints - self.centre) / self.spread[:, None]
        return torch.where(given[..., None] & self.supported[:, None], values, 0.0)


def _refined(_module: nn.Module, tensors: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Let checkpoints of coarser `KINDS` be read, and those in which all was trusted alike."""
    trust = tensors.get(prefix + "trust")
    if trust is not None and trust.ndim == 2:
        tensors.setdefault(prefix + "choice", torch.ones_like(trust))
    for name in (prefix + "calibration", prefix + "choice", prefix + "trust"):
        if name in tensors and tensors[name].ndim == 2:
            tensors[name] = fine(tensors[name])
