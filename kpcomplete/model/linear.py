"""A linear autoencoder, which is what principal components are."""

import torch
from torch import Tensor, nn

from kpcomplete.batch import PoseBatch
from kpcomplete.model.frame import FrameAutoencoder
from kpcomplete.model.stack import Tied


class Linear(FrameAutoencoder):
    """One matrix in, one matrix out, of single frames.

    Starts as the principal components of the training material, which no linear autoencoder can
    beat on complete poses (Baldi and Hornik 1989, doi:10.1016/0893-6080(89)90014-2); training with
    hidden joints goes on from there.

    Args:
        latent: Number of components.
        tied: Whether the matrix out stays the one in, transposed.
    """

    def __init__(self, *, latent: int = 12, tied: bool = False) -> None:
        super().__init__({"latent": latent, "tied": tied})
        size = 2 * len(self.skeleton)
        self.enter = nn.Linear(size, latent, bias=False)
        self.leave: nn.Module = (
            Tied(self.enter, size, bias=False) if tied else nn.Linear(latent, size, bias=False)
        )

    def squeeze(self, values: Tensor, observed: Tensor) -> Tensor:
        code: Tensor = self.enter(values.flatten(2))
        return code

    def expand(self, code: Tensor) -> Tensor:
        joints: Tensor = self.leave(code)
        return joints.view(*joints.shape[:-1], len(self.skeleton), 2)

    @torch.no_grad()
    def prepare(self, clean: PoseBatch) -> None:
        """Also take the principal components, of frames whose missing joints are average."""
        super().prepare(clean)
        given = clean.observed & self.supported
        frames = self.standardised(clean.keypoints, given).flatten(2).flatten(0, 1)
        values, vectors = torch.linalg.eigh(frames.T @ frames)
        components = vectors[:, values.argsort(descending=True)[: self.enter.out_features]]
        self.enter.weight.copy_(components.T)
        if isinstance(self.leave, nn.Linear):
            self.leave.weight.copy_(components)
