"""Learn by itself which places hidden joints are believed at."""

from collections.abc import Callable

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.model.loss import masked_mean
from kpcomplete.model.places import yardstick
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import Timeline
from kpcomplete.objective.part import Part


class Choosing(Part):
    """The choice among places of a network that is there already, all else as it is.

    Beside everything else it is learned slowly: a small part of a large gradient, which is clipped
    as a whole. By itself, errors in gaps of unknown people are up to a fifth smaller.

    Args:
        whole: The network.
        corrupt: Makes corrupted and clean windows in body units from windows in pixels.
        causal: Draws whether the next windows show no later frames.
        reseed: What lets both depend on the step.
    """

    def __init__(
        self,
        *,
        whole: Temporal,
        corrupt: Callable[[PoseBatch], tuple[PoseBatch, PoseBatch]],
        causal: Callable[[PoseBatch], bool],
        reseed: Callable[[int], None],
    ) -> None:
        super().__init__(network=whole.chooser, corrupt=corrupt, reseed=reseed)
        self._whole = (whole,)  # in a tuple: all else is not trained
        self._causal = causal

    def forward(self, clean: PoseBatch) -> dict[str, Tensor]:
        (whole,) = self._whole
        whole.to(clean.device)
        corrupted, clean = self._corrupt(clean)
        timeline = Timeline.of(corrupted, causal=self._causal(clean))
        gate, drawn = whole.chosen(timeline, whole.scalars(timeline))
        away = timeline.base + gate * drawn - clean.keypoints
        distance = (away.square().sum(dim=-1) + 1e-8).sqrt()
        lost = clean.observed & ~corrupted.observed & timeline.seen & whole.supported
        weight = lost.to(distance.dtype)
        return {
            "loss": masked_mean(distance / yardstick(timeline), weight),
            "error": masked_mean(distance.detach(), weight),
        }
