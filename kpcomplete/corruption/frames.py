"""Hide whole frames, as when frames are dropped or the person is out of sight."""

from dataclasses import dataclass

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share


@dataclass(kw_only=True)
class Frames(Seeded):
    """Hide all joints of random frames.

    Args:
        ratio: Share of frames to hide, 0..1.
        hold: Frames that are hidden in a row.
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
        draw = self.uniform(size, -(-time // self.hold), device=batch.device)
        hidden = (draw < self.ratio).repeat_interleave(self.hold, dim=1)[:, :time]
        return batch.hide(hidden[..., None].expand(size, time, joints))
