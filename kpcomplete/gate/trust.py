"""No gate at all."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.gate.confidence import lasting


@dataclass(kw_only=True)
class Trust:
    """Doubts nothing that is reported."""

    distrust: float = field(default=1.0, init=False)

    def __call__(
        self, batch: PoseBatch, edges: Tensor | None = None, last: int | None = None, /
    ) -> Tensor:
        return torch.zeros_like(batch.confidence)[:, lasting(batch.confidence.shape[1], last)]
