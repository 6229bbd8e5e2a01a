"""Fine-tune a network on recordings of one's own, and keep it only if it is better."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kpcomplete import checkpoint, training
from kpcomplete.corruption import Corruption
from kpcomplete.data import PoseSet
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.footage import Strip, keep_back, pool
from kpcomplete.judge import FEWEST, Judge, Verdict
from kpcomplete.model import CAUSAL, OFFLINE, Autoencoder
from kpcomplete.model.timeline import KINDS
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer

_log = logging.getLogger(__name__)
State = Mapping[str, Tensor]
_DOUBT = 10  # stretches of two windows for which new factors count half


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """What came of it.

    Attributes:
        verdict: Of the judge.
        table: Errors and coverage before and after, by what was hidden.
        written: The new weights; None if they were not better.
        rounds: What was chosen from: ``round``, ``share`` and ``change`` on the recordings that
            choose.
    """

    verdict: Verdict
    table: Mapping[str, Mapping[str, float]]
    written: Path | None
    rounds: Sequence[Mapping[str, float]]


def load_network(weights: str | Path) -> Autoencoder:
    """Return the network that is started from.

    Raises:
        ModelFileError: If the checkpoint cannot be read, or holds no autoencoder.
    """
    found = checkpoint.load(checkpoint.find(weights))
    network = found.build()
    if not isinstance(network, Autoencoder):
        raise ModelFileError(
            f"{found.path} must hold an autoencoder, but holds {found.metadata.network}"
        )
    return network


def run(
    *,
    strips: Sequence[Strip],
    objective: Reconstruct,
    trainer: Trainer,
    trials: Mapping[str, Corruption],
    weights: str | Path,
    output: str | Path,
    minutes: float | None = 5.0,
    rounds: int = 5,
    patience: int = 2,
    shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    held_out: float = 0.3,
    length: int = 160,
    absence: float = 1.0,
    moving: float = 0.5,
    remembered: float = 0.5,
    windows: int = 200,
    seed: int = 0,
    provenance: Mapping[str, Any] | None = None,
) -> Adapted:
    """Fine-tune on observed joints, hidden on purpose; write the result if it is better.

    Nothing of what the network learned from is at hand to be repeated, so that it could forget.
    Against that, the weights taken lie between those it started with and the tuned ones
    (Wortsman et al., arXiv 2109.01903): training stops and how far to go is chosen where errors on
    recordings that were not trained on are smallest. On these the network is calibrated, too. The
    judge's recordings serve for nothing but the verdict.

    Args:
        strips: One a recording, see `kpcomplete.footage`.
        objective: How joints get lost, with the network of ``weights``.
        trainer: The training loop of a round; each starts anew at its learning rate.
        trials: What is hidden from the judge, by name.
        weights: What is started from, for the record.
        output: Checkpoint to write.
        minutes: Of training, in all rounds; None: as many steps as the trainer says in each.
        rounds: At most.
        patience: Rounds without an improvement after which no more are tried.
        shares: Of the way to the tuned weights, among which is chosen.
        held_out: Share of the frames that is not trained on: one half chooses, one judges.
        length: Frames of a window.
        absence: Seconds for which somebody who is not seen still counts as there.
        moving: See `kpcomplete.sampler.Sampler`.
        remembered: See `kpcomplete.sampler.Sampler`.
        windows: At most, that judge; a third of it chooses each time.
        seed: Of what is kept back, drawn and hidden.
        provenance: What else the checkpoint should say about itself.

    Raises:
        SettingError: If a number cannot be, or there is too little to train or to judge by.
    """
    if min(rounds, windows) < 1 or not shares or not all(0 < s <= 1 for s in shares):
        raise SettingError(
            "adapting needs a round and a window at least, and shares above 0 up to 1, but got "
            f"rounds={rounds}, windows={windows}, shares={list(shares)}"
        )
    if minutes is not None and not minutes > 0:
        raise SettingError(f"minutes must be more than 0, or null, but are {minutes}")
    parts = keep_back(strips, share=held_out, margin=length, seed=seed)
    sets = {k: pool(v, length=length, absence=absence) for k, v in parts._asdict().items()}
    _check(sets, length)
    judge, choose = (
        Judge(sets=sets[k], trials=trials, objective=objective, length=length, windows=count,
              seed=seed) for k, count in (("judge", windows), ("choose", max(windows // 3, 1)))
    )  # fmt: skip
    network = objective.network
    start = deepcopy(network.state_dict())
    before = judge.ask(network)
    train = Sampler(sets=sets["train"], length=length, moving=moving, remembered=remembered)
    if minutes is not None:
        trainer = replace(trainer, minutes=minutes / rounds)
    trainer = replace(trainer, seed=trainer.seed + seed)
    tried = _search(objective, trainer, train, choose, rounds, patience, shares)
    kept = Sampler(sets=sets["choose"], length=length, remembered=remembered)
    _recalibrate(objective, kept, start, windows, seed)
    after = judge.ask(network)
    verdict, table = judge.compare(before, after), judge.table(before, after)
    if not verdict.better:
        return Adapted(verdict=verdict, table=table, written=None, rounds=tried)
    record = {
        **_origin(weights, sets["train"], sets["choose"]),
        "sources": {k: sorted({s.label for s in v}) for k, v in parts._asdict().items()},
        "frames": {k: sum(s.present for s in v) for k, v in parts._asdict().items()},
        "seed": seed, "length": length, "learning_rate": trainer.learning_rate,
        "rounds": tried, "judged": table, "masks": judge.masks, "verdict": vars(verdict),
        "versions": checkpoint.versions(), **(provenance or {}),
    }  # fmt: skip
    training.write(output, network, record)
    return Adapted(verdict=verdict, table=table, written=Path(output), rounds=tried)


def _check(sets: Mapping[str, Mapping[str, PoseSet]], length: int) -> None:
    for name, some in sets.items():
        if not some:
            raise SettingError(
                f"nobody is seen for {length} frames at a time in what is there to {name}: give "
                "more recordings, or set length"
            )
    found = sum(len(poses.starts(length, length)) for poses in sets["judge"].values())
    if found < 2 * FEWEST:
        raise SettingError(
            f"a verdict needs {2 * FEWEST} windows of {length} frames, but the recordings that are "
            f"kept back to judge hold {found}: give more recordings, or raise held_out"
        )


def _search(
    objective: Reconstruct,
    trainer: Trainer,
    train: Sampler,
    choose: Judge,
    rounds: int,
    patience: int,
    shares: Sequence[float],
) -> list[dict[str, float]]:
    """Train in rounds, and leave the network with the weights that were best between them."""
    network = objective.network
    start = _parameters(network)
    unchanged = choose.ask(network)
    best, least, since = start, 0.0, 0
    tried: list[dict[str, float]] = []
    for number in range(rounds):
        trainer.fit(objective, train)
        objective.to("cpu")  # where the windows are
        trainer = replace(trainer, seed=trainer.seed + 1)
        tuned = _parameters(network)
        since += 1
        for share in shares:
            mixed = {name: torch.lerp(start[name], tuned[name], share) for name in start}
            _load(network, mixed)
            change = choose.compare(unchanged, choose.ask(network)).change
            tried.append({"round": number, "share": share, "change": round(change, 5)})
            if change < least:
                best, least, since = mixed, change, 0
        _log.info("round %d: %s", number, tried[-len(shares) :])
        if since >= patience:
            break
        _load(network, tuned)
    # as they will be stored, so that those are judged
    _load(network, {name: value.half().float() for name, value in best.items()})
    return tried


def _parameters(network: Autoencoder) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


@torch.no_grad()
def _load(network: Autoencoder, values: State) -> None:
    for name, parameter in network.named_parameters():
        parameter.copy_(values[name])


def _recalibrate(
    objective: Reconstruct, kept: Sampler, start: State, windows: int, seed: int
) -> None:
    """Calibrate; what was not measured keeps the figures that it had at the start.

    A few stretches of one person tell little of how wide regions must be: the factors lie between
    those of the start and the new ones, nearer to these the more there is.
    """
    stretches = sum(len(s.starts(kept.length, 2 * kept.length)) for s in kept.sets.values())
    share = stretches / (stretches + _DOUBT)
    drawn = kept.draw(windows, torch.Generator().manual_seed(seed))
    figures = objective.calibrate(drawn)
    network = objective.network
    for row, mode in ((OFFLINE, "offline"), (CAUSAL, "causal")):
        for column, kind in enumerate(KINDS):
            before = float(start["calibration"][row, column])
            found = figures.get(f"{mode}_{kind}_factor", before)
            network.calibration[row, column] = before ** (1 - share) * found**share


def _origin(
    weights: str | Path, train: Mapping[str, PoseSet], choose: Mapping[str, PoseSet]
) -> dict[str, Any]:
    """Return who is known by now, and through what."""
    path = checkpoint.find(weights)
    about = checkpoint.load(path).metadata.provenance
    known = dict(data) if isinstance(data := about.get("data"), Mapping) else {}
    return {
        "adapted_from": {
            "weights": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "adapted_from": about.get("adapted_from"),
        },
        "data": known | {"own": sorted({p for s in train.values() for p in s.people})},
        "held_out": sorted({p for s in choose.values() for p in s.people}),
        "prior": about.get("prior") or {},
        "calibration": {"windows_of": "recordings that choose"},
    }
