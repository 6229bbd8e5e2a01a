"""Hide a number of joints, rather than a share of them."""

from dataclasses import dataclass

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.seeded import Seeded, check_hold, check_share


@dataclass(kw_only=True)
class FewJoints(Seeded):
    """Hide some of the joints that are observed, all of them if there are no more.

    Args:
        fewest: Joints.
        most: Any number from ``fewest`` to this is equally likely.
        ratio: Share of the time in which any are hidden, 0..1.
        hold: Frames for which the same ones stay hidden, as far as they are observed.
        seed: Same seed, same masks.

    Raises:
        ValueError: If a number is out of range.
    """

    fewest: int
    most: int
    ratio: float = 1.0
    hold: int = 1

    def __post_init__(self) -> None:
        check_share("ratio", self.ratio)
        check_hold(self.hold)
        if not 0 <= self.fewest <= self.most:
            raise ValueError(
                f"few joints need 0 <= fewest <= most, but got {self.fewest} and {self.most}"
            )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time, joints = batch.observed.shape
        blocks = -(-time // self.hold)
        order = self.uniform(size, blocks, joints, device=batch.device)
        draw = self.uniform(2, size, blocks, device=batch.device)
        many = self.fewest + (draw[0] * (self.most - self.fewest + 1)).long().clamp_max(
            self.most - self.fewest
        )
        many = many * (draw[1] < self.ratio)
        order = order.repeat_interleave(self.hold, dim=1)[:, :time]
        many = many.repeat_interleave(self.hold, dim=1)[:, :time]
        rank = order.masked_fill(~batch.observed, 2.0).argsort(dim=-1).argsort(dim=-1)
        return batch.hide((rank < many[..., None]) & batch.observed)
