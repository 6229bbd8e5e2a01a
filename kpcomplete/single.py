"""Layers of networks for a frame or two, in numpy.

At one frame a network is all overhead: of torch's operations each takes longer than its numbers.
"""

import math

import numpy as np
from scipy.special import erf
from torch import Tensor, nn

from kpcomplete.pose import Array


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
    share = np.full((x.shape[1], 1), 1 / x.shape[1], np.float32)
    x = x - x @ share
    x /= np.sqrt((x * x) @ share + np.float32(1e-5))
    return x


def gelu(x: Array) -> Array:
    """Return Gaussian error linear units of float32 numbers."""
    out: Array = erf(x * np.float32(math.sqrt(0.5)))
    out += 1
    out *= x
    out *= np.float32(0.5)
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
