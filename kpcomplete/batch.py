"""Poses as tensors."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kpcomplete.errors import ShapeError
from kpcomplete.pose import Array, PoseSequence, Visibility

_NAN = np.float32(np.nan)
CONFIDENCE_RADIUS = 0.2  # torso lengths; the confidence of a completed joint refers to it


@dataclass(frozen=True, kw_only=True, eq=False)
class Memory:
    """What is known of the people of B windows from elsewhere, never from the windows themselves.

    Attributes:
        mean: Where each joint usually was, in the unit of the windows; 0 where ``count`` is 0.
        count: In how many frames it was seen.
    """

    mean: Float[Tensor, "batch joint 2"]
    count: Float[Tensor, "batch joint"]

    @property
    def known(self) -> Bool[Tensor, "batch joint"]:
        """Joints that were ever seen."""
        return self.count > 0

    def map(self, function: Callable[[Tensor], Tensor]) -> "Memory":
        """Return the memory with both tensors changed."""
        return Memory(mean=function(self.mean), count=function(self.count))


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseBatch:
    """B windows of T frames of J joints, on one device.

    The unit of ``keypoints`` is the body unit where `kpcomplete.normalize` was applied, else
    pixels. A value under ``observed == False`` is 0 and carries nothing.

    Attributes:
        keypoints: x, y; 0 where not observed.
        confidence: The detector's, 0..1; 0 where not observed. After completion, of a completed
            joint, the probability that it lies within 0.2 torso lengths of its true place.
        observed: True where a joint is given. After completion also where it was filled in.
        times: Seconds, rising within a window.
        covariance: Of each joint, unit squared; None before completion.
        memory: Of the same people; None if nothing is remembered.
    """

    keypoints: Float[Tensor, "batch time joint 2"]
    confidence: Float[Tensor, "batch time joint"]
    observed: Bool[Tensor, "batch time joint"]
    times: Float[Tensor, "batch time"]
    covariance: Float[Tensor, "batch time joint 2 2"] | None = None
    memory: Memory | None = None

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.keypoints.device

    @classmethod
    def from_keypoints(
        cls, keypoints: Tensor, confidence: Tensor | None = None, *, fps: float = 30.0
    ) -> "PoseBatch":
        """Return a batch from ``[B, T, J, 2]`` coordinates, NaN where missing."""
        observed = torch.isfinite(keypoints).all(dim=-1)
        if confidence is None:
            confidence = torch.ones_like(keypoints[..., 0])
        times = torch.arange(keypoints.shape[1], device=keypoints.device) / fps
        return cls(
            keypoints=torch.where(observed[..., None], keypoints, 0.0),
            confidence=torch.where(observed, confidence, 0.0),
            observed=observed,
            times=times.to(keypoints.dtype).expand(keypoints.shape[:2]),
        )

    @classmethod
    def from_sequences(cls, sequences: Sequence[PoseSequence]) -> "PoseBatch":
        """Stack sequences of equal length and skeleton; completed joints count as observed.

        Raises:
            ShapeError: If lengths or skeletons differ.
        """
        if len({(len(s), s.skeleton.name) for s in sequences}) != 1:
            found = [(s.person, len(s), s.skeleton.name) for s in sequences]
            raise ShapeError(f"sequences must agree in length and skeleton, but got {found}")
        keypoints = np.stack([s.keypoints for s in sequences])
        batch = cls.from_keypoints(
            torch.from_numpy(keypoints),
            torch.from_numpy(np.stack([s.confidence for s in sequences])),
        )
        # relative to the first frame: float32 holds hours poorly
        times = np.stack([s.times - s.times[0] if len(s) else s.times for s in sequences])
        return replace(batch, times=torch.from_numpy(times).float())

    @classmethod
    def of_frame(
        cls, people: Sequence[PoseSequence], observed: Array, memory: Memory | None = None
    ) -> "PoseBatch":
        """Return one frame of each of some people; its time is 0.

        Args:
            people: One frame each.
            observed: ``[P, J]`` what counts of them.
            memory: Of the same people.
        """
        points = np.concatenate([poses.keypoints for poses in people])
        confidence = np.concatenate([poses.confidence for poses in people])
        points[~observed] = 0.0
        return cls(
            keypoints=torch.from_numpy(points)[:, None],
            confidence=torch.from_numpy(confidence)[:, None],
            observed=torch.from_numpy(observed)[:, None],
            times=torch.zeros(len(people), 1),
            memory=memory,
        )

    def hide(self, hidden: Bool[Tensor, "batch time joint"]) -> "PoseBatch":
        """Return the batch without the joints of ``hidden``: their values become 0."""
        return replace(
            self,
            keypoints=self.keypoints.masked_fill(hidden[..., None], 0.0),
            confidence=self.confidence.masked_fill(hidden, 0.0),
            observed=self.observed & ~hidden,
        )

    def select(self, rows: Tensor | slice) -> "PoseBatch":
        """Return some of the windows."""
        return self._map(lambda x: x[rows], lambda x: x[rows])

    def frames(self, frames: slice) -> "PoseBatch":
        """Return a stretch of every window."""
        return self._map(lambda x: x[:, frames], lambda x: x)

    def pieces(self, length: int) -> "PoseBatch":
        """Cut every window into windows of ``length`` frames; what is left over is dropped."""
        count = self.times.shape[1] // length

        def cut(x: Tensor) -> Tensor:
            return x[:, : count * length].reshape(len(x) * count, length, *x.shape[2:])

        return self._map(cut, lambda x: x.repeat_interleave(count, dim=0))

    def to(self, device: torch.device | str) -> "PoseBatch":
        """Return the batch on another device."""
        return self._map(lambda x: x.to(device), lambda x: x.to(device))

    def _map(
        self, function: Callable[[Tensor], Tensor], remember: Callable[[Tensor], Tensor]
    ) -> "PoseBatch":
        return PoseBatch(
            keypoints=function(self.keypoints),
            confidence=function(self.confidence),
            observed=function(self.observed),
            times=function(self.times),
            covariance=None if self.covariance is None else function(self.covariance),
            memory=None if self.memory is None else self.memory.map(remember),
        )

    @staticmethod
    def concatenate(batches: Sequence["PoseBatch"]) -> "PoseBatch":
        """Put windows of equal length one behind the other."""
        covariances = [b.covariance for b in batches if b.covariance is not None]
        memories = [b.memory for b in batches if b.memory is not None]
        return PoseBatch(
            keypoints=torch.cat([b.keypoints for b in batches]),
            confidence=torch.cat([b.confidence for b in batches]),
            observed=torch.cat([b.observed for b in batches]),
            times=torch.cat([b.times for b in batches]),
            covariance=torch.cat(covariances) if len(covariances) == len(batches) else None,
            memory=Memory(
                mean=torch.cat([m.mean for m in memories]),
                count=torch.cat([m.count for m in memories]),
            )
            if memories and len(memories) == len(batches)
            else None,
        )


def completed_sequence(raw: PoseSequence, done: PoseBatch, row: int) -> PoseSequence:
    """Return the completion of ``raw`` that stands in one row of a batch in pixels.

    What ``raw`` observed stays OBSERVED and keeps the detector's confidence; what was filled in
    is COMPLETED; the rest is MISSING.
    """
    given = done.observed[row].cpu().numpy()
    seen = raw.is_observed
    given = given | seen
    keypoints = np.where(given[..., None], done.keypoints[row].cpu().numpy(), np.nan)
    keypoints = np.where(seen[..., None], raw.keypoints, keypoints)  # to the bit
    filled = np.where(given, Visibility.COMPLETED, Visibility.MISSING)
    covariance = None
    if done.covariance is not None:
        covariance = done.covariance[row].cpu().numpy()
        covariance = np.where(given[..., None, None], covariance, np.nan).astype(np.float32)
    confidence = np.where(seen, raw.confidence, done.confidence[row].cpu().numpy())
    return replace(
        raw,
        keypoints=keypoints.astype(np.float32),
        confidence=np.where(given, confidence, 0).astype(np.float32),
        visibility=np.where(seen, Visibility.OBSERVED, filled).astype(np.uint8),
        covariance=covariance,
    )


def completed_frame(
    people: Sequence[PoseSequence], seen: Array, done: PoseBatch
) -> dict[str, PoseSequence]:
    """Return person to completion as `completed_sequence` does, for a frame of several people.

    Args:
        people: One frame each.
        seen: ``[P, J]`` what of them is OBSERVED.
        done: Their completion, row by row, on the CPU.
    """
    given = done.observed[:, 0].numpy() | seen
    keypoints = np.where(given[..., None], done.keypoints[:, 0].numpy(), _NAN)
    confidence = np.where(given, done.confidence[:, 0].numpy(), np.float32(0))
    visibility = given * np.uint8(Visibility.COMPLETED) + seen  # OBSERVED is one more
    covariance: Array | None = None
    if done.covariance is not None:
        covariance = np.where(given[..., None, None], done.covariance[:, 0].numpy(), _NAN)
    raw_points = np.concatenate([raw.keypoints for raw in people])
    np.copyto(keypoints, raw_points, where=seen[..., None])  # to the bit
    np.copyto(confidence, np.concatenate([raw.confidence for raw in people]), where=seen)
    out = {}
    for row, raw in enumerate(people):
        at = slice(row, row + 1)
        out[raw.person] = raw.changed(
            keypoints=keypoints[at], confidence=confidence[at], visibility=visibility[at],
            covariance=None if covariance is None else covariance[at],
        )  # fmt: skip
    return out


@cache
def _directions(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of 24 angles, the half of a circle."""
    with torch.inference_mode(False):
        angle = torch.arange(24, device=device, dtype=dtype) * (math.pi / 24)
        return angle.cos(), angle.sin()


def within_radius(
    covariance: Float[Tensor, "*batch 2 2"], radius: float
) -> Float[Tensor, "*batch"]:
    """Return the probability that a zero-mean Gaussian in the plane lies within a radius.

    The radial part of the integral has a closed form; the angle is summed over 24 directions of
    the plane in which the Gaussian is round, where it matters little however long an ellipse is.

    Args:
        covariance: Positive definite, unit squared.
        radius: In the same unit.

    Example:
        >>> round(float(within_radius(torch.eye(2), 2.0)), 4)  # 1 - exp(-2)
        0.8647
    """
    x, y = _directions(covariance.device, covariance.dtype)
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    wide = a.clamp_min(1e-12).sqrt()
    across = b / wide
    high = (c - across.square()).clamp_min(0).sqrt()
    away = (wide[..., None] * x).square()
    away = away + (across[..., None] * x + high[..., None] * y).square()
    inside: Tensor = -torch.expm1(-0.5 * radius**2 / away.clamp_min(1e-12)).mean(dim=-1)
    return inside
