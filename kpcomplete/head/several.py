"""Several tasks on one encoder, in one pass."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.checkpoint import network_class
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.head.geometry import geometry, pairs
from kpcomplete.head.trees import Trees
from kpcomplete.model import Autoencoder, Latent, Prediction


class Several(nn.Module):
    """Reads what an autoencoder makes of a window, and classifies its last frame.

    Windows come in image widths, pixels divided by the width of the image, so that where somebody
    is and how large tells something in any image.

    The encoder sees the window from the past alone, in body units. Of its last frame and on
    average over the window, its latent and the completed joints are features; with them go how
    often each joint was seen, how much it moved, where the body is and how large, and what
    `kpcomplete.head.geometry` makes of them. Each task has a small network of its own.

    Args:
        encoder: Trained, or described as ``network`` and ``arguments``, as checkpoints do.
        tasks: Name of a task to names of its classes.
        hidden: Widths of the layers between features and classes; none: linear.
        trees: Task to the size of `kpcomplete.head.trees.Trees` that decide instead of layers.
        dropout: Share of features dropped in training.
        past: Frames of a window.
        completed: Whether joints that are not seen count where the encoder believes them; False:
            neither the latent nor completed joints are looked at, for comparison.
        enough: Joints seen in a window below which nothing is said.
        frontal: Whether it learns from, and is to be shown, people as `kpcomplete.frontal` sees
            them, in widths of that picture.

    Raises:
        ModelFileError: If the description names no autoencoder of kpcomplete.
        SettingError: If there is no task, or one with fewer than two classes.
    """

    temperature: Tensor
    middle: Tensor
    width: Tensor

    def __init__(
        self,
        *,
        encoder: Autoencoder | Mapping[str, Any],
        tasks: Mapping[str, Sequence[str]],
        hidden: Sequence[int] = (64,),
        trees: Mapping[str, Sequence[int]] | None = None,
        dropout: float = 0.2,
        past: int = 32,
        completed: bool = True,
        enough: int = 4,
        frontal: bool = False,
    ) -> None:
        super().__init__()
        if not tasks or any(len(classes) < 2 for classes in tasks.values()):
            raise SettingError(f"a head needs tasks of at least two classes, but got {dict(tasks)}")
        self.encoder = encoder if isinstance(encoder, Autoencoder) else _rebuilt(encoder)
        kind = type(self.encoder)
        self.arguments: dict[str, Any] = {
            "encoder": {"network": f"{kind.__module__}.{kind.__qualname__}",
                        "arguments": dict(self.encoder.arguments)},
            "tasks": {task: list(classes) for task, classes in tasks.items()},
            "hidden": list(hidden), "dropout": dropout, "past": past, "completed": completed,
            "enough": enough, "frontal": frontal,
        }  # fmt: skip
        self.tasks = {task: tuple(classes) for task, classes in tasks.items()}
        self.past, self.completed, self.enough = past, completed, enough
        self.frontal = frontal
        self.between = pairs(self.encoder.skeleton)
        size = self._size()
        self.drop = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {task: _layers([size, *hidden, len(names)]) for task, names in self.tasks.items()}
        )
        for task, shape in (trees or {}).items():
            self.plant(task, Trees(len(self.tasks[task]), *shape))
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda module, _: module._check()
        )
        self.register_buffer("temperature", torch.ones(len(self.tasks)))
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("width", torch.ones(size))

    def _check(self) -> None:
        """Make sure that trees which were read are sound; compiled ones ask no further."""
        for head in self.heads.values():
            if isinstance(head, Trees):
                head.check(len(self.middle))

    def plant(self, task: str, trees: Trees) -> None:
        """Let trees decide a task from now on."""
        self.heads[task] = trees
        known = {**(self.arguments.get("trees") or {}), task: list(trees.size)}
        self.arguments["trees"] = known

    def forward(
        self, batch: PoseBatch, placement: normalize.Placement | None = None
    ) -> dict[str, Tensor]:
        """Return task to logits ``[B, C]`` of the last frame of windows in image widths."""
        return self.decide(self.features(batch, placement))

    def decide(self, features: Float[Tensor, "batch feature"]) -> dict[str, Tensor]:
        """Return task to logits ``[B, C]`` for features."""
        scaled = self.drop((features - self.middle) / self.width)
        return {task: head(scaled) for task, head in self.heads.items()}

    def probabilities(self, batch: PoseBatch) -> dict[str, Tensor]:
        """Return task to calibrated probabilities ``[B, C + 1]``; the last is that of unknown."""
        return self.calibrated(self(batch), self.seen(batch))

    def calibrated(self, found: dict[str, Tensor], seen: Tensor) -> dict[str, Tensor]:
        """Return probabilities of logits, given which windows ``[B]`` show enough."""
        seen, out = seen[:, None], {}
        for (task, logits), temperature in zip(found.items(), self.temperature, strict=True):
            known = torch.where(seen, (logits / temperature).softmax(dim=-1), 0.0)
            out[task] = torch.cat([known, (~seen).to(known)], dim=-1)
        return out

    def seen(self, batch: PoseBatch) -> Bool[Tensor, " batch"]:
        """Return whether windows show enough to say something."""
        return batch.observed.any(dim=1).sum(dim=1) >= self.enough

    def features(
        self, batch: PoseBatch, placement: normalize.Placement | None = None
    ) -> Float[Tensor, "batch feature"]:
        """Return what is known of windows in image widths.

        Args:
            batch: The windows.
            placement: Of the people, if it is known from elsewhere.
        """
        placement = placement or normalize.fit(batch)
        body = placement.into_body(batch)
        if not self.completed:
            return self.summed(body, placement)
        latent = self.encoder.encode(body, causal=True)
        return self.summed(body, placement, latent, self.encoder.decode(latent))

    def summed(
        self,
        body: PoseBatch,
        placement: normalize.Placement,
        latent: Latent | None = None,
        found: Prediction | None = None,
    ) -> Float[Tensor, "batch feature"]:
        """Return the features of windows in body units.

        Args:
            body: The windows.
            placement: Of the people in image widths.
            latent: What the encoder makes of them; None: it is not looked at.
            found: And its completion.
        """
        share = body.observed.float().mean(dim=1)
        if latent is not None and found is not None:
            known = found.known | body.observed
            points = torch.where(body.observed[..., None], body.keypoints, found.mean)
            codes = [latent.code[:, -1], latent.code.mean(dim=1)]
        else:
            known, points, codes = body.observed, body.keypoints, []
        weight = known[..., None].to(points)
        count = weight.sum(dim=1).clamp_min(1)
        mean = (points * weight).sum(dim=1) / count
        spread = ((points - mean[:, None]).square() * weight).sum(dim=1) / count
        moved = (spread.sum(dim=-1) + 1e-6).sqrt()
        last = torch.where(known[:, -1, :, None], points[:, -1], mean)
        where = torch.cat([placement.centre, placement.scale.log()[:, None]], dim=1)
        shape = geometry(last, mean, placement, self.between)
        plain = [*codes, last.flatten(1), mean.flatten(1), moved, share, where]
        return torch.cat([*plain, shape], dim=1)

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Learn the usual values of features ``[N, F]`` from training material."""
        self.middle.copy_(features.mean(dim=0))
        self.width.copy_(features.std(dim=0).clamp_min(0.02))

    @torch.inference_mode()
    def _size(self) -> int:
        joints = len(self.encoder.skeleton)
        return int(self.features(PoseBatch.from_keypoints(torch.randn(1, 2, joints, 2))).shape[1])


def _layers(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.GELU()]
    return nn.Sequential(*layers[:-1])


def _rebuilt(described: Mapping[str, Any]) -> Autoencoder:
    network = network_class(str(described["network"]), "the head's file")
    if not issubclass(network, Autoencoder):
        raise ModelFileError(f"an encoder must be an autoencoder, but is {described['network']}")
    try:
        return network(**described["arguments"])
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"cannot rebuild the encoder {described['network']}: {error}"
        ) from error
