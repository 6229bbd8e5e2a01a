"""The network of `kpcomplete.lifter.temporal` for one frame at a time, compiled."""

from collections.abc import Sequence

import numpy as np
from torch import nn

from kpcomplete.lifter.temporal import Block, Temporal
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.single import (
    after_gelu,
    before_gelu,
    dense,
    ended,
    linear,
    numpy,
    thought,
    with_earlier,
)


class Dilated:
    """Keeps what each layer has to look back to, and computes each frame once, causally.

    Gains and shifts of norms become part of the layers after them.

    Args:
        network: Trained; copied.
    """

    def __init__(self, network: Temporal) -> None:
        weight, bias = linear(network.encode)
        self._encode = np.ascontiguousarray(weight[:-1])
        self._encode_bias = bias + weight[-1]  # the last says causal
        self._blocks = [_Block(block) for block in network.blocks]
        self._gain, self._shift = before_gelu(*(numpy(x) for x in (network.norm.weight,
                                                                   network.norm.bias)))  # fmt: skip
        weight, self._decode_bias = linear(network.decode)
        self._decode = after_gelu(weight)
        length = [block.reach + 1 for block in self._blocks]
        self._first = np.cumsum([0, *length]).tolist()
        rings = np.zeros((sum(length), len(self._gain)), np.float32)
        self._rows = Rows(rings=rings, old=np.zeros((), bool))
        self._now = 0

    def __call__(self, features: Array, people: Sequence[str], /) -> Array:
        """Return outputs ``[P, O]`` of the next frame ``[P, F]``; who is not named is forgotten."""
        self._rows.follow(people)
        fresh = ~self._rows["old"]
        hidden = dense(features, self._encode, self._encode_bias)
        for block, first in zip(self._blocks, self._first, strict=False):
            seen = with_earlier(
                hidden, self._rows["rings"], first, block.reach + 1, self._now, fresh
            )
            hidden = thought(hidden, seen, *block.mix, block.out, block.out_bias)
        self._rows["old"][:] = True
        self._now += 1
        return ended(hidden, self._gain, self._shift, self._decode, self._decode_bias)


class _Block:
    def __init__(self, block: nn.Module) -> None:
        assert isinstance(block, Block)
        self.reach = block.dilation
        gain, shift = numpy(block.norm.weight), numpy(block.norm.bias)
        weight, bias = linear(block.mix)
        before, now, after = np.split(weight, 3)
        now = now + after  # nothing comes after
        mix = np.concatenate([gain[:, None] * before, gain[:, None] * now])
        self.mix = before_gelu(mix, bias + shift @ (before + now))
        weight, self.out_bias = linear(block.out)
        self.out = after_gelu(weight)
