"""The completer's network as ONNX graphs, and what runs them.

The mixture of Gaussians stays outside: it asks for Cholesky factors, which ONNX does not have, and
is asked only once a window, or every 16 frames. What it says of a window is an input of the graph.
Of a single frame only the network is in the graph; the rest is geometry of 33 points, for which
numpy is faster.
"""

import numpy as np
import torch
from torch import Tensor, nn

from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.model import Prediction
from kpcomplete.model.fused import FEATURES, Fused
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import Timeline
from kpcomplete.onnx_file import Graph, Session
from kpcomplete.pose import Array

_SIZE = {0: "batch", 1: "time"}
MODES = {False: "offline", True: "causal"}


class _Whole(nn.Module):
    """A window from its observations, and what the mixture says of it, to calibrated joints."""

    def __init__(self, network: Temporal, causal: bool) -> None:
        super().__init__()
        self.network, self.causal = network, causal

    def forward(
        self, keypoints: Tensor, observed: Tensor, times: Tensor, memory: Tensor, count: Tensor,
        mean: Tensor, factor: Tensor, doubtful: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        batch = PoseBatch(
            keypoints=keypoints,
            confidence=observed.to(keypoints.dtype),
            observed=observed,
            times=times,
            memory=Memory(mean=memory, count=count),
        )
        timeline = Timeline.of(batch, causal=self.causal)
        prior = Prediction(mean=mean, factor=factor, known=self.network.knows(timeline))
        found = self.network.calibrated(self.network.encode_given(timeline, prior, doubtful))
        return found.mean, found.factor, found.known


class _Step(nn.Module):
    """What `Fused` does, of the same weights."""

    def __init__(self, network: Temporal) -> None:
        super().__init__()
        fused = Fused(network)
        self.use, self.joints, self.codes = fused.use.tolist(), fused.joints, fused.codes
        self.blocks, self.width = [fused.block, *fused.past], (len(fused.join_bias),)
        self.fused = fused
        self.place = torch.from_numpy(np.eye(fused.joints, dtype=np.float32)[fused.use])

    def forward(self, features: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fused, people = self.fused, features.shape[0]
        features = features[:, self.use]
        frame = features.flatten(1) @ _fixed(fused.first) + _fixed(fused.first_bias)
        frame = self._block(0, nn.functional.gelu(frame))
        past, seen = frame, []
        for number in range(len(fused.past)):
            seen.append(self._look(number + 1, past))
            looked = torch.stack(
                [seen[-1], before[:, 2 * number], before[:, 2 * number + 1]], dim=1
            )
            past = self._block(number + 1, past, looked)
        code = torch.cat([frame, past], dim=1) @ _fixed(fused.join) + _fixed(fused.join_bias)
        code = nn.functional.layer_norm(code, self.width) * _fixed(fused.gain)
        code = code + _fixed(fused.shift)
        spelt = code @ _fixed(fused.spell) + _fixed(fused.spell_bias)
        near = features.transpose(0, 1) @ _fixed(fused.local)
        near = near + spelt.reshape(people, len(self.use), self.codes).transpose(0, 1)
        codes = nn.functional.gelu(near)
        codes = codes + nn.functional.gelu(codes @ _fixed(fused.think))
        when = nn.functional.gelu(features @ _fixed(fused.when) + _fixed(fused.when_bias))
        when = when @ _fixed(fused.choose) + _fixed(fused.choose_bias)
        others = (codes @ _fixed(fused.out)).transpose(0, 1) + _fixed(fused.bias)
        heads = torch.cat([when, others], dim=2)
        heads = (heads.transpose(1, 2) @ self.place).transpose(1, 2)
        return heads, code, torch.stack(seen, dim=1)

    def _look(self, number: int, x: Tensor) -> Tensor:
        block = self.blocks[number]
        normal = nn.functional.layer_norm(x, self.width)
        return normal * _fixed(block.gain) + _fixed(block.shift)

    def _block(self, number: int, x: Tensor, looked: Tensor | None = None) -> Tensor:
        block = self.blocks[number]
        if looked is None or not block.reach:
            seen = self._look(number, x)
        else:
            seen = (looked * _fixed(block.taps)).sum(dim=1)
        inner = nn.functional.gelu(seen @ _fixed(block.first) + _fixed(block.first_bias))
        return x + inner @ _fixed(block.second) + _fixed(block.second_bias)


def _fixed(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def graphs(network: Temporal, name: str) -> list[Graph]:
    """Return ``NAME.offline``, ``NAME.causal`` for windows, and ``NAME.step`` for live frames."""
    joints = len(network.skeleton)
    pair = (2, 12, joints, 2)
    generator = torch.Generator().manual_seed(0)
    window = {
        "keypoints": torch.randn(pair, generator=generator),
        "observed": torch.rand(pair[:3], generator=generator) < 0.7,
        "times": (torch.arange(12) / 30).expand(2, -1).contiguous(),
        "memory": torch.zeros(2, joints, 2),
        "count": torch.ones(2, joints),
        "mean": torch.zeros(pair),
        "factor": torch.eye(2).expand(*pair, 2).contiguous(),
        "doubtful": torch.zeros(pair),
    }
    axes = dict.fromkeys(window, _SIZE) | {"memory": {0: "batch"}, "count": {0: "batch"}}
    found = [
        Graph(
            name=f"{name}.{mode}", module=_Whole(network, causal), inputs=window,
            outputs=("joints", "deviation", "known"),
            axes=axes | dict.fromkeys(("joints", "deviation", "known"), _SIZE),
        )
        for causal, mode in MODES.items()
    ]  # fmt: skip
    step = _Step(network)
    width, rings = len(step.fused.join_bias), len(step.fused.past)
    frame = {
        "features": torch.randn(2, joints, FEATURES, generator=generator),
        "before": torch.randn(2, 2 * rings, width, generator=generator),
    }
    outputs = ("heads", "code", "seen")
    people = {key: {0: "people"} for key in (*frame, *outputs)}
    return [*found, Graph(name=f"{name}.step", module=step, inputs=frame, outputs=outputs,
                          axes=people)]  # fmt: skip


class OnnxWhole:
    """Windows through ONNX Runtime; the mixture is asked in torch.

    Args:
        network: Whose mixture is asked.
        session: Of the graph of the same weights, ``offline`` or ``causal``.
        causal: Which of both it is.
    """

    def __init__(self, network: Temporal, session: Session, causal: bool) -> None:
        self._network, self._session, self._causal = network, session, causal

    def __call__(self, batch: PoseBatch) -> Prediction:
        """Return where the joints of windows are, calibrated."""
        timeline = Timeline.of(batch, causal=self._causal)
        prior, doubtful = self._network.prior(timeline)
        mean, factor, known = self._session(
            keypoints=batch.keypoints.contiguous(),
            observed=batch.observed.contiguous(),
            times=batch.times.contiguous(),
            memory=timeline.memory.contiguous(),
            count=timeline.remembered.float().contiguous(),
            mean=prior.mean.contiguous(),
            factor=prior.factor.contiguous(),
            doubtful=doubtful.contiguous(),
        )
        return Prediction(
            mean=torch.from_numpy(mean),
            factor=torch.from_numpy(factor),
            known=torch.from_numpy(known),
        )


class OnnxStep(Fused):
    """Live frames through ONNX Runtime.

    Args:
        network: Of the same weights as the session's graph.
        session: Of the graph ``step``.
    """

    def __init__(self, network: Temporal, session: Session) -> None:
        super().__init__(network)
        self._session = session

    def __call__(self, features: Array, before: Array) -> tuple[Array, Array, Array]:
        """Return heads, latents and what later frames look back to, see `Fused`."""
        heads, code, seen = self._session(features=features, before=np.ascontiguousarray(before))
        return heads, code, seen
