"""Err as detectors do: mostly a little, now and then a lot, for a while, and half knowing it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded, check_hold
from kpcomplete.skeleton import CANONICAL, Skeleton

# Of each kind of joint: how often it errs a little, and by how much (left and right averaged, x and
# y alike), in shares of half an image, from MotionBERT's params/synthetic_noise.pth (Apache-2.0).
# Joints that it lacks are filled in: faces as heads, hands as wrists, feet as ankles.
_JOINTS = {
    "hip": (0.971, 0.0061), "knee": (0.884, 0.0058), "ankle": (0.858, 0.0074),
    "shoulder": (0.886, 0.0075), "elbow": (0.814, 0.0054), "wrist": (0.716, 0.0053),
}  # fmt: skip
_HEAD = (0.984, 0.0035)
_SAME = {"pinky": "wrist", "index": "wrist", "thumb": "wrist", "heel": "ankle", "foot": "ankle"}
_RADIUS, _JITTER = 0.03, 0.002  # of large errors (even in a square), of trembling
_NEAR, _SLOPE, _MIDDLE, _SCATTER = 0.028, 1.1, -0.0046, 0.1431  # of confidence; d2c_params.pkl


@dataclass(kw_only=True)
class DetectorNoise(Seeded):
    """Move observed joints as a detector would, and let its confidence follow.

    The mixture of MotionBERT (Zhu et al. 2023, arXiv 2210.06551): errors are drawn at key frames
    and change evenly between them, each Gaussian or, less often, large; every frame trembles on
    top. Confidence falls with the error, and scatters: it is multiplied by that of the batch.

    Args:
        unit: Body units (or whatever the unit of the batch is) to half an image, in which the
            errors were measured: 4.5 for a person who stands upright in half of it.
        strength: Times the measured errors; 0 moves nothing.
        hold: Frames from one key frame to the next.
        seed: Same seed, same noise.

    Raises:
        ValueError: If a number is out of range.
    """

    unit: float = 4.5
    strength: float = 1.0
    hold: int = 9

    def __post_init__(self) -> None:
        check_hold(self.hold)
        if self.unit <= 0 or self.strength < 0:
            raise ValueError(
                "detector noise needs unit > 0 and strength >= 0, but got "
                f"unit={self.unit}, strength={self.strength}"
            )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        offset = self.strength * self._offset(batch)
        distance = offset.norm(dim=-1)
        noise = _MIDDLE + _SCATTER * self.normal(*distance.shape, device=batch.device)
        sure = (_NEAR / (distance + _NEAR) + _SLOPE * distance + noise).clamp(0, 1)
        seen = batch.observed
        moved = batch.keypoints + (self.unit * offset).to(batch.keypoints.dtype)
        return replace(
            batch,
            keypoints=torch.where(seen[..., None], moved, batch.keypoints),
            confidence=torch.where(seen, sure.to(batch.confidence) * batch.confidence, 0.0),
        )

    def _offset(self, batch: PoseBatch) -> Tensor:
        """Return ``[B, T, J, 2]`` errors in shares of half an image."""
        size, time, joints = batch.observed.shape
        table = torch.tensor([_figures(j) for j in Skeleton.load(CANONICAL).joints])
        little, width = table.to(batch.device).unbind(dim=1)
        keys = -(-max(time - 1, 0) // self.hold) + 1
        small = width[:, None] * self.normal(size, keys, joints, 2, device=batch.device)
        large = _RADIUS * (2 * self.uniform(size, keys, joints, 2, device=batch.device) - 1)
        choice = self.uniform(size, keys, joints, 1, device=batch.device) < little[:, None]
        drawn = torch.where(choice, small, large)
        place = torch.arange(time, device=batch.device) / self.hold
        before = place.long()
        after = before.add(1).clamp_max(keys - 1)
        slow = torch.lerp(drawn[:, before], drawn[:, after], (place - before)[:, None, None])
        return slow + _JITTER * self.normal(size, time, joints, 2, device=batch.device)


def _figures(joint: str) -> tuple[float, float]:
    """Return how often a joint errs little, and by how much."""
    for word in joint.split("_"):
        kind = _SAME.get(word, word)
        if kind in _JOINTS:
            return _JOINTS[kind]
    return _HEAD
