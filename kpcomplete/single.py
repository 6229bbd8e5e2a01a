"""Layers of networks for a frame or two, in numpy.

At one frame a network is all overhead: of torch's operations each takes longer than its numbers.
"""

import math
from functools import cache

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor, nn

from kpcomplete.pose import Array

_HALF = np.float32(math.sqrt(0.5))
_ONE, _LEAST = np.float32(1), np.float32(1e-5)
_MANY = 256  # numbers from which torch's error function is faster, conversions included


def numpy(tensor: Tensor | nn.Module) -> Array:
    """Return a layer's tensor as float32 numbers."""
    assert isinstance(tensor, Tensor)  # the type checker cannot know it of a layer's attributes
    values: Array = tensor.detach().cpu().numpy().astype(np.float32)
    return values


def linear(layer: nn.Module) -> tuple[Array, Array]:
    """Return the weight ``[in, out]`` and the bias of a linear layer."""
    assert isinstance(layer, nn.Linear)
    return np.ascontiguousarray(numpy(layer.weight).T), numpy(layer.bias)


def normal(x: Array) -> Array:
    """Return ``[P, W]`` rows less their means, over their standard deviations."""
    share = _share(x.shape[1])
    x = x - np.dot(x, share)
    size = np.dot(x * x, share)
    size += _LEAST
    x /= np.sqrt(size, out=size)
    return x


@cache
def _share(width: int) -> Array:
    return np.full((width, 1), 1 / width, np.float32)


def gelu(x: Array) -> Array:
    """Return Gaussian error linear units of float32 numbers."""
    out = bent(x * _HALF)
    out *= _HALF
    return out


def before_gelu(weight: Array, bias: Array) -> tuple[Array, Array]:
    """Return a layer whose outputs are those that `bent` takes."""
    return weight * _HALF, bias * _HALF


def after_gelu(weight: Array) -> Array:
    """Return the weight of a layer that takes what `bent` returns."""
    out: Array = weight * _HALF
    return out


def bent(x: Array) -> Array:
    """Return ``x (1 + erf x)``: of float32 numbers over a root of 2, units times a root of 2.

    Layers around it take the factors, see `before_gelu` and `after_gelu`.
    """
    out: Array = torch.erf(torch.from_numpy(x)).numpy() if x.size >= _MANY else erf(x)
    out += _ONE
    out *= x
    return out


def dot(first: Array, second: Array) -> Array:
    """Return the products ``[...]`` of vectors ``[..., n]``.

    For small n four times as fast as a sum over the last axis.
    """
    out: Array = first[..., 0] * second[..., 0]
    for axis in range(1, first.shape[-1]):
        out += first[..., axis] * second[..., axis]
    return out


def squared(vectors: Array) -> Array:
    """Return the squared lengths ``[...]`` of vectors ``[..., n]``."""
    return dot(vectors, vectors)
