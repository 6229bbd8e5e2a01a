"""A moving point under noise: a Kalman filter, or a smoother that also looks ahead."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.by_frame import ByFrame, Kept
from kpcomplete.completer.fitted import Weights, read
from kpcomplete.completer.gaps import Gaps, finish, round_covariance, unchanged

_ANYWHERE = 10.0  # variance of a place not yet seen, body units squared


@dataclass(kw_only=True, eq=False)
class Kalman:
    """Follows each joint with its velocity, which dies away in a time fitted to each joint.

    An undamped, constant velocity carries a hand away within half a second; a velocity that
    forgets (an Ornstein-Uhlenbeck process) has one more number and does not.

    Args:
        causal: Filter forwards only; else smooth with later frames too (Rauch, Tung & Striebel
            1965, doi 10.2514/3.3166).
        weights: ``speed [J]`` mean square of the velocity along an axis, body units squared per
            second squared; ``memory [J]`` seconds in which it dies away; ``noise [J]`` mean
            square error of a seen joint, body units squared.
    """

    causal: bool = True
    weights: Weights = "motion"

    def __post_init__(self) -> None:
        found = read(self.weights, ("speed", "memory", "noise"))
        self._speed, self._memory, self._noise = (
            found[name].double() for name in ("speed", "memory", "noise")
        )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.observed.numel():
            return unchanged(batch)
        means, covariances = self._filter(batch)
        known = Gaps.of(batch).since.isfinite()
        if not self.causal:
            means, covariances = self._smooth(batch.times, means, covariances)
            known = batch.observed.any(dim=1, keepdim=True).expand_as(batch.observed)
        variance = covariances[..., 0, 0].clamp_min(1e-9).to(batch.keypoints)
        mean = means[..., 0, :].to(batch.keypoints)
        return finish(batch, mean, round_covariance(variance), known)

    def _filter(self, batch: PoseBatch) -> tuple[Tensor, Tensor]:
        """Return state ``[B, T, J, (place, velocity), (x, y)]`` and covariance ``[.., 2, 2]``."""
        seen, points = batch.observed, batch.keypoints.double()
        mean = points.new_zeros(len(batch), seen.shape[2], 2, 2)
        covariance = self._unknown().to(batch.device).expand(len(batch), -1, -1, -1)
        means, covariances = [], []
        for t in range(seen.shape[1]):  # each step needs the one before
            if t:
                pause = batch.times[:, t] - batch.times[:, t - 1]
                mean, covariance = self._moved(mean, covariance, pause)
            mean, covariance = self._told(mean, covariance, points[:, t], seen[:, t])
            means.append(mean)
            covariances.append(covariance)
        return torch.stack(means, dim=1), torch.stack(covariances, dim=1)

    def _unknown(self) -> Tensor:
        """Return the covariance ``[J, 2, 2]`` of a state of which nothing was seen."""
        return torch.diag_embed(
            torch.stack([torch.full_like(self._speed, _ANYWHERE), self._speed], dim=-1)
        )

    def _moved(self, mean: Tensor, covariance: Tensor, pause: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state ``[B, J, 2, 2]`` and its covariance some seconds ``[B]`` later."""
        move, wander = self._step(pause)
        return move @ mean, move @ covariance @ move.mT + wander

    def _told(
        self, mean: Tensor, covariance: Tensor, points: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return them with what is seen ``[B, J]`` at ``[B, J, 2]``."""
        row = covariance[..., 0, :]
        gain = row / (row[..., :1] + self._noise.to(row)[:, None])
        error = points - mean[..., 0, :]
        now = seen[..., None, None]
        mean = torch.where(now, mean + gain[..., None] * error[..., None, :], mean)
        less = covariance - gain[..., None] * row[..., None, :]
        return mean, torch.where(now, (less + less.mT) / 2, covariance)

    def stream(self, window: int) -> ByFrame | None:
        """Return the filter frame by frame; None of a smoother."""
        joints = len(self._speed)
        keep = {"mean": np.zeros((joints, 2, 2)), "covariance": self._unknown().numpy(),
                "old": np.zeros((), bool)}  # fmt: skip
        return ByFrame(self._next, window=window, keep=keep) if self.causal else None

    def _next(self, batch: PoseBatch, kept: Kept) -> PoseBatch:
        """Complete one frame; what is kept of places is in pixels."""
        rows, scale = kept.rows, kept.placement.scale.double()[:, None, None, None]
        shift = torch.zeros(len(batch), 1, 2, 2, dtype=torch.float64)
        shift[:, 0, 0] = kept.placement.centre
        old = torch.from_numpy(rows["old"])[:, None, None, None]
        mean = torch.where(old, (torch.from_numpy(rows["mean"]) - shift) / scale, 0.0)
        covariance = torch.from_numpy(rows["covariance"])
        moved = self._moved(mean, covariance, kept.pause)
        mean, covariance = (
            torch.where(old, *pair) for pair in zip(moved, (mean, covariance), strict=True)
        )
        points, seen = batch.keypoints[:, 0].double(), batch.observed[:, 0]
        mean, covariance = self._told(mean, covariance, points, seen)
        rows["mean"][:], rows["covariance"][:] = mean * scale + shift, covariance
        rows["old"][:] = True
        variance = covariance[:, None, :, 0, 0].clamp_min(1e-9).to(batch.keypoints)
        place = mean[:, None, :, 0].to(batch.keypoints)
        return finish(batch, place, round_covariance(variance), kept.since.isfinite())

    def _smooth(self, times: Tensor, means: Tensor, covariances: Tensor) -> tuple[Tensor, Tensor]:
        mean, covariance = means[:, -1], covariances[:, -1]
        out = [(mean, covariance)]
        for t in range(means.shape[1] - 2, -1, -1):
            move, wander = self._step(times[:, t + 1] - times[:, t])
            ahead = move @ covariances[:, t] @ move.mT + wander
            gain = torch.linalg.solve(ahead, move @ covariances[:, t]).mT
            mean = means[:, t] + gain @ (mean - move @ means[:, t])
            covariance = covariances[:, t] + gain @ (covariance - ahead) @ gain.mT
            covariance = (covariance + covariance.mT) / 2
            out.append((mean, covariance))
        out.reverse()
        return torch.stack([m for m, _ in out], dim=1), torch.stack([c for _, c in out], dim=1)

    def _step(self, seconds: Tensor) -> tuple[Tensor, Tensor]:
        """Return how the state moves ``[B, J, 2, 2]`` and how much it wanders in a time ``[B]``."""
        memory, speed = self._memory.to(seconds.device), self._speed.to(seconds.device)
        x = (seconds.double()[:, None] / memory).clamp_min(1e-6)
        keep = torch.exp(-x)
        lost = -torch.expm1(-x)
        move = torch.stack([torch.ones_like(x), memory * lost, torch.zeros_like(x), keep], dim=-1)
        place = memory**2 * (2 * x - 3 + 4 * keep - keep**2).clamp_min(0)
        both = memory * lost**2
        velocity = -torch.expm1(-2 * x)
        wander = speed[:, None] * torch.stack([place, both, both, velocity], dim=-1)
        return move.reshape(*x.shape, 2, 2), wander.reshape(*x.shape, 2, 2)
