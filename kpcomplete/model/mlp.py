"""The classic stacked denoising autoencoder, of single frames."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import check_share
from kpcomplete.errors import SettingError
from kpcomplete.model.frame import FrameAutoencoder
from kpcomplete.model.stack import BENDS, Tied, check_bend


class MLP(FrameAutoencoder):
    """Layers narrow down to the latent and widen again (Vincent et al. 2010, JMLR 11:3371).

    Args:
        widths: Of the layers from the input down to the latent, which is last; the way out is
            the same in reverse.
        noise: Share of the codes of every layer, latent included, that are dropped in training,
            0..1 (Poole et al. 2014, arXiv 1406.1831).
        bend: How the values between layers are bent: a name of `kpcomplete.model.stack.BENDS`.
        squash: The same for the latent: ``none``, ``tanh`` or ``sigmoid``.
        tied: Whether the way out has the weights of the way in, transposed.

    Raises:
        SettingError: If there are no widths, or a bend is unknown.
        ValueError: If ``noise`` is no share.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = (256, 128, 32),
        noise: float = 0.1,
        bend: str = "gelu",
        squash: str = "none",
        tied: bool = False,
    ) -> None:
        super().__init__(
            {"widths": list(widths), "noise": noise, "bend": bend, "squash": squash, "tied": tied}
        )
        check_share("noise", noise)
        check_bend("bend", bend)
        check_bend("squash", squash, ("none", "tanh", "sigmoid"))
        if not widths:
            raise SettingError("widths must name at least one layer, but got none")
        self.bend, self.squash = bend, squash
        joints = len(self.skeleton)
        self.drop = nn.Dropout(noise)
        layers = [nn.Linear(a, b) for a, b in pairwise([3 * joints, *widths])]
        self.enter = nn.ModuleList(layers)
        self.leave = nn.ModuleList(  # in the order of the way in: the last one out is first
            Tied(layer, size) if tied else nn.Linear(layer.out_features, size)
            for layer, size in zip(layers, [2 * joints, *widths[:-1]], strict=True)
        )

    def squeeze(self, values: Tensor, observed: Tensor) -> Tensor:
        code = torch.cat([values.flatten(2), observed], dim=-1)
        for layer in range(self.depth):
            code = self._up(self.drop(code) if layer else code, layer)
        return code

    def expand(self, code: Tensor) -> Tensor:
        for layer in reversed(range(self.depth)):
            code = self._down(self.drop(code), layer)
        return code.view(*code.shape[:-1], len(self.skeleton), 2)

    def sensitivity(self, code: Tensor, given: Tensor) -> Tensor | None:
        """Return by how much latents follow their inputs, if there is a closed form.

        Args:
            code: ``[B, T, D]``.
            given: ``[B, T, J]`` which joints can be moved at all.

        Returns:
            ``[B, T]`` squared Frobenius norm of the Jacobian, inputs in units of their spread; None
            if there are several layers (Rifai et al. 2011, ICML, equation 6).
        """
        if self.depth > 1:
            return None
        slopes = {"none": torch.ones_like, "tanh": lambda h: 1 - h**2, "sigmoid": _logistic_slope}
        weight = self.get_submodule("enter.0").get_parameter("weight")
        power = weight[:, : 2 * len(self.skeleton)].square().view(len(weight), -1, 2).sum(dim=2)
        return torch.einsum("btd,dj,btj->bt", slopes[self.squash](code).square(), power, given)

    @property
    def depth(self) -> int:
        """How many layers lie on each other."""
        return len(self.enter)

    def pair(self, layer: int) -> nn.ModuleList:
        """Return the way in and the way back out of one layer."""
        return nn.ModuleList([self.enter[layer], self.leave[layer]])

    def below(self, batch: PoseBatch, layer: int) -> Tensor:
        """Return ``[B, T, W]`` what a layer reads: the pose, or the codes of the layer below."""
        given = batch.observed & self.supported
        values = self.standardised(batch.keypoints, given).flatten(2)
        code = torch.cat([values, given.to(values.dtype)], dim=-1)
        for i in range(layer):
            code = self._up(code, i)
        return code

    def again(self, values: Tensor, layer: int) -> Tensor:
        """Return what one layer alone makes of what it reads, there and back."""
        return self._down(self._up(values, layer), layer)

    def target(self, batch: PoseBatch, layer: int) -> tuple[Tensor, Tensor]:
        """Return what `again` should give for clean windows, and which of it is known."""
        code = self.below(batch, layer)
        if layer:
            return code, batch.observed.any(dim=-1, keepdim=True).expand_as(code)
        given = batch.observed & self.supported
        return code[..., : 2 * len(self.skeleton)], given.repeat_interleave(2, dim=-1)

    def _up(self, code: Tensor, layer: int) -> Tensor:
        last = layer == self.depth - 1
        return BENDS[self.squash if last else self.bend](self.enter[layer](code))

    def _down(self, code: Tensor, layer: int) -> Tensor:
        below: Tensor = self.leave[layer](code)
        return BENDS[self.bend](below) if layer else below


def _logistic_slope(value: Tensor) -> Tensor:
    return value * (1 - value)
