"""Learn to fill in joints that were hidden on purpose."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded, advance_all, check_share, reseed_all
from kpcomplete.model import CAUSAL, Autoencoder
from kpcomplete.model.temporal import Temporal
from kpcomplete.objective import Objective
from kpcomplete.objective.augment import Augment
from kpcomplete.objective.choosing import Choosing
from kpcomplete.objective.greedy import layers
from kpcomplete.objective.outcome import MODES, QUANTILE, Outcome, choose_trust, scale_regions
from kpcomplete.penalty import Penalty

_PIECES = 16  # of a window, at most
_ROUNDS = 3  # in each of which windows that calibrate are corrupted anew


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

    def finishing(self) -> list[Objective]:
        if not isinstance(self.network, Temporal):
            return []
        self.train()  # clean poses are varied
        return [
            Choosing(
                whole=self.network,
                corrupt=lambda clean: self.corrupt(self._scissors(clean)),
                causal=lambda clean: self._coin(clean.device),
                reseed=self.reseed,
            )
        ]

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
    def calibrate(
        self,
        clean: PoseBatch,
        groups: Int[Tensor, " batch"] | None = None,
        foremost: Bool[Tensor, " batch"] | None = None,
    ) -> dict[str, float]:
        """Scale standard deviations so that 90 % regions hold 90 % of hidden joints.

        Before that, take only as much of the network's choices and corrections as makes errors
        smallest where joints are lost as in training, in tenths. Numbers for each of the `KINDS`
        of hidden joints, offline and causal; a kind of which fewer than 100 joints were hidden
        keeps what it had.

        Args:
            clean: Windows in pixels, of people that were not trained on.
            groups: Which of these people, or kinds of people, each window shows; of which the
                hardest count most, see `choose_trust` and `scale_regions`.
            foremost: Which windows show people such as users will; None: all of them.

        Returns:
            By kind the shares of choices and corrections taken, the share of joints that the 90 %
            regions held before, and the factor.
        """
        self.eval()
        self.reseed(0)
        learned, families = self.corrupt(clean), self.trials(clean)
        often = [x if x is None else x.repeat(_ROUNDS) for x in (groups, foremost)]
        figures: dict[str, float] = {}
        for mode, name in MODES:
            figures |= choose_trust(self.network, *learned, mode, name, groups)
            figures |= scale_regions(self.network, *families, mode, name, *often)
        return figures

    def trials(self, clean: PoseBatch) -> tuple[PoseBatch, PoseBatch]:
        """Return windows of pixels some times over, corrupted to calibrate by, and clean."""
        pairs = []
        for number in range(_ROUNDS):
            self.reseed(number)
            pairs.append(self.corrupt(clean, self.calibrating))
        corrupted, clean = (PoseBatch.concatenate(side) for side in zip(*pairs, strict=True))
        return corrupted, clean

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
        for mode, name in MODES:
            if isinstance(corruption, Seeded):
                corruption.reseed(0)
            outcome = Outcome.of(
                self.network, *self.corrupt(clean, corruption), causal=mode == CAUSAL
            )
            hidden, seen = outcome.hidden, outcome.hidden & outcome.seen
            for figure, values, where in (
                ("error", outcome.error, hidden),
                ("error_seen", outcome.error, seen),
                ("baseline", outcome.baseline, seen),
                ("coverage", (outcome.inside < QUANTILE).float(), hidden),
                ("known", outcome.known.float(), outcome.lost),
            ):
                if where.any():
                    figures[f"{name}_{figure}"] = float(values[where].mean())
        return figures


def _beside(first: PoseBatch, second: PoseBatch) -> PoseBatch:
    """Return the same windows with the frames of both."""
    return PoseBatch(
        keypoints=torch.cat([first.keypoints, second.keypoints], dim=1),
        confidence=torch.cat([first.confidence, second.confidence], dim=1),
        observed=torch.cat([first.observed, second.observed], dim=1),
        times=torch.cat([first.times, second.times], dim=1),
        memory=first.memory,
    )
