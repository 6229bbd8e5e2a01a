"""The causal half of the shipped network for one frame at a time, compiled."""

import math
from typing import Any

import numpy as np
from torch import nn

from kpcomplete.model.chooser import SCALARS
from kpcomplete.model.layers import Shift, TemporalBlock
from kpcomplete.model.temporal import Temporal
from kpcomplete.pose import Array
from kpcomplete.single import (
    after_gelu,
    before_gelu,
    bent,
    by_joint,
    dense,
    linear,
    looked_back,
    normal,
    numpy,
    thought,
)

# Numbers of the features (see `kpcomplete.model.features`) that differ when causal. Those that are
# equal then, because nothing comes after, are added up.
_KEPT = (
    (0,), (1,), (2,), (3,), (4,), (5,), (8, 10), (9, 11), (12,), (13,), (16,), (17,), (18,), (19,),
    (20,), (21,), (22,), (23,), (24,), (25,), (27, 28), (29,), (31,), (32,), (33,), (34,), (35,),
    (37,), (38,), (43,), (44,), (45,), (46,),
)  # fmt: skip
_NO_LENGTH = math.log1p(20 * math.sqrt(1e-9)) / 3
_CONSTANT = {26: _NO_LENGTH, 30: _NO_LENGTH, 39: 2.0}  # all others are 0
FEATURES = len(_KEPT)
_HALF = np.float32(math.sqrt(0.5))


class Fused:
    """Weights of `Temporal`, arranged for frames that come one by one.

    At one frame a network is all overhead: torch takes 3 ms for it, loops a tenth of
    that. What is constant when causal becomes part of biases, and only joints with training
    material are computed.

    Attributes:
        use: ``[S]`` numbers of these joints.
        reach: Frames that each convolution looks back, for `layer`.
    """

    def __init__(self, network: Temporal) -> None:
        self.use = np.flatnonzero(network.supported.cpu().numpy())
        self.joints, self.codes = len(network.skeleton), network.codes
        self.whole = len(self.use) == self.joints
        first, block = network.enter[0], network.enter[2]
        weight, bias = linear(first)
        by_joint = weight[:-1].reshape(self.joints, -1, weight.shape[1])[self.use]
        kept, constant = _fold(by_joint)
        self.first = kept.reshape(-1, weight.shape[1])
        self.first_bias = bias + weight[-1] + constant.sum(axis=0)  # the last one says causal
        self.block = _Block(block)
        self.past = [_Block(b) for b in network.past]
        self.reach = tuple(b.reach for b in self.past)
        join, norm = network.join
        weight, self.join_bias = linear(join)
        self.join = weight[: 2 * weight.shape[1]]  # nothing ahead
        weight, bias = linear(network.spell)
        of_joints = (self.use[:, None] * self.codes + np.arange(self.codes)).ravel()
        weight, bias = weight[:, of_joints], bias[of_joints]
        self.gain, self.shift = numpy(norm.weight), numpy(norm.bias)
        kept, constant = _fold(numpy(network.local)[self.use])
        self.local = kept
        # columns that were picked lie one behind the other: rows must, for products to be fast
        self.spell = np.ascontiguousarray(weight)
        self.spell_bias = bias + constant.ravel()
        self.think = numpy(network.think)[self.use]
        self.out = numpy(network.out)[self.use]
        self.bias = numpy(network.bias)[self.use]
        weight, bias = linear(network.chooser.when)
        nothing = np.zeros((network.local.shape[1] - SCALARS, weight.shape[1]), np.float32)
        kept, constant = _fold(np.concatenate([nothing, weight])[None])
        self.when = kept[0]
        self.when_bias = bias + constant + numpy(network.chooser.whose)[self.use]
        self.choose, self.choose_bias = linear(network.chooser.choose)
        self._arrange()

    def same_as(self, other: "Fused") -> bool:
        """Whether both are the same weights, and run here."""
        if not type(self) is type(other) is Fused:
            return False
        return _same(vars(self), vars(other))

    def _arrange(self) -> None:
        """Give layers the factors of the units between them, see `before_gelu`."""
        self._first = before_gelu(self.first, self.first_bias)
        self._spell = before_gelu(self.spell, self.spell_bias)
        self._local, _ = before_gelu(self.local, self.bias)
        self._when = before_gelu(self.when, self.when_bias)
        self._choose, self._out = after_gelu(self.choose), after_gelu(self.out)
        self._chosen = self.choose.shape[1]
        # its inputs have the factor that its outputs want
        self._think = after_gelu(before_gelu(self.think, self.bias)[0])

    def __call__(self, features: Array, before: Array) -> tuple[Array, Array, Array]:
        """Return what the decoder's heads say, the latents, and what later frames look back to.

        Args:
            features: ``[P, J, F]`` of one frame.
            before: ``[P, 2 B, W]`` what each of B convolutions looks back to: of each the frame
                `reach` before this one, and the one twice as far.

        Returns:
            Heads ``[P, J, O]``, 0 for joints without material; latents ``[P, W]``; and
            ``[P, B, W]`` what the convolutions look at in this frame.
        """
        people = len(features)
        used = features if self.whole else np.ascontiguousarray(features[:, self.use])
        past = frame = self.block.alone(bent(used.reshape(people, -1), *self._first) * _HALF)
        seen = np.empty((people, len(self.past), past.shape[1]), np.float32)
        for number, block in enumerate(self.past):
            past = block(past, before, number, seen)
        code = dense(np.concatenate([frame, past], axis=1), self.join, self.join_bias)
        code = normal(code, self.gain, self.shift)
        heads = np.zeros((people, self.joints, self._chosen + self.out.shape[2]), np.float32)
        by_joint(
            features, self.use, dense(code, *self._spell), self._local, self._think, self._out,
            self.bias, *self._when, self._choose, self.choose_bias, heads,
        )  # fmt: skip
        return heads, code, seen


class _Block:
    """A `TemporalBlock` of one frame."""

    def __init__(self, block: nn.Module) -> None:
        assert isinstance(block, TemporalBlock)
        self.gain, self.shift = numpy(block.norm.weight), numpy(block.norm.bias)
        self.first, self.first_bias = linear(block.think[0])
        self.second, self.second_bias = linear(block.think[2])
        self._first = before_gelu(self.first, self.first_bias)
        self._second = after_gelu(self.second)
        self.taps, self.reach = np.zeros((0, 0), np.float32), 0
        if isinstance(block.look, Shift):
            self.taps, self.reach = numpy(block.look.taps), block.look.dilation

    def alone(self, x: Array) -> Array:
        """Return the next ``[P, W]``, without a convolution."""
        seen = normal(x, self.gain, self.shift)
        return thought(x, seen, *self._first, self._second, self.second_bias)

    def __call__(self, x: Array, before: Array, number: int, seen: Array) -> Array:
        """Return the next ``[P, W]``; see `looked_back`."""
        weighted = looked_back(x, self.gain, self.shift, self.taps, before, number, seen)
        return thought(x, weighted, *self._first, self._second, self.second_bias)


def _fold(weight: Array) -> tuple[Array, Array]:
    """Return what features ``[J, all, O]`` that differ weigh, and what the constant ones add."""
    kept = np.stack([weight[:, list(same)].sum(axis=1) for same in _KEPT], axis=1)
    constant = np.tensordot(list(_CONSTANT.values()), weight[:, list(_CONSTANT)], (0, 1))
    return kept, constant.astype(np.float32)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, _Block) and isinstance(other, _Block):
        return _same(vars(one), vars(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(np.array_equal(one, other))
