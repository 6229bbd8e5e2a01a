"""Hide each joint with the same probability, independently."""

from dataclasses import dataclass

from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share


@dataclass(kw_only=True)
class RandomJoints(Seeded):
    """Hide joints at random, the classic masking of a denoising autoencoder.

    Args:
        ratio: Share of joints to hide, 0..1.
        hold: Frames for which a hidden joint stays hidden; 1 flickers.
        seed: Same seed, same masks.

    Raises:
        ValueError: If ``ratio`` or ``hold`` is out of range.
    """

    ratio: float
    hold: int = 1

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        check_hold(self.hold)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time, joints = batch.observed.shape
        blocks = -(-time // self.hold)  # rounded up
        draw: Tensor = self.uniform(size, blocks, joints, device=batch.device)
        hidden = (draw < self.ratio).repeat_interleave(self.hold, dim=1)[:, :time]
        return batch.hide(hidden)
