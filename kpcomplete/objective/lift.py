"""Learn to find the third dimension of joints that were seen or filled in."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded, advance_all, check_share, reseed_all
from kpcomplete.data.solid import SolidBatch
from kpcomplete.errors import ShapeError
from kpcomplete.lifter.linear import Linear
from kpcomplete.lifter.placing import exact
from kpcomplete.lifter.sight import Sight, is_mounted
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.objective import Objective
from kpcomplete.skeleton import CANONICAL, Skeleton

_NINETY = 2.5003
"""Standard deviations that hold 90 % of a normal distribution in space."""
_KEPT = 16  # batches that may come again


@dataclass(kw_only=True)
class _Draw(Seeded):
    def share(self, size: int, share: float, device: torch.device) -> Tensor:
        return self.uniform(size, device=device) < share


class Lift(Objective):
    """Lift what a completer made of corrupted views.

    Args:
        model: What is trained: takes a `Sight` and ``causal``, returns `kpcomplete.lifter.Lifted`.
        corruption: How joints get lost; sees windows in body units. What it moves does not count.
        completer: Fills in what is missing, in body units; None never does.
        corrupted: Share of windows that are corrupted.
        completed: Share of windows that are completed, corrupted or not: data sets lack joints.
        most: Windows of a batch that are completed in training at most: in batches of many short
            ones it would take most of the time, and geometry is learned from what is seen.
        causal: Share of batches in which no later frames are seen.
        mounted: Share of windows of which it is told where in the car the camera is, if it is
            known.
        slack: Metres and degrees, standard deviations in each direction, by which that is off.
        noise: Body units, largest standard deviation of seen joints in the image. It is drawn for
            each window: a detector's idea of a joint is not quite that of motion capture.
        motion: Weight of the error of velocities, metres a frame, beside that of places.
        reuse: How often each batch is learned from, among fresh ones (data echoing, Choi et al.
            2019, arXiv 1907.05550): completing costs more than lifting.
        bfloat: Compute the network, not the geometry, in bfloat16 while training.
        seed: Same seed, same draws.

    Raises:
        ValueError: If a share is none, or ``reuse`` is below 1.
    """

    def __init__(
        self,
        *,
        model: Temporal | Linear,
        corruption: Corruption,
        completer: Callable[[PoseBatch], PoseBatch] | None = None,
        corrupted: float = 0.6,
        completed: float = 0.6,
        most: int = 16,
        causal: float = 0.3,
        mounted: float = 0.6,
        slack: tuple[float, float] = (0.02, 1.0),
        noise: float = 0.06,
        motion: float = 1.0,
        reuse: int = 2,
        bfloat: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if reuse < 1:
            raise ValueError(f"a batch is used at least once, but reuse is {reuse}")
        shares = {"corrupted": corrupted, "completed": completed, "causal": causal,
                  "mounted": mounted}  # fmt: skip
        for name, value in shares.items():
            check_share(name, value)
        self.network: Temporal | Linear = model
        self.corruption = corruption
        self.completer = completer
        self.shares = shares
        self.most = most
        self.noise, self.motion, self.reuse, self.bfloat = noise, motion, reuse, bfloat
        self.slack = slack
        self._step = 0
        self._kept: list[tuple[Sight, Tensor]] = []
        self._draw = _Draw(seed=seed)

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen, in plain values."""
        filled = type(self.completer).__name__ if self.completer is not None else None
        return {**self.shares, "most": self.most, "noise": self.noise, "motion": self.motion,
                "slack": list(self.slack), "reuse": self.reuse, "completer": filled}  # fmt: skip

    def prepare(self, clean: PoseBatch) -> None:
        """Everything is learned by gradients."""

    def reseed(self, step: int) -> None:
        self._step = step
        reseed_all([self.corruption, self._draw], step)

    def advance(self, share: float) -> None:
        advance_all([self.corruption], share)

    def forward(self, clean: PoseBatch) -> dict[str, Tensor]:
        if not isinstance(clean, SolidBatch):
            raise ShapeError(f"lifting is learned from 3D, but got a {type(clean).__name__}")
        causal = bool(self._draw.share(1, self.shares["causal"], clean.device))
        sight, truth = self._material(clean) if self.training else (self.sight(clean), clean.solid)
        with torch.autocast(
            clean.device.type, torch.bfloat16, enabled=self.bfloat and self.training
        ):
            found = self.network(sight, causal=causal)
        return self._figures(found.points, found.std, truth)

    def _material(self, clean: SolidBatch) -> tuple[Sight, Tensor]:
        """Return fresh windows, or some of the last batches again."""
        if not self._kept or self._step % self.reuse == 0:
            fresh = self.sight(clean), clean.solid
            self._kept = [*self._kept, fresh][-_KEPT:]
            return fresh
        place = int(self._draw.uniform(1, device=clean.device) * len(self._kept))
        return self._kept[min(place, len(self._kept) - 1)]

    @torch.no_grad()
    @exact
    def sight(self, clean: SolidBatch) -> Sight:
        """Return corrupted windows as the lifter will get them, and those that are not beside.

        What is ``ready`` stays as it is.
        """
        clean = replace(clean, mounting=self._told(clean.mounting))
        placement = normalize.fit(clean)
        body = self._shaken(placement.into_body(clean), ~clean.ready)
        spoil = self._draw.share(len(clean), self.shares["corrupted"], clean.device) & ~clean.ready
        fill = self._draw.share(len(clean), self.shares["completed"], clean.device) & ~clean.ready
        hidden = ~self.corruption(body).observed
        body = body.hide(hidden & spoil[:, None, None])
        if self.completer is None:
            fill = torch.zeros_like(fill)
        if self.training:
            fill &= fill.cumsum(dim=0) <= self.most
        return see(clean, body, placement, self.completer, fill)

    def _told(self, mounting: Tensor) -> Tensor:
        """Return what is told of where cameras are: of some nothing, of others not quite it."""
        told = self._draw.share(len(mounting), self.shares["mounted"], mounting.device)
        metres, degrees = self.slack
        known = is_mounted(mounting) & told
        x, y, z = (
            degrees * torch.pi / 180 * self._draw.normal(len(mounting), 3, device=mounting.device)
        ).unbind(dim=-1)
        nothing = torch.zeros_like(x)
        rows = [nothing, -z, y, z, nothing, -x, -y, x, nothing]
        turn = torch.linalg.matrix_exp(torch.stack(rows, dim=-1).view(-1, 3, 3))
        moved = metres * self._draw.normal(len(mounting), 3, 1, device=mounting.device)
        off = turn @ mounting
        off = torch.cat([off[..., :3], off[..., 3:] + moved], dim=-1)
        return torch.where(known[:, None, None], off, 0.0)

    def _shaken(self, body: PoseBatch, rows: Tensor) -> PoseBatch:
        """Return what a detector would: joints off for good, and trembling by a third of that.

        Only the windows of ``rows`` ``[B]`` are changed.
        """
        batch, time, joints, _ = body.keypoints.shape
        strength = self._draw.uniform(batch, 1, 1, 1, device=body.device).square() * self.noise
        moved = self._draw.normal(batch, 1, joints, 2, device=body.device)
        moved = moved + self._draw.normal(batch, time, joints, 2, device=body.device) / 3
        some = body.observed & rows[:, None, None]
        shaken = body.keypoints + strength * moved * some[..., None]
        return replace(body, keypoints=shaken)

    def _figures(self, points: Tensor, std: Tensor, truth: Tensor) -> dict[str, Tensor]:
        known = truth.isfinite().all(dim=-1)
        truth = torch.where(known[..., None], truth, 0.0)
        apart = relative(points) - relative(truth)
        error = _length(apart) * known
        count = known.sum().clamp_min(1)
        place = error.sum() / count
        both = known[:, 1:] & known[:, :-1]
        step = _length(apart[:, 1:] - apart[:, :-1]) * both
        speed = step.sum() / both.sum().clamp_min(1)
        far = (root(points)[..., 2].clamp_min(0.05) / root(truth)[..., 2]).log().abs().mean()
        # a normal distribution in space; it may not make the places worse
        off = error.detach()
        doubt = ((off.square() / std.square()).clamp_max(60.0) / 2 + 3 * std.log()) * known
        doubt = doubt.sum() / count
        loss = place + self.motion * speed + 0.3 * far + 0.003 * doubt
        return {"loss": loss, "error": place.detach(), "speed": speed.detach(),
                "distance": far.detach(), "doubt": doubt.detach()}  # fmt: skip

    @torch.no_grad()
    def calibrate(self, clean: PoseBatch) -> dict[str, float]:
        """Scale deviations so that 90 % of joints lie within where 90 % should.

        Args:
            clean: Windows of people that were not trained on.
        """
        if not isinstance(clean, SolidBatch):
            raise ShapeError(f"lifting is learned from 3D, but got a {type(clean).__name__}")
        self.eval()
        self.reseed(0)
        found = self.network(self.sight(clean), causal=False)
        known = clean.solid.isfinite().all(dim=-1)
        off = (relative(found.points) - relative(clean.solid)).norm(dim=-1)
        ratio = (off / found.std)[known & (off > 1e-4)]
        rank = math.ceil(0.9 * len(ratio))
        factor = float(ratio.kthvalue(rank).values) / _NINETY
        self.network.calibration.mul_(factor)
        return {"factor": factor, "coverage": float((ratio < _NINETY).float().mean())}

    @torch.no_grad()
    def evaluate(self, clean: PoseBatch) -> dict[str, float]:
        """Return the mean error per joint, mm from the root, of windows as they come in training.

        Args:
            clean: Windows of people that were not trained on.

        Returns:
            ``offline`` and ``causal``; and ``distance``, the median error of how far away the
            person is, relative to it.
        """
        if not isinstance(clean, SolidBatch):
            raise ShapeError(f"lifting is learned from 3D, but got a {type(clean).__name__}")
        self.eval()
        figures = {}
        for name in ("causal", "offline"):
            self.reseed(0)
            points = self.network(self.sight(clean), causal=name == "causal").points
            off = (relative(points) - relative(clean.solid)).norm(dim=-1)
            figures[name] = float(off.nanmean()) * 1000
        far = root(points)[..., 2] / root(clean.solid)[..., 2] - 1
        return {**figures, "distance": float(far.abs().median())}


def see(
    clean: SolidBatch,
    body: PoseBatch,
    placement: normalize.Placement,
    completer: Callable[[PoseBatch], PoseBatch] | None,
    fill: Tensor,
) -> Sight:
    """Complete the windows of ``fill`` ``[B]``, given in body units, and see all of them."""
    seen = body.observed & ~clean.filled
    rows = fill.nonzero().flatten()
    keypoints, given = body.keypoints.clone(), body.observed.clone()
    variance = (clean.spread / placement.scale[:, None, None]).square()
    covariance = variance[..., None, None] * torch.eye(2).to(variance)
    if completer is not None and len(rows):
        done = completer(body.select(rows))
        keypoints[rows], given[rows] = done.keypoints, done.observed
        if done.covariance is not None:
            covariance[rows] = done.covariance
    whole = PoseBatch(
        keypoints=keypoints, confidence=body.confidence, observed=given, times=body.times,
        covariance=covariance,
    )  # fmt: skip
    pixels = placement.into_pixels(whole)
    middle = torch.zeros_like(clean.solid[:, 0, 0, :2])
    return Sight.through(pixels, seen, clean.focal, middle, clean.mounting)


def root(points: Tensor) -> Tensor:
    """Return the middle of the shoulders of ``[..., 33, 3]``."""
    ends = Skeleton.load(CANONICAL).indices(["left_shoulder", "right_shoulder"])
    return points[..., ends, :].mean(dim=-2)


def relative(points: Tensor) -> Tensor:
    """Return points ``[..., 33, 3]`` from the middle of the shoulders."""
    return points - root(points)[..., None, :]


def _length(vectors: Tensor) -> Tensor:
    """Return lengths whose slope is finite at 0."""
    return (vectors.square().sum(dim=-1) + 1e-8).sqrt()
