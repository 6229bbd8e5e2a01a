"""The head as ONNX graphs, and what runs them.

As with the completer, the mixture that its encoder asks stays outside, see
`kpcomplete.model.onnx_graphs`; and where people are in the image, which medians say.
"""

import torch
from torch import Tensor, nn

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.head.several import Several
from kpcomplete.model import Prediction, onnx_graphs
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import Timeline
from kpcomplete.onnx_file import Graph, Session


class _Window(nn.Module):
    def __init__(self, network: Several) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, keypoints: Tensor, observed: Tensor, times: Tensor, centre: Tensor, scale: Tensor,
        mean: Tensor, doubtful: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        network, encoder = self.network, _encoder(self.network)
        body = PoseBatch(
            keypoints=keypoints, confidence=observed.to(keypoints.dtype), observed=observed,
            times=times,
        )  # fmt: skip
        timeline = Timeline.of(body, causal=True)
        # deviations are no features
        circle = torch.eye(2).expand(*mean.shape, 2)
        prior = Prediction(mean=mean, factor=circle, known=encoder.knows(timeline))
        latent = encoder.encode_given(timeline, prior, doubtful)
        placement = normalize.Placement(centre=centre, scale=scale)
        features = network.summed(body, placement, latent, encoder.decode(latent))
        return tuple(network.calibrated(network.decide(features), network.seen(body)).values())


class _Decide(nn.Module):
    def __init__(self, network: Several) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        seen = torch.ones_like(features[:, 0]) > 0
        found = self.network.calibrated(self.network.decide(features), seen)
        return tuple(values[:, :-1] for values in found.values())


def graphs(network: Several, name: str) -> list[Graph]:
    """Return ``NAME.causal`` for windows, ``NAME.step`` for live frames, and ``NAME.decide``.

    The step is that of the encoder; what means over frames make of it, ``decide`` takes.

    Raises:
        SettingError: If the encoder is not the temporal network.
    """
    encoder = _encoder(network)
    whole, _, step = onnx_graphs.graphs(encoder, name)
    window = {key: value for key, value in whole.inputs.items() if key not in ("memory", "count")}
    window |= {"centre": torch.zeros(2, 2), "scale": torch.ones(2)}
    order = ("keypoints", "observed", "times", "centre", "scale", "mean", "doubtful")
    axes = {key: whole.axes.get(key, {0: "batch"}) for key in order}
    features = {"features": torch.zeros(2, len(network.middle))}
    tasks = tuple(network.tasks)
    rows = {task: {0: "batch"} for task in tasks}
    return [
        Graph(name=f"{name}.causal", module=_Window(network), outputs=tasks,
              inputs={key: window[key] for key in order}, axes=axes | rows),
        step,
        Graph(name=f"{name}.decide", module=_Decide(network), inputs=features, outputs=tasks,
              axes=rows | {"features": {0: "batch"}}),
    ]  # fmt: skip


class OnnxWindow:
    """Windows through ONNX Runtime; the mixture is asked in torch.

    Args:
        network: Whose mixture is asked.
        session: Of the graph ``causal`` of the same weights.
    """

    def __init__(self, network: Several, session: Session) -> None:
        self._network, self._session = network, session

    def probabilities(self, batch: PoseBatch) -> dict[str, Tensor]:
        """Return what `Several.probabilities` does."""
        placement = normalize.fit(batch)
        body = placement.into_body(batch)
        prior, doubtful = _encoder(self._network).prior(Timeline.of(body, causal=True))
        found = self._session(
            keypoints=body.keypoints.contiguous(), observed=body.observed.contiguous(),
            times=body.times.contiguous(), centre=placement.centre, scale=placement.scale,
            mean=prior.mean.contiguous(),
            doubtful=doubtful.contiguous(),
        )  # fmt: skip
        return {
            task: torch.from_numpy(values)
            for task, values in zip(self._network.tasks, found, strict=True)
        }


def _encoder(network: Several) -> Temporal:
    if not (isinstance(network.encoder, Temporal) and network.completed):
        raise SettingError(
            "only heads on the temporal network's latents become ONNX, but this one is on "
            f"{type(network.encoder).__name__}, completed={network.completed}"
        )
    return network.encoder
