"""A variational autoencoder of single frames: one pose in, a region of latents out."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.model import Latent
from kpcomplete.model.frame import FrameAutoencoder


class Variational(FrameAutoencoder):
    """Says which latents fit what is seen, so that several completions can be drawn.

    In training the latent is drawn from a Gaussian by reparametrisation, in use it is the middle
    (Kingma and Welling 2014, arXiv 1312.6114; of poses with missing joints: Carissimi et al. 2018,
    doi:10.1007/978-3-030-11012-3_29). Train it with the penalty ``divergence``; without it the
    Gaussian shrinks to a point.

    Args:
        widths: Of the layers from the input down to the latent; the way out is the same in reverse.
        latent: Size of the latent.

    Raises:
        SettingError: If there are no widths.
    """

    def __init__(self, *, widths: Sequence[int] = (256, 128), latent: int = 20) -> None:
        super().__init__({"widths": list(widths), "latent": latent})
        if not widths:
            raise SettingError("widths must name at least one layer, but got none")
        joints = len(self.skeleton)
        self.enter = _stack([3 * joints, *widths])
        self.middle = nn.Linear(widths[-1], latent)
        self.width = nn.Linear(widths[-1], latent)
        self.leave = nn.Sequential(
            *_stack([latent, *reversed(widths)]), nn.Linear(widths[0], 2 * joints)
        )

    def encode(self, batch: PoseBatch, *, causal: bool = False) -> Latent:
        latent = super().encode(batch, causal=causal)
        middle = self.middle(latent.code)
        log_variance = self.width(latent.code).clamp(-10, 4)
        code = middle
        if self.training:
            code = middle + (0.5 * log_variance).exp() * torch.randn_like(middle)
        return replace(latent, code=code, middle=middle, log_variance=log_variance)

    @torch.no_grad()
    def sample(
        self, batch: PoseBatch, n: int, *, causal: bool = False
    ) -> Float[Tensor, "sample batch time joint 2"]:
        """Return several completions of windows, all of which fit what is seen.

        Each is drawn once a window, so that a guessed arm does not flicker. Observed joints are
        given back as they are; what is not known is 0.

        Args:
            batch: Windows in body units.
            n: How many.
            causal: Whether latents may depend on later frames; here they never do.
        """
        latent = self.encode(batch, causal=causal)
        assert latent.middle is not None  # see encode
        assert latent.log_variance is not None
        middle, width = latent.middle, (0.5 * latent.log_variance).exp()
        draws = torch.randn(n, len(batch), 1, middle.shape[-1], device=middle.device)
        samples = [self.decode(replace(latent, code=middle + width * d)).mean for d in draws]
        found = torch.stack([*samples]) if n else middle.new_zeros(0, *batch.keypoints.shape)
        return torch.where(batch.observed[..., None], batch.keypoints, found)

    def squeeze(self, values: Tensor, observed: Tensor) -> Tensor:
        code: Tensor = self.enter(torch.cat([values.flatten(2), observed], dim=-1))
        return code

    def expand(self, code: Tensor) -> Tensor:
        joints: Tensor = self.leave(code)
        return joints.view(*joints.shape[:-1], len(self.skeleton), 2)


def _stack(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for first, second in pairwise(widths):
        layers += [nn.Linear(first, second), nn.GELU()]
    return nn.Sequential(*layers)
