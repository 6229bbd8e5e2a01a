"""How far a prediction is from the truth."""

import torch
from jaxtyping import Float
from torch import Tensor


def masked_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean; 0 if nothing has weight."""
    total: Tensor = (values * weight).sum() / weight.sum().clamp_min(1e-6)
    return total


def student_nll(
    offset: Float[Tensor, "*#batch 2"], factor: Float[Tensor, "*#batch 2 2"], freedom: float = 5.0
) -> Float[Tensor, "*batch"]:
    """Return the negative log likelihood of offsets in the plane, up to a constant.

    Tails are those of Student's t distribution, so that a few tracking errors in the training
    material do not blow up all regions.

    Args:
        offset: Truth minus mean.
        factor: Lower triangular, of the covariance; which the distribution has exactly.
        freedom: Degrees of freedom, above 2.
    """
    diagonal = torch.diagonal(factor, dim1=-2, dim2=-1)
    first = offset[..., 0] / diagonal[..., 0]
    second = (offset[..., 1] - factor[..., 1, 0] * first) / diagonal[..., 1]
    distance = (first.square() + second.square()) / (freedom - 2)
    nll: Tensor = (freedom + 2) / 2 * torch.log1p(distance) + diagonal.log().sum(dim=-1)
    return nll
