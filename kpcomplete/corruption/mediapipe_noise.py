"""Err as MediaPipe does in cars, by what hides a joint: fitted to simulated drives."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.noise_tables import CAUSES, VIEWS, NoiseTables
from kpcomplete.corruption.seeded import Seeded, check_share


@dataclass(kw_only=True)
class MediaPipeNoise(Seeded):
    """Move observed joints as MediaPipe would, and let its visibility follow.

    Distance and visibility of each joint have the distributions that were measured for what hides
    it, where a joint is to be expected farther off and less sure if its neighbours are hidden too,
    if more of the person is outside the image, and by the view: see `NoiseTables`. Normal scores
    tie them to each other, to other joints and to other frames (a Gaussian copula; Sklar 1959),
    with a part that stays for the whole window. So a hidden limb is invented as often, as surely
    and for as long as it was. Joints that are missing from a batch count as hidden ones.

    Args:
        weights: File of `NoiseTables`, or the name of one that comes with kpcomplete.
        hidden: Times the measured share of joints that something hides, which are then reported
            somewhere; 0: all joints are in plain sight. It is drawn for each joint and window.
        unit: Unit of the batch to a body unit.
        strength: Times the measured distances; 0 moves nothing.
        tables: Instead of those of a file.
        seed: Same seed, same noise.

    Raises:
        ValueError: If a number is out of range.
        ModelFileError: If there is no such file.
    """

    weights: str = "detector_noise"
    hidden: float = 0.0
    unit: float = 1.0
    strength: float = 1.0
    tables: NoiseTables | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_share("hidden", self.hidden)
        if self.unit <= 0 or self.strength < 0:
            raise ValueError(
                "MediaPipe's noise needs unit > 0 and strength >= 0, but got "
                f"unit={self.unit}, strength={self.strength}"
            )
        self._tables = self.tables or NoiseTables.load(self.weights)

    @property
    def causes(self) -> tuple[str, ...]:
        """What may hide a joint."""
        return CAUSES

    @property
    def views(self) -> tuple[str, ...]:
        """Which cameras may see whom."""
        return VIEWS

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        size, time, joints = batch.observed.shape
        share = self.hidden * self._tables.causes[:, 1:].to(batch.device)
        draw = self.uniform(size, 1, joints, 1, device=batch.device)
        cause = (draw < share.flip(-1).cumsum(-1).flip(-1)).sum(dim=-1).expand(size, time, joints)
        likely = self._tables.causes[:, 1:].argmax(dim=-1).to(batch.device) + 1
        cause = torch.where(batch.observed, cause, likely)
        offset, sure = self.draw(cause, batch.times)
        seen = batch.observed
        moved = batch.keypoints + (self.strength * self.unit * offset).to(batch.keypoints.dtype)
        return replace(
            batch,
            keypoints=torch.where(seen[..., None], moved, batch.keypoints),
            confidence=torch.where(seen, sure.to(batch.confidence) * batch.confidence, 0.0),
        )

    def draw(
        self,
        cause: Int[Tensor, "batch time joint"],
        times: Float[Tensor, "batch time"],
        view: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time joint 2"], Float[Tensor, "batch time joint"]]:
        """Return offsets in body units and reported visibilities.

        Args:
            cause: Index into `CAUSES`.
            times: Seconds, evenly spaced, the same in all windows.
            view: Index into `VIEWS`, negative where it is not known; None: nowhere. One is drawn
                for the window then, as often as it was measured.
        """
        joint = torch.arange(cause.shape[2], device=cause.device)
        tables, there = self._tables, self._viewed(cause, view)
        far, own = self._scores(cause, times, 0), self._scores(cause, times, 1)
        tie = tables.together.to(cause.device)[joint, cause]
        sure = tie * far + (1 - tie.square()).clamp_min(0).sqrt() * own
        spread = tables.spread.to(cause.device)[:, joint, cause]
        far, sure = tables.shift(cause, there) + spread * torch.stack([far, sure])
        way = torch.stack([self._scores(cause, times, 2) for _ in range(2)], dim=-1)
        way = way + tables.drift.to(cause.device)[joint, cause, there[:, None, None]]
        distance = _look_up(tables.distance, cause, far)
        offset = distance[..., None] * torch.nn.functional.normalize(way, dim=-1)
        return offset, _look_up(tables.confidence, cause, sure)

    def _viewed(self, cause: Tensor, view: Tensor | None) -> Tensor:
        """Return the view of each window, drawn where it is unknown."""
        size, device = len(cause), cause.device
        known = torch.full((size,), -1, device=device) if view is None else view.to(device)
        ends = self._tables.views.to(device).cumsum(0)
        drawn = torch.searchsorted(ends, self.uniform(size, device=device) * ends[-1], right=True)
        return torch.where(known < 0, drawn.clamp_max(len(ends) - 1), known)

    def _scores(self, cause: Tensor, times: Tensor, row: int) -> Tensor:
        """Return ``[B, T, J]`` normal scores, tied over time and between joints."""
        size, time, joints = cause.shape
        tables, device = self._tables, cause.device
        moments = times[0] if size else times.new_zeros(time)
        gap = (moments[:, None] - moments).abs()
        stays = tables.lasting[row].to(device)
        lost = (gap / tables.seconds[row].to(device)) ** tables.power[row].to(device)
        ties = stays + (1 - stays) * (-lost).exp()
        ties = ties + 1e-4 * torch.eye(time, device=device)
        between = tables.near[row].to(device)
        drawn = self.normal(size, time, joints, device=device)
        lasting, near = torch.linalg.cholesky(ties), torch.linalg.cholesky(between)
        return torch.einsum("ts,bsj,kj->btk", lasting, drawn, near)


def _look_up(table: Tensor, cause: Tensor, score: Tensor) -> Tensor:
    """Return the values ``[B, T, J]`` of quantile tables ``[J, C, Q]`` at normal scores."""
    joints, causes, ranks = table.shape
    place = torch.special.ndtr(score) * (ranks - 1)
    low = place.long().clamp_max(ranks - 2)
    joint = torch.arange(joints, device=cause.device)
    start = (joint * causes + cause) * ranks + low
    flat = table.to(cause.device).flatten()
    return torch.lerp(flat[start], flat[start + 1], place - low)
