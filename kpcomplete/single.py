"""Layers of networks for a frame or two, compiled.

At one frame a network is all overhead: of torch's and numpy's operations each takes longer than
its numbers.
"""

import math

import numpy as np
from torch import Tensor, nn

from kpcomplete.compiled import compiled
from kpcomplete.pose import Array

_HALF = np.float32(math.sqrt(0.5))
_ONE, _LEAST = np.float32(1), np.float32(1e-5)
_FAR = np.float32(4)  # beyond it the error function is 1
# x P(x²) / Q(x²) is the error function, off by 3e-7 at most; the numbers are those of Eigen
_P6, _P5, _P4, _P3, _P2, _P1, _P0 = np.array([
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
], np.float32)  # fmt: skip
_Q4, _Q3, _Q2, _Q1, _Q0 = np.array([
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
    -1.42647390514189e-02,
], np.float32)  # fmt: skip


def numpy(tensor: Tensor | nn.Module) -> Array:
    """Return a layer's tensor as float32 numbers."""
    assert isinstance(tensor, Tensor)  # the type checker cannot know it of a layer's attributes
    values: Array = tensor.detach().cpu().numpy().astype(np.float32)
    return values


def linear(layer: nn.Module) -> tuple[Array, Array]:
    """Return the weight ``[in, out]`` and the bias of a linear layer."""
    assert isinstance(layer, nn.Linear)
    return np.ascontiguousarray(numpy(layer.weight).T), numpy(layer.bias)


def before_gelu(weight: Array, bias: Array) -> tuple[Array, Array]:
    """Return a layer whose outputs are those that bent ones take.

    Of numbers over a root of 2, ``x (1 + erf x)`` are Gaussian error linear units times a root of
    2. Layers around it take the factors, see `after_gelu`.
    """
    return weight * _HALF, bias * _HALF


def after_gelu(weight: Array) -> Array:
    """Return the weight of a layer that takes what was bent, see `before_gelu`."""
    out: Array = weight * _HALF
    return out


@compiled()
def _bend(x: Array) -> None:
    """Make ``x (1 + erf x)`` of numbers in a row."""
    for i in range(len(x)):
        v = min(max(x[i], -_FAR), _FAR)
        s = v * v
        p = ((((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0) * v
        q = (((_Q4 * s + _Q3) * s + _Q2) * s + _Q1) * s + _Q0
        x[i] *= _ONE + p / q


@compiled()
def _normal(x: Array, out: Array) -> None:
    """Write a row less its mean, over its standard deviation."""
    mean = size = np.float32(0)
    for i in range(len(x)):
        mean += x[i]
    mean /= np.float32(len(x))
    for i in range(len(x)):
        size += (x[i] - mean) * (x[i] - mean)
    scale = _ONE / np.sqrt(size / np.float32(len(x)) + _LEAST)
    for i in range(len(x)):
        out[i] = (x[i] - mean) * scale


@compiled("f4[:, ::1](f4[:, ::1], f4[::1], f4[::1])")
def normal(x: Array, gain: Array, shift: Array) -> Array:
    """Return ``[P, W]`` rows less their means, over their standard deviations, scaled and moved."""
    out = np.empty_like(x)
    for person in range(len(x)):
        _normal(x[person], out[person])
        for i in range(x.shape[1]):
            out[person, i] = out[person, i] * gain[i] + shift[i]
    return out


@compiled()
def _dense(x: Array, weight: Array, bias: Array) -> Array:
    out = np.empty((len(x), weight.shape[1]), np.float32)
    np.dot(x, weight, out)
    for person in range(len(x)):
        for i in range(len(bias)):
            out[person, i] += bias[i]
    return out


@compiled("f4[:, ::1](f4[:, ::1], f4[:, ::1], f4[::1])")
def dense(x: Array, weight: Array, bias: Array) -> Array:
    """Return what a layer makes of ``[P, I]`` numbers, ``[P, O]``."""
    return _dense(x, weight, bias)


@compiled("f4[:, ::1](f4[:, ::1], f4[:, ::1], f4[::1])")
def bent(x: Array, weight: Array, bias: Array) -> Array:
    """Return ``[P, O]`` what a layer makes of numbers, bent; see `before_gelu`."""
    out = _dense(x, weight, bias)
    _bend(out.reshape(-1))
    return out


@compiled("f4[:, ::1](f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[::1], f4[:, ::1], f4[::1])")
def thought(
    x: Array, seen: Array, first: Array, first_bias: Array, second: Array, second_bias: Array
) -> Array:
    """Return ``[P, W]`` rows with what two layers make of what they see ``[P, I]``."""
    inner = _dense(seen, first, first_bias)
    _bend(inner.reshape(-1))
    out = _dense(inner, second, second_bias)
    for person in range(len(x)):
        for i in range(x.shape[1]):
            out[person, i] += x[person, i]
    return out


@compiled("f4[:, ::1](f4[:, ::1], f4[::1], f4[::1], f4[:, ::1], f4[:, :, ::1], i8,"
          " f4[:, :, ::1])")  # fmt: skip
def looked_back(
    x: Array, gain: Array, shift: Array, taps: Array, before: Array, number: int, seen: Array
) -> Array:
    """Return ``[P, W]`` what one of B convolutions sees, and keep what it looks at now.

    Args:
        x: ``[P, W]`` of this frame.
        gain: ``[W]`` of the norm.
        shift: ``[W]``.
        taps: ``[3, W]`` of this frame and two earlier ones.
        before: ``[P, 2 B, W]`` what all convolutions look back to.
        number: Of the convolution.
        seen: ``[P, B, W]`` where to keep it.
    """
    out = np.empty_like(x)
    for person in range(len(x)):
        now, old = seen[person, number], before[person, 2 * number]
        older = before[person, 2 * number + 1]
        _normal(x[person], now)
        for i in range(x.shape[1]):
            now[i] = now[i] * gain[i] + shift[i]
            out[person, i] = now[i] * taps[0, i] + old[i] * taps[1, i] + older[i] * taps[2, i]
    return out


@compiled("f4[:, ::1](f4[:, ::1], f4[:, :, ::1], i8, i8, i8, b1[::1])")
def with_earlier(x: Array, rings: Array, first: int, length: int, now: int, fresh: Array) -> Array:
    """Return ``[P, 2 W]`` normed rows behind the earliest that a ring has, and keep them there.

    Args:
        x: ``[P, W]`` of this frame.
        rings: ``[P, R, W]``.
        first: Where in them the ring begins.
        length: Of the ring.
        now: Number of the frame.
        fresh: ``[P]`` whose first frame it is: nothing was before.
    """
    width = x.shape[1]
    out = np.empty((len(x), 2 * width), np.float32)
    last, earliest = first + now % length, first + (now + 1) % length
    for person in range(len(x)):
        _normal(x[person], rings[person, last])
        if fresh[person]:
            for row in range(first, first + length):
                for i in range(width):
                    rings[person, row, i] = rings[person, last, i]
        for i in range(width):
            out[person, i] = rings[person, earliest, i]
            out[person, width + i] = rings[person, last, i]
    return out


@compiled("f4[:, ::1](f4[:, ::1], f4[::1], f4[::1], f4[:, ::1], f4[::1])")
def ended(x: Array, gain: Array, shift: Array, weight: Array, bias: Array) -> Array:
    """Return ``[P, O]`` what the last layer makes of normed rows ``[P, W]`` that were bent."""
    seen = np.empty_like(x)
    for person in range(len(x)):
        _normal(x[person], seen[person])
        for i in range(x.shape[1]):
            seen[person, i] = seen[person, i] * gain[i] + shift[i]
    _bend(seen.reshape(-1))
    return _dense(seen, weight, bias)


@compiled("void(f4[:, :, ::1], i8[::1], f4[:, ::1], f4[:, :, ::1], f4[:, :, ::1], f4[:, :, ::1],"
          " f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[::1], f4[:, :, ::1])")  # fmt: skip
def by_joint(
    features: Array, use: Array, spelt: Array, local: Array, think: Array, spoken: Array,
    bias: Array, when: Array, when_bias: Array, choose: Array, choose_bias: Array, heads: Array,
) -> None:  # fmt: skip
    """Fill in the heads ``[P, J, O]`` of S joints, by layers of their own.

    Args:
        features: ``[P, J, F]``.
        use: ``[S]`` numbers of the joints.
        spelt: ``[P, S C]`` what their codes are to begin with.
        local: ``[S, F, C]`` what features say to codes.
        think: ``[S, C, C]`` what codes say to themselves.
        spoken: ``[S, C, O']`` what codes say to the last of the heads.
        bias: ``[S, O']`` of these.
        when: ``[F, H]`` what features say to what chooses the first of the heads.
        when_bias: ``[S, H]``.
        choose: ``[H, O - O']``.
        choose_bias: ``[O - O']``.
        heads: To be filled in.
    """
    people, joints, size = features.shape
    codes, chosen = local.shape[2], choose.shape[1]
    code, again = np.empty(codes, np.float32), np.empty(codes, np.float32)
    first, last = np.empty(chosen, np.float32), np.empty(bias.shape[1], np.float32)
    every = np.dot(features.reshape(people * joints, size), when)
    for person in range(people):
        for row in range(len(use)):
            seen, out = features[person, use[row]], heads[person, use[row]]
            for i in range(codes):
                code[i], again[i] = spelt[person, row * codes + i], 0
            _add(code, seen, local[row])
            _bend(code)
            _add(again, code, think[row])
            _bend(again)
            for i in range(codes):
                code[i] += again[i]
            hidden = every[person * joints + use[row]]
            for i in range(len(hidden)):
                hidden[i] += when_bias[row, i]
            _bend(hidden)
            _copy(first, choose_bias)
            _add(first, hidden, choose)
            _copy(last, bias[row])
            _add(last, code, spoken[row])
            _copy(out[:chosen], first)
            _copy(out[chosen:], last)


@compiled()
def _copy(out: Array, values: Array) -> None:
    for i in range(len(out)):
        out[i] = values[i]


@compiled()
def _add(out: Array, x: Array, weight: Array) -> None:
    """Add the product of a row and a small matrix, four rows of it at a time."""
    whole = len(x) - len(x) % 4
    for i in range(0, whole, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for o in range(len(out)):
            out[o] += a * weight[i, o] + b * weight[i + 1, o]
            out[o] += c * weight[i + 2, o] + d * weight[i + 3, o]
    for i in range(whole, len(x)):
        for o in range(len(out)):
            out[o] += x[i] * weight[i, o]
