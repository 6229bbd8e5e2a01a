"""How badly a trained autoencoder completes what it sees, and how odd its latent is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from kpcomplete import checkpoint
from kpcomplete.anomaly import Moments
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.model import Autoencoder

_FAR = 100.0  # squared deviations beyond it are no more telling, but would rule the mean
_FPS = 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Reconstruction:
    """Three deviations in one score: of seen joints, of hidden ones, and of the latent.

    The network completes the moment from the past alone, once with all that is seen and once
    without each of some parts. A joint's error counts in standard deviations of its prediction.
    The latent's distance is Mahalanobis'. The three logarithms are standardised by normal moments
    and averaged.

    Args:
        weights: Checkpoint of an autoencoder: a path, or the name of a shipped one. It must not
            have been trained on anybody who is measured.
        frames: That the network sees.
        hidden: Parts or joints that are hidden, one after the other.
        noise: Variance added in each direction of the latent, as a share of the mean variance.

    Raises:
        ModelFileError: If the checkpoint holds no autoencoder.
        SettingError: If ``frames`` is below 1, or a part is unknown.
    """

    weights: str | Path
    frames: int = 16
    hidden: Sequence[str] = ("right_forearm", "left_forearm", "face")
    noise: float = 0.05
    network: Autoencoder = field(init=False, repr=False)
    _latent: tuple[Tensor, Tensor] | None = field(default=None, repr=False)
    _usual: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise SettingError(f"a network must see frames >= 1, but got {self.frames}")
        part_masks(self.hidden, torch.device("cpu"))
        found = checkpoint.load(checkpoint.find(self.weights))
        network = found.build()
        if not isinstance(network, Autoencoder):
            raise ModelFileError(
                f"{found.path} must hold an autoencoder, but holds {found.metadata.network}"
            )
        object.__setattr__(self, "network", network.requires_grad_(False))

    @property
    def past(self) -> int:
        """Frames that it looks at."""
        return self.frames

    def fit(self, strangers: Moments, own: Moments | None) -> "Reconstruction":
        """Return the same network, knowing which deviations and latents are normal."""
        parts = [strangers] if own is None else [strangers, own]
        errors, codes = self._look(Moments.concatenate(parts))
        mean, apart = codes.mean(dim=0), codes - codes.mean(dim=0)
        values, vectors = torch.linalg.eigh((apart.mT @ apart / len(apart)).double())
        root = vectors / (values.clamp_min(0) + self.noise * values.mean()).sqrt()
        latent = (mean, root.to(mean))
        found = self._deviations(errors, codes, latent)
        usual = (found.mean(dim=0), found.std(dim=0).clamp_min(1e-6))
        return replace(self, _latent=latent, _usual=usual)

    def __call__(self, moments: Moments, /) -> Tensor:
        """Return the mean standardised logarithm of the three deviations."""
        assert self._latent is not None  # see fit
        assert self._usual is not None
        found = self._deviations(*self._look(moments), self._latent)
        return ((found - self._usual[0]) / self._usual[1]).mean(dim=1)

    def _deviations(self, errors: Tensor, codes: Tensor, latent: tuple[Tensor, Tensor]) -> Tensor:
        mean, root = latent
        distance = ((codes - mean) @ root).square().mean(dim=1, keepdim=True)
        return (torch.cat([errors, distance], dim=1) + 1e-4).log()

    @torch.inference_mode()
    def _look(self, moments: Moments) -> tuple[Tensor, Tensor]:
        """Return squared errors ``[N, 2]`` of seen and of hidden joints, and latents ``[N, D]``."""
        found = [self._some(part) for part in _pieces(moments, 512)]
        errors, codes = zip(*found, strict=True)
        return torch.cat(errors), torch.cat(codes)

    def _some(self, moments: Moments) -> tuple[Tensor, Tensor]:
        moments = moments.last(self.frames)
        pose = moments.away + moments.usual[:, None]
        batch = PoseBatch.from_keypoints(pose, fps=_FPS)
        latent = self.network.encode(batch, causal=True)
        seen = self._error(batch, batch, batch.observed[:, -1])
        masks = part_masks(self.hidden, pose.device)
        hidden, count = torch.zeros_like(seen), torch.zeros_like(seen)
        for mask in masks:  # a handful of parts
            asked = mask & batch.observed[:, -1]
            without = batch.hide(mask.expand_as(batch.observed))
            number = asked.sum(dim=1)
            hidden += self._error(batch, without, asked) * number
            count += number
        errors = torch.stack([seen, hidden / count.clamp_min(1)], dim=1)
        return errors, latent.code[:, -1]

    def _error(self, truth: PoseBatch, given: PoseBatch, counted: Tensor) -> Tensor:
        """Return the mean squared deviation ``[N]`` of joints in the last frame."""
        found = self.network(given, causal=True)
        use = counted & found.known[:, -1]
        apart = (truth.keypoints - found.mean)[:, -1]
        factor = found.factor[:, -1] + 1e-3 * torch.eye(2)
        unit = torch.linalg.solve_triangular(factor, apart[..., None], upper=False)[..., 0]
        square = torch.where(use, unit.square().sum(dim=-1).clamp_max(_FAR), 0.0)
        mean: Tensor = square.sum(dim=1) / use.sum(dim=1).clamp_min(1)
        return mean


def _pieces(moments: Moments, size: int) -> list[Moments]:
    return [moments.select(slice(i, i + size)) for i in range(0, max(len(moments.away), 1), size)]
