"""What happens to reported people before they are lifted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from kpcomplete.camera import Camera
from kpcomplete.completer import Completer
from kpcomplete.corruption.seeded import check_share
from kpcomplete.detected.clips import Clip
from kpcomplete.gate import Gate
from kpcomplete.lifter.sight import Sight
from kpcomplete.pipeline import mend
from kpcomplete.pose import Array, PoseSequence

_NEAREST = 0.1  # of a ray's length, how far ahead it must look to meet the image of a pinhole


@dataclass(frozen=True, kw_only=True)
class Mending:
    """What is done to reported people before they are lifted, see `kpcomplete.pipeline`.

    Args:
        completer: Fills in missing joints of recordings.
        live: Fills them in from the past alone.
        live_share: Share of the people who are completed by that.
        gate: Tells joints that the detector invented; None: trust all.
        min_confidence: A joint of which the detector is less sure counts as missing.
        seed: Of who is completed live.

    Raises:
        ValueError: If ``live_share`` is no share.
    """

    completer: Completer
    live: Completer
    live_share: float = 0.3
    gate: Gate | None = None
    min_confidence: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_share("live_share", self.live_share)

    def clips(self, people: Iterable[tuple[PoseSequence, Camera, Array]]) -> Iterator[Clip]:
        """Yield a clip for each of some people.

        Args:
            people: What was reported of each, through which camera, and the true joints
                ``[T, 33, 3]``, metres in its frame.
        """
        rng = np.random.default_rng(self.seed)
        for raw, eye, solid in people:
            completer = self.live if rng.random() < self.live_share else self.completer
            sight = Sight.of(mend(raw, completer, self.gate, self.min_confidence), eye)
            ahead = sight.rays[0, ..., 2:]
            given = sight.given[0] & (ahead[..., 0] > _NEAREST)
            pixels = sight.rays[0, ..., :2] / ahead.clamp_min(_NEAREST) * eye.fx
            filled = given & ~sight.seen[0]
            yield Clip(
                person=raw.person,
                fps=raw.fps,
                focal=eye.fx,
                keypoints=pixels.where(given[..., None], torch.nan),
                filled=filled,
                spread=(sight.std[0] * eye.fx).where(filled, 0.0),
                solid=torch.from_numpy(solid.astype(np.float32)),
                mounting=torch.from_numpy(eye.mounting),
            )
