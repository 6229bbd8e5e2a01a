"""What of a network's prediction is filled in."""

from dataclasses import replace

import torch
from torch import Tensor

from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch, within_radius
from kpcomplete.model import Prediction
from kpcomplete.normalize import TORSO


def filled(batch: PoseBatch, found: Prediction, max_std: float | None = None) -> PoseBatch:
    """Return windows in body units with missing joints filled in.

    Args:
        batch: The windows.
        found: Of the same windows.
        max_std: Body units. What is less certain, in the worst direction, stays missing; None
            fills in everything.
    """
    covariance = found.covariance
    fill = found.known & ~batch.observed
    if max_std is not None:
        fill &= _largest_std(covariance) <= max_std
    where = fill.flatten().nonzero()[:, 0]
    sure = within_radius(covariance.flatten(0, 2)[where], CONFIDENCE_RADIUS * TORSO)
    confidence = batch.confidence.flatten().index_copy(0, where, sure).view(fill.shape)
    return replace(
        batch,
        keypoints=torch.where(fill[..., None], found.mean, batch.keypoints),
        confidence=confidence,
        observed=batch.observed | fill,
        covariance=torch.where(fill[..., None, None], covariance, 0.0),
    )


def _largest_std(covariance: Tensor) -> Tensor:
    """Return the standard deviation in the worst direction, ``[..., ]`` of ``[..., 2, 2]``."""
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    mean, half = (a + c) / 2, (a - c) / 2
    largest: Tensor = (mean + (half.square() + b.square()).sqrt()).sqrt()
    return largest
