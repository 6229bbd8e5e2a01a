"""A trained network that completes people frame by frame."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.filling import filled
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal


class Live:
    """Keeps what the network knows of everyone it was shown in the frame before.

    Args:
        network: Runs on the CPU, wherever it lies.
        window: Frames after which observations are forgotten.
        max_std: See `AutoencoderCompleter`.
    """

    def __init__(self, network: Temporal, *, window: int, max_std: float | None = None) -> None:
        self._stream = Stream(network, window=window)
        self._max_std = max_std
        self._people: list[str] = []

    @torch.inference_mode()
    def __call__(self, batch: PoseBatch, people: Sequence[str], seconds: float, /) -> PoseBatch:
        """Return the next frame of some people with missing joints filled in, in pixels."""
        if list(people) != self._people:
            known = {person: row for row, person in enumerate(self._people)}
            self._stream.arrange([known.get(person) for person in people])
            self._people = list(people)
        found, placement = self._stream.step(batch, seconds)
        body = placement.into_body(replace(batch, memory=None))
        return placement.into_pixels(filled(body, found, self._max_std))
