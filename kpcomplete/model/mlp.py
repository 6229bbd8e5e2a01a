"""The classic stacked denoising autoencoder, of single frames."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from kpcomplete.model.frame import FrameAutoencoder


class MLP(FrameAutoencoder):
    """Layers narrow down to the latent and widen again (Vincent et al. 2010, JMLR 11:3371).

    Args:
        widths: Of the layers from the input down to the latent, which is last; the way out is
            the same in reverse.
        dropout: Share of values dropped after each layer in training.
    """

    def __init__(self, *, widths: Sequence[int] = (256, 128, 32), dropout: float = 0.1) -> None:
        super().__init__({"widths": list(widths), "dropout": dropout})
        joints = len(self.skeleton)
        self.enter = _stack([3 * joints, *widths], dropout)
        self.leave = _stack([*reversed(widths), 2 * joints], dropout)

    def squeeze(self, values: Tensor, observed: Tensor) -> Tensor:
        code: Tensor = self.enter(torch.cat([values.flatten(2), observed], dim=-1))
        return code

    def expand(self, code: Tensor) -> Tensor:
        joints: Tensor = self.leave(code)
        return joints.view(*joints.shape[:-1], len(self.skeleton), 2)


def _stack(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Return layers of these widths; nothing bends or drops after the last."""
    layers: list[nn.Module] = []
    for first, second in pairwise(widths):
        layers += [nn.Linear(first, second), nn.GELU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])
