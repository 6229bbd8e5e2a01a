"""Pixels to body units and back, fitted on observed joints only."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.skeleton import CANONICAL, Skeleton

TORSO = 1.25
"""Shoulder line to hip line in body units, of the adult means of the tables of de Leva (1996)."""

# Where a joint of an upright sitter lies from the middle of the shoulders, body units; places the
# body when shoulders are missing, so a rough figure will do.
_PLACES = {"nose": (0.0, -0.65), "ear": (0.2, -0.65), "eye": (0.08, -0.75), "mouth": (0.07, -0.53),
           "shoulder": (0.5, 0.0), "hip": (0.32, 1.25), "elbow": (0.65, 0.75),
           "wrist": (0.5, 1.1)}  # fmt: skip

# Lengths in body units when neither nose and shoulders nor both shoulders are seen.
LENGTHS = {
    ("nose", "left_shoulder"): 0.8, ("nose", "right_shoulder"): 0.8,
    ("left_ear", "right_ear"): 0.42, ("left_eye", "right_eye"): 0.18,
    ("nose", "left_ear"): 0.33, ("nose", "right_ear"): 0.33,
    ("left_shoulder", "left_elbow"): 0.85, ("right_shoulder", "right_elbow"): 0.85,
    ("left_elbow", "left_wrist"): 0.72, ("right_elbow", "right_wrist"): 0.72,
    ("left_shoulder", "left_hip"): TORSO, ("right_shoulder", "right_hip"): TORSO,
    ("left_hip", "right_hip"): 0.62,
    ("left_hip", "left_knee"): 1.15, ("right_hip", "right_knee"): 1.15,
    ("left_knee", "left_ankle"): 1.1, ("right_knee", "right_ankle"): 1.1,
}  # fmt: skip


# Without a nose the shoulders alone would tell the size, and a side view hardly separates them (5
# times too small for real drivers). Then these count too, a little shortened: the longest of
# several lengths is above their middle.
TRUNK = tuple(
    (f"{side}_shoulder", f"{side}_{end}") for side in ("left", "right") for end in ("elbow", "hip")
)
TRUNK_SHARE = 0.85
_SHOULDERS = ("left_shoulder", "right_shoulder")


@dataclass(frozen=True)
class Placement:
    """Where a person is in the image, and how large.

    Attributes:
        centre: Middle of the shoulders, pixels.
        scale: Pixels per body unit. The body unit S is the larger of 1.5 times the median
            distance from nose to neck and the median distance between the shoulders, so that it
            survives a side view.
    """

    centre: Float[Tensor, "batch 2"]
    scale: Float[Tensor, " batch"]

    def into_body(self, batch: PoseBatch) -> PoseBatch:
        """Return a batch of pixels in body units."""
        scale = self.scale[:, None, None, None]
        moved = (batch.keypoints - self.centre[:, None, None]) / scale
        return replace(
            batch,
            keypoints=torch.where(batch.observed[..., None], moved, 0.0),
            covariance=_scaled(batch.covariance, 1 / self.scale),
            memory=self._remembered(batch.memory, into_body=True),
        )

    def into_pixels(self, batch: PoseBatch) -> PoseBatch:
        """Return a batch of body units in pixels."""
        moved = batch.keypoints * self.scale[:, None, None, None] + self.centre[:, None, None]
        return replace(
            batch,
            keypoints=torch.where(batch.observed[..., None], moved, 0.0),
            covariance=_scaled(batch.covariance, self.scale),
            memory=self._remembered(batch.memory, into_body=False),
        )

    def _remembered(self, memory: Memory | None, *, into_body: bool) -> Memory | None:
        if memory is None:
            return None
        scale, centre = self.scale[:, None, None], self.centre[:, None]
        mean = (memory.mean - centre) / scale if into_body else memory.mean * scale + centre
        return replace(memory, mean=torch.where(memory.known[..., None], mean, 0.0))


def fit(batch: PoseBatch) -> Placement:
    """Place the person of each window by the joints that are observed, and by no other.

    Every figure is a median over the window's frames, so that single wrong detections do not move
    it. What is not seen is replaced in turn: no nose, by upper arms and flanks; no neck, by any
    pair of joints of known length; no pair, by 1 pixel per body unit; no shoulders, by any joints
    whose usual place is known.

    Args:
        batch: Windows in pixels, canonical skeleton.
    """
    scale = _scale(batch)
    return Placement(centre=_centre(batch, scale), scale=scale)


def _scaled(covariance: Tensor | None, factor: Tensor) -> Tensor | None:
    return None if covariance is None else covariance * factor[:, None, None, None, None] ** 2


def _points(batch: PoseBatch) -> Callable[[Iterable[str]], Tensor]:
    """Return a look-up of N joints by name: ``[B, T, N, 2]``, NaN where not observed."""
    skeleton = Skeleton.load(CANONICAL)
    points = torch.where(batch.observed[..., None], batch.keypoints, torch.nan)
    return lambda joints: points[:, :, skeleton.indices(joints)]


def _scale(batch: PoseBatch) -> Tensor:
    if not batch.keypoints.shape[1]:
        return batch.keypoints.new_ones(len(batch))
    points = _points(batch)
    nose, left, right = points(["nose", *_SHOULDERS]).unbind(dim=2)
    first, second = (points(ends) for ends in zip(*LENGTHS, strict=True))
    first = torch.cat([torch.stack([nose, left], dim=2), first], dim=2)
    second = torch.cat([torch.stack([(left + right) / 2, right], dim=2), second], dim=2)
    lengths = (first - second).norm(dim=-1).nanmedian(dim=1).values.mT
    head, shoulders = 1.5 * lengths[0], lengths[1]
    others = lengths[2:] / lengths.new_tensor(list(LENGTHS.values()))[:, None]
    # foreshortening only shrinks: the longest tells most
    fallback = others.nan_to_num(-torch.inf).amax(dim=0)
    trunk = others[[list(LENGTHS).index(bone) for bone in TRUNK]].nan_to_num(-torch.inf)
    faceless = torch.maximum(shoulders, TRUNK_SHARE * trunk.amax(dim=0))  # NaN: no shoulders
    scale = torch.where(head.isfinite(), torch.fmax(head, shoulders), faceless)
    scale = torch.where(scale.isfinite() & (scale > 0), scale, fallback)
    return torch.where(scale.isfinite() & (scale > 0), scale, 1.0)


def _centre(batch: PoseBatch, scale: Tensor) -> Tensor:
    if not batch.keypoints.shape[1]:
        return batch.keypoints.new_zeros(len(batch), 2)
    skeleton = Skeleton.load(CANONICAL)
    points = _points(batch)(skeleton.joints)
    left, right = points[:, :, skeleton.indices(_SHOULDERS)].unbind(dim=2)
    neck = ((left + right) / 2).nanmedian(dim=1).values
    if neck.isfinite().all():  # as a rule; the rest takes longer than all before
        return neck
    offsets = _offsets().to(batch.keypoints)
    guesses = points - offsets * scale[:, None, None, None]
    guess = guesses.nanmedian(dim=1).values.nanmedian(dim=1).values
    anywhere = points.flatten(1, 2).nanmedian(dim=1).values
    centre = torch.where(neck.isfinite(), neck, guess)
    centre = torch.where(centre.isfinite(), centre, anywhere)
    return centre.nan_to_num(0.0)


@cache
def _offsets() -> Tensor:
    """Return the usual places ``[J, 2]`` of all joints, NaN where they have none."""
    return torch.tensor([_place(joint) for joint in Skeleton.load(CANONICAL).joints])


def _place(joint: str) -> tuple[float, float]:
    """Return the usual place of a joint, NaN where it has none; an unmirrored, frontal view."""
    for part, (x, y) in _PLACES.items():
        if part in joint.split("_") or joint == part:
            side = 1 if "left" in joint else -1 if "right" in joint else 0
            return side * x, y
    return torch.nan, torch.nan
