"""Learn one layer of a stacked network by itself."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import check_share
from kpcomplete.errors import SettingError
from kpcomplete.model.loss import masked_mean
from kpcomplete.model.stack import Stacked
from kpcomplete.objective import Objective
from kpcomplete.objective.part import Part


class Layer(Part):
    """A layer as a denoising autoencoder of its own, those below as they are.

    The lowest completes poses; the others read codes of clean poses, of which some are dropped
    (Bengio et al. 2007, NIPS; Vincent et al. 2010, JMLR 11:3371, section 3.4).

    Args:
        stack: The network.
        layer: Which, 0 reads the pose.
        corrupt: Makes corrupted and clean windows in body units from windows in pixels.
        reseed: What lets draws of ``corrupt`` depend on the step.
        noise: Share of codes dropped, 0..1.

    Raises:
        ValueError: If ``noise`` is no share.
    """

    def __init__(
        self,
        *,
        stack: Stacked,
        layer: int,
        corrupt: Callable[[PoseBatch], tuple[PoseBatch, PoseBatch]],
        reseed: Callable[[int], None],
        noise: float = 0.25,
    ) -> None:
        super().__init__(network=stack.pair(layer), corrupt=corrupt, reseed=reseed)
        check_share("noise", noise)
        self._stack = (stack,)  # in a tuple: the other layers are not trained
        self.layer, self.noise = layer, noise

    def forward(self, clean: PoseBatch) -> dict[str, Tensor]:
        (stack,) = self._stack
        assert isinstance(stack, nn.Module)  # as its pairs are
        stack.to(clean.device)  # the layers below too
        corrupted, clean = self._corrupt(clean)
        with torch.no_grad():
            target, known = stack.target(clean, self.layer)
            values = stack.below(corrupted, 0)
            if self.layer:
                values = target * (torch.rand_like(target) >= self.noise)
        found = stack.again(values, self.layer)
        return {"loss": masked_mean((found - target).square(), known.to(found.dtype))}


def layers(
    network: nn.Module,
    corrupt: Callable[[PoseBatch], tuple[PoseBatch, PoseBatch]],
    reseed: Callable[[int], None],
) -> list[Objective]:
    """Return what is learned layer by layer, from the pose up.

    Raises:
        SettingError: If the network has no layers that can be trained by themselves.
    """
    if not isinstance(network, Stacked):
        raise SettingError(
            "only stacked networks (model=mlp, tied, sparse or contractive) are trained layer by "
            f"layer, but got {type(network).__name__}: set trainer.pretraining=null"
        )
    return [
        Layer(stack=network, layer=i, corrupt=corrupt, reseed=reseed) for i in range(network.depth)
    ]
