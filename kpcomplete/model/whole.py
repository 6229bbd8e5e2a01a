"""What networks that look at whole windows, and say where joints are by themselves, share."""

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.model import Autoencoder, Prediction
from kpcomplete.model.layers import factors
from kpcomplete.model.timeline import Timeline

FIGURES = 5  # that are told of a joint: place (2) and the region around it (3)


class WindowAutoencoder(Autoencoder):
    """Base of networks whose answer is no correction to a line: joints as the window suggests.

    Joints are given in units of their spread, missing ones as 0. A joint is known where the
    window, or its past if causal, shows any joint and the training material knows it.
    """

    def given(self, batch: PoseBatch) -> tuple[Tensor, Tensor]:
        """Return ``[B, T, J, 2]`` values and ``[B, T, J]`` where there are any, as numbers."""
        given = batch.observed & self.supported
        values = self.standardised(batch.keypoints, given)
        return values, given.to(values.dtype)

    def told(self, figures: Tensor, timeline: Timeline) -> Prediction:
        """Return the prediction that ``[B, T, J, 5]`` figures stand for."""
        width = self.spread[:, None]
        known = self.supported & (timeline.seen & self.supported).any(dim=-1, keepdim=True)
        mean = self.centre + width * figures[..., :2]
        return Prediction(
            mean=torch.where(known[..., None], mean, 0.0),
            factor=factors(figures[..., 2:], 0.5 * width),
            known=known,
        )
