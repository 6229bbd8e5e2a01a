"""Learn to fill in joints that were hidden on purpose."""

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded, advance_all, check_share, reseed_all
from kpcomplete.model import CAUSAL, OFFLINE, Autoencoder, Prediction
from kpcomplete.model.timeline import KINDS, Timeline
from kpcomplete.objective import Objective
from kpcomplete.objective.augment import Augment
from kpcomplete.objective.greedy import layers
from kpcomplete.penalty import Penalty

_COVERED = 0.9
_PIECES = 16  # of a window, at most
_ROUNDS = 3  # in each of which windows that calibrate are corrupted anew
_AT_ONCE = 128  # of these windows
_MODES = ((OFFLINE, "offline"), (CAUSAL, "causal"))
_QUANTILE = -2 * math.log(1 - _COVERED)  # of the chi-squared distribution with 2 degrees


@dataclass(kw_only=True)
class _Coin(Seeded):
    share: float = field(default=0.5)

    def __call__(self, device: torch.device) -> bool:
        return bool(self.uniform(1, device=device) < self.share)


@dataclass(kw_only=True)
class _Scissors(Seeded):
    """Cuts some batches into shorter windows, all of one length."""

    share: float

    def __call__(self, batch: PoseBatch) -> PoseBatch:
        cut, lot = self.uniform(2, device=batch.device).tolist()
        time = batch.times.shape[1]
        if cut >= self.share or not time:
            return batch
        length = int(time**lot)  # each order of magnitude as likely
        pieces = batch.pieces(length)
        most = _PIECES * len(batch)
        if len(pieces) <= most:
            return pieces
        evenly = torch.linspace(0, len(pieces) - 1, most, device=batch.device)
        return pieces.select(evenly.long())


class Reconstruct(Objective):
    """A denoising autoencoder: corrupt, complete, compare with the clean pose.

    Windows are normalised on what is left after the corruption, as they will be in use.

    Args:
        model: What is trained.
        corruption: How joints get lost; sees windows in body units.
        calibrating: How they get lost where regions are calibrated; None: as in training.
        augment: Variations of the clean pose, before it is corrupted.
        placement: Variations of scale and place after normalisation, which in use is fitted on
            whatever joints happen to be seen.
        penalty: What latents are charged for in training.
        causal: Share of batches in which the model sees no later frames.
        short: Share of batches that are cut into shorter windows, down to single frames.
        seed: Same seed, same draws.

    Raises:
        ValueError: If ``causal`` or ``short`` is no share.
    """

    def __init__(
        self,
        *,
        model: Autoencoder,
        corruption: Corruption,
        calibrating: Corruption | None = None,
        augment: Augment | None = None,
        placement: Augment | None = None,
        penalty: Penalty | None = None,
        causal: float = 0.5,
        short: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_share("causal", causal)
        check_share("short", short)
        self.network: Autoencoder = model
        self.corruption = corruption
        self.calibrating = calibrating
        self.augment = augment
        self.placement = placement
        self.penalty = penalty
        self._done = 1.0  # share of the training
        self._coin = _Coin(share=causal, seed=seed)
        self._scissors = _Scissors(share=short, seed=seed + 1)

    def prepare(self, clean: PoseBatch) -> None:
        body = normalize.fit(clean).into_body(clean)
        if self.augment and self.augment.mirror:  # a left ear is known if a right one is
            mirror = replace(self.augment, mirror=1.0, rotation=0.0, stretch=0.0)
            body = PoseBatch.concatenate([body, mirror(body)])
        self.network.prepare(body)

    def reseed(self, step: int) -> None:
        drawn = [self.corruption, self.calibrating, self.augment, self.placement, self._coin,
                 self._scissors]  # fmt: skip
        reseed_all(drawn, step)

    def advance(self, share: float) -> None:
        self._done = share
        if self.penalty:
            self.penalty.advance(share)

    def stages(self) -> list[Objective]:
        self.train()  # clean poses are varied
        return layers(self.network, self.corrupt, self.reseed)

    def forward(self, clean: PoseBatch) -> dict[str, Tensor]:
        corrupted, clean = self.corrupt(self._scissors(clean) if self.training else clean)
        causal = self._coin(clean.device)
        if not (self.penalty and self.training):
            return self.network.loss(corrupted, clean, causal=causal)
        latent = self.network.encode(corrupted, causal=causal)
        figures = self.network.judge(latent, corrupted, clean)
        penalty = self.penalty(self.network, corrupted, latent)
        return figures | {"loss": figures["loss"] + penalty, "penalty": penalty.detach()}

    def corrupt(
        self, clean: PoseBatch, corruption: Corruption | None = None
    ) -> tuple[PoseBatch, PoseBatch]:
        """Return windows of pixels corrupted and clean, in the same body units."""
        clean = normalize.fit(clean).into_body(clean)
        if self.training and self.augment:
            clean = self.augment(clean)
        corruption = corruption or self.corruption
        advance_all([corruption], self._done if self.training else 1.0)
        corrupted = corruption(clean)
        placement = normalize.fit(corrupted)
        corrupted, clean = placement.into_body(corrupted), placement.into_body(clean)
        if self.training and self.placement:
            both = self.placement(_beside(corrupted, clean))  # the same draw for both
            time = corrupted.times.shape[1]
            corrupted, clean = both.frames(slice(time)), both.frames(slice(time, None))
        return corrupted, clean

    @torch.no_grad()
    def calibrate(self, clean: PoseBatch) -> dict[str, float]:
        """Scale standard deviations so that 90 % regions hold 90 % of hidden joints.

        Before that, take only as much of the network's corrections as makes errors smallest where
        joints are lost as in training, in tenths. One number for each of the `KINDS` of hidden
        joints, offline and causal; a kind of which fewer than 100 joints were hidden keeps what it
        had.

        Args:
            clean: Windows in pixels, of people that were not trained on.

        Returns:
            By kind the share of corrections taken, the share of joints that the 90 % regions held
            before, and the factor.
        """
        self.eval()
        before = self.network.calibration.clone()
        self.network.calibration.fill_(1.0)
        figures: dict[str, float] = {}
        self.reseed(0)
        learned, pair = self.corrupt(clean), self.trials(clean)
        for mode, name in _MODES:
            figures |= self._calibrate_trust(*learned, mode, name)
            outcome = self._outcome(*pair, causal=mode == CAUSAL)
            for place, kind in enumerate(KINDS):
                inside = outcome.inside[outcome.hidden & (outcome.kind == place)]
                if len(inside) < 100:
                    self.network.calibration[mode, place] = before[mode, place]
                    continue
                rank = math.ceil(_COVERED * len(inside))
                factor = float((inside.kthvalue(rank).values / _QUANTILE).sqrt())
                self.network.calibration[mode, place] = factor
                figures[f"{name}_{kind}_coverage"] = float((inside < _QUANTILE).float().mean())
                figures[f"{name}_{kind}_factor"] = factor
        return figures

    def trials(self, clean: PoseBatch) -> tuple[PoseBatch, PoseBatch]:
        """Return windows of pixels some times over, corrupted to calibrate by, and clean."""
        pairs = []
        for number in range(_ROUNDS):
            self.reseed(number)
            pairs.append(self.corrupt(clean, self.calibrating))
        corrupted, clean = (PoseBatch.concatenate(side) for side in zip(*pairs, strict=True))
        return corrupted, clean

    def _calibrate_trust(
        self, corrupted: PoseBatch, clean: PoseBatch, mode: int, name: str
    ) -> dict[str, float]:
        offsets = []
        before = self.network.trust[mode].clone()
        for trust in (0.0, 1.0):  # the prediction is linear in it
            self.network.trust[mode] = trust
            found = self._found(corrupted, causal=mode == CAUSAL)
            offsets.append(found.mean - clean.keypoints)
        kinds = Timeline.of(corrupted, causal=mode == CAUSAL).kind
        hidden = clean.observed & found.known & ~corrupted.observed
        figures = {}
        for place, kind in enumerate(KINDS):
            where = hidden & (kinds == place)
            if int(where.sum()) < 100:
                self.network.trust[mode, place] = before[place]
                continue
            none, full = offsets[0][where], offsets[1][where]
            tenths = [float(torch.lerp(none, full, i / 10).norm(dim=-1).mean()) for i in range(11)]
            best = tenths.index(min(tenths)) / 10
            self.network.trust[mode, place] = best
            figures[f"{name}_{kind}_trust"] = best
        return figures

    @torch.no_grad()
    def evaluate(self, clean: PoseBatch, corruption: Corruption) -> dict[str, float]:
        """Return how well joints hidden by a corruption are completed.

        Args:
            clean: Windows in pixels, of people that were not trained on.
            corruption: What hides joints.

        Returns:
            By mode: ``error`` the mean distance in body units, ``baseline`` that of interpolation
            (offline) or of holding (causal) where it has an answer, ``error_seen`` the error of
            the same joints, ``coverage`` of the 90 % regions, ``known`` the share of hidden joints
            that are completed. What cannot be measured is left out.
        """
        self.eval()
        figures = {}
        for mode, name in _MODES:
            if isinstance(corruption, Seeded):
                corruption.reseed(0)
            outcome = self._outcome(*self.corrupt(clean, corruption), causal=mode == CAUSAL)
            hidden, seen = outcome.hidden, outcome.hidden & outcome.seen
            for figure, values, where in (
                ("error", outcome.error, hidden),
                ("error_seen", outcome.error, seen),
                ("baseline", outcome.baseline, seen),
                ("coverage", (outcome.inside < _QUANTILE).float(), hidden),
                ("known", outcome.known.float(), outcome.lost),
            ):
                if where.any():
                    figures[f"{name}_{figure}"] = float(values[where].mean())
        return figures

    def _found(self, corrupted: PoseBatch, *, causal: bool) -> Prediction:
        """Return what the network says of many windows, some at a time."""
        parts = [
            self.network(corrupted.select(slice(i, i + _AT_ONCE)), causal=causal)
            for i in range(0, len(corrupted), _AT_ONCE)
        ]
        return Prediction(
            mean=torch.cat([part.mean for part in parts]),
            factor=torch.cat([part.factor for part in parts]),
            known=torch.cat([part.known for part in parts]),
        )

    def _outcome(self, corrupted: PoseBatch, clean: PoseBatch, *, causal: bool) -> "_Outcome":
        found = self._found(corrupted, causal=causal)
        timeline = Timeline.of(corrupted, causal=causal)
        offset = clean.keypoints - found.mean
        solved = torch.linalg.solve_triangular(found.factor, offset[..., None], upper=False)
        lost = clean.observed & ~corrupted.observed
        return _Outcome(
            error=offset.norm(dim=-1),
            baseline=(clean.keypoints - timeline.base).norm(dim=-1),
            inside=solved.square().sum(dim=(-2, -1)),
            lost=lost,
            hidden=lost & found.known,
            known=found.known,
            seen=timeline.seen,
            kind=timeline.kind,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Outcome:
    """Of each joint, ``[B, T, J]``."""

    error: Tensor  # body units
    baseline: Tensor  # the same, of the straight line
    inside: Tensor  # squared distance in standard deviations
    lost: Tensor
    hidden: Tensor  # lost and filled in
    known: Tensor
    seen: Tensor
    kind: Tensor


def _beside(first: PoseBatch, second: PoseBatch) -> PoseBatch:
    """Return the same windows with the frames of both."""
    return PoseBatch(
        keypoints=torch.cat([first.keypoints, second.keypoints], dim=1),
        confidence=torch.cat([first.confidence, second.confidence], dim=1),
        observed=torch.cat([first.observed, second.observed], dim=1),
        times=torch.cat([first.times, second.times], dim=1),
        memory=first.memory,
    )
