"""The lifter's network as ONNX graphs, and what runs them.

A window's graph goes from what a camera sees to points in space; that the place of a body follows
from 3x3 equations is solved there by determinants. Of a single frame only the network is in the
graph; for the geometry of 33 points numpy is faster.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from kpcomplete.lifter import Lifted
from kpcomplete.lifter.placing import FEATURES
from kpcomplete.lifter.sight import Sight
from kpcomplete.lifter.temporal import Block, Temporal
from kpcomplete.onnx_file import Graph, Session
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.skeleton import CANONICAL, Skeleton

_SIZE = {0: "batch", 1: "time"}
MODES = {False: "offline", True: "causal"}


class _Whole(nn.Module):
    def __init__(self, network: Temporal, causal: bool) -> None:
        super().__init__()
        self.network, self.causal = network, causal

    def forward(
        self, rays: Tensor, given: Tensor, seen: Tensor, std: Tensor, mounting: Tensor
    ) -> tuple[Tensor, Tensor]:
        sight = Sight(rays=rays, given=given, seen=seen, std=std, mounting=mounting)
        found: Lifted = self.network(sight, causal=self.causal)
        return found.points, found.std


class _Step(nn.Module):
    """A frame, and what the layers look back to; returns that of this frame too."""

    def __init__(self, network: Temporal) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network
        says = torch.ones_like(features[:, :1])  # causal
        hidden = network.encode(torch.cat([features, says], dim=1))
        seen = []
        for number, block in enumerate(network.blocks):
            assert isinstance(block, Block)
            now = block.norm(hidden)
            mixed = block.mix(torch.cat([before[:, number], now, now], dim=1))
            hidden = hidden + block.out(nn.functional.gelu(mixed))
            seen.append(now)
        outputs = network.decode(nn.functional.gelu(network.norm(hidden)))
        return outputs, torch.stack(seen, dim=1)


def graphs(network: Temporal, name: str) -> list[Graph]:
    """Return ``NAME.offline``, ``NAME.causal`` for windows, and ``NAME.step`` for live frames."""
    joints = len(Skeleton.load(CANONICAL))
    generator = torch.Generator().manual_seed(0)
    rays = 0.2 * torch.randn(2, 12, joints, 3, generator=generator) + torch.tensor([0.0, 0, 1])
    given = torch.rand(2, 12, joints, generator=generator) < 0.8
    window = {
        "rays": nn.functional.normalize(rays, dim=-1),
        "given": given,
        "seen": given & (torch.rand(given.shape, generator=generator) < 0.8),
        "std": torch.zeros(given.shape),
        "mounting": torch.eye(3, 4).expand(2, 12, 3, 4).contiguous(),
    }
    axes = dict.fromkeys((*window, "points", "deviation"), _SIZE)
    found = [
        Graph(name=f"{name}.{mode}", module=_Whole(network, causal), inputs=window,
              outputs=("points", "deviation"), axes=axes)
        for causal, mode in MODES.items()
    ]  # fmt: skip
    width = network.decode.in_features
    frame = {
        "features": torch.randn(2, FEATURES, generator=generator),
        "before": torch.randn(2, len(network.blocks), width, generator=generator),
    }
    outputs = ("outputs", "seen")
    people = {key: {0: "people"} for key in (*frame, *outputs)}
    return [*found, Graph(name=f"{name}.step", module=_Step(network), inputs=frame,
                          outputs=outputs, axes=people)]  # fmt: skip


class OnnxWhole:
    """Windows through ONNX Runtime.

    Args:
        session: Of a graph ``offline`` or ``causal``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, sight: Sight) -> Lifted:
        """Return all joints in 3D."""
        points, std = self._session(
            rays=sight.rays.contiguous(), given=sight.given.contiguous(),
            seen=sight.seen.contiguous(), std=sight.std.contiguous(),
            mounting=sight.mounting.contiguous(),
        )  # fmt: skip
        return Lifted(points=torch.from_numpy(points), std=torch.from_numpy(std))


class OnnxStep:
    """Live frames through ONNX Runtime: keeps what each layer has to look back to.

    Args:
        network: Of the same weights as the session's graph.
        session: Of the graph ``step``.
    """

    def __init__(self, network: Temporal, session: Session) -> None:
        self._session = session
        reach = [block.dilation for block in network.blocks if isinstance(block, Block)]
        self._length = np.array(reach) + 1
        self._first = np.cumsum([0, *self._length])[:-1]
        rings = np.zeros((int(self._length.sum()), network.decode.in_features), np.float32)
        self._rows = Rows(rings=rings, old=np.zeros((), bool))
        self._now = 0

    def __call__(self, features: Array, people: Sequence[str], /) -> Array:
        """Return outputs ``[P, O]`` of the next frame ``[P, F]``; who is not named is forgotten."""
        self._rows.follow(people)
        rings, fresh = self._rows["rings"], ~self._rows["old"]
        back = self._first + (self._now + 1) % self._length
        outputs, seen = self._session(features=features, before=rings[:, back])
        if fresh.any():  # before the first frame there is only that, layer by layer
            rows = np.flatnonzero(fresh)
            for _ in self._length:
                outputs_, seen_ = self._session(features=features[rows], before=seen[rows])
                outputs[rows], seen[rows] = outputs_, seen_
            rings[rows] = np.repeat(seen[rows], self._length, axis=1)
        rings[:, self._first + self._now % self._length] = seen
        self._rows["old"][:] = True
        self._now += 1
        return outputs
