"""The network that weighs the signs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.gate.signs import KEY, layout, signs, ways
from kpcomplete.gate.surroundings import Surroundings

SIGNS = 35


class Doubt(nn.Module):
    """Turns signs of joints into logits that they are not where they are reported.

    One small network for all joints, which is told what joint it looks at. It carries the mixture
    of Gaussians with which places are compared, of the `KEY` joints only.

    Args:
        gaussians: Number of Gaussians in the mixture.
        widths: Of the hidden layers.
        drop: Share of hidden values dropped in training, 0..1.
    """

    weight: Tensor
    mean: Tensor
    factor: Tensor
    middle: Tensor
    spread: Tensor
    kind: Tensor

    def __init__(
        self, *, gaussians: int = 42, widths: Sequence[int] = (24,), drop: float = 0.3
    ) -> None:
        super().__init__()
        self.arguments = {"gaussians": gaussians, "widths": list(widths), "drop": drop}
        size = 2 * len(KEY)
        self.register_buffer("weight", torch.full((gaussians,), 1 / gaussians))
        self.register_buffer("mean", torch.zeros(gaussians, size))
        self.register_buffer("factor", torch.eye(size).expand(gaussians, -1, -1).clone())
        self.register_buffer("middle", torch.zeros(SIGNS))
        self.register_buffer("spread", torch.ones(SIGNS))
        kinds = int(layout().kind.max()) + 1
        self.register_buffer(
            "kind", nn.functional.one_hot(layout().kind, kinds).float(), persistent=False
        )
        layers: list[nn.Module] = []
        width = SIGNS + kinds
        for wide in widths:
            layers += [nn.Linear(width, wide), nn.GELU(), nn.Dropout(drop)]
            width = wide
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))
        self._rest: Surroundings | None = None

    def adopt(self, weight: Tensor, mean: Tensor, factor: Tensor) -> None:
        """Take over a mixture over all canonical joints: shares, means, Cholesky factors."""
        key = layout().key
        at = torch.stack([2 * key, 2 * key + 1], dim=-1).flatten()
        covariance = (factor.float().tril() @ factor.float().tril().mT)[:, at[:, None], at]
        self.weight.copy_(weight)
        self.mean.copy_(mean[:, at])
        self.factor.copy_(torch.linalg.cholesky(covariance))
        self._rest = None

    def signs(
        self, batch: PoseBatch, edges: Tensor | None = None, asked: slice = slice(None)
    ) -> Tensor:
        """Return ``[B, T, J, SIGNS]`` of the frames asked about, see `kpcomplete.gate.signs`."""
        return signs(batch, edges, self.surroundings, asked)

    @property
    def surroundings(self) -> Surroundings:
        """What leaves out joints one by one and part by part."""
        if self._rest is None:
            factor = self.factor.tril()
            self._rest = Surroundings(self.weight, self.mean, factor @ factor.mT, ways())
        return self._rest

    def weigh(self, found: Tensor, joint: Tensor) -> Tensor:
        """Return logits ``[...]`` of signs ``[..., SIGNS]`` of joints ``[...]``, by number."""
        scaled = ((found - self.middle) / self.spread).clamp(-5, 5)
        logits: Tensor = self.layers(torch.cat([scaled, self.kind[joint]], dim=-1))[..., 0]
        return logits

    def forward(
        self, batch: PoseBatch, edges: Tensor | None = None, asked: slice = slice(None)
    ) -> Tensor:
        """Return ``[B, T, J]`` logits; those of joints that are not observed mean nothing."""
        found = self.signs(batch, edges, asked)
        joint = torch.arange(found.shape[2]).expand(found.shape[:3])
        return self.weigh(found, joint)
