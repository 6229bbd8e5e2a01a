"""From data to a finished model: one run, and what is worth knowing about it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kpcomplete import checkpoint, rank
from kpcomplete.batch import PoseBatch
from kpcomplete.checkpoint import Metadata
from kpcomplete.completer.fitting import fit_gaussian
from kpcomplete.corruption import Corruption
from kpcomplete.data import Data, PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.model.temporal import Temporal
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer

_log = logging.getLogger(__name__)
FITTED = "fitted"


def run(
    *,
    objective: Reconstruct,
    data: Mapping[str, Data],
    trainer: Trainer,
    output: str | Path,
    shares: Mapping[str, float] | None = None,
    held_out: Sequence[str] = (),
    excluded: Sequence[str] = (),
    foremost: Sequence[str] = (),
    prior: str | Path | None = None,
    trials: Mapping[str, Corruption] | None = None,
    length: int = 160,
    shorter: Sequence[int] = (),
    frame_steps: Sequence[int] = (1,),
    moving: float = 0.0,
    remembered: float = 0.0,
    windows: int = 400,
    quick: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train on everyone but some people, calibrate and measure on those, and write the model.

    Args:
        objective: What is learned, with the model.
        data: The data sets, by name.
        trainer: How long and how fast.
        output: Checkpoint to write, in half precision.
        shares: Name of a data set to share of the windows.
        held_out: People who are not trained on, but calibrate; measured unless others are.
        excluded: People who are neither trained nor calibrated on. Data sets that have some are
            measured on them.
        foremost: Data sets of people such as users will show; by how hard these are regions are
            scaled, as far as they show enough. By default all.
        prior: Gaussians that a network which can `adopt` them starts from, by path or shipped
            name; `FITTED`: fitted here, to those who are learned from until the network is
            calibrated, and to everyone but the excluded in the finished model.
        trials: Corruptions by name, under which the finished model is measured on each data set.
        length: Frames of a window.
        shorter: Of other windows that are trained on; see `kpcomplete.sampler.Sampler`.
        frame_steps: See `kpcomplete.sampler.Sampler`.
        moving: See `kpcomplete.sampler.Sampler`.
        remembered: See `kpcomplete.sampler.Sampler`.
        windows: How many of held-out people calibrate; a quarter as many validate, and as many
            measure each data set.
        quick: Ten steps on few windows, to see whether everything fits together.
        provenance: What else the checkpoint should say about itself.

    Returns:
        What the checkpoint says about itself.

    Raises:
        SettingError: If a held-out person is in no data set, or nobody is held out.
    """
    if quick:
        windows = 16
        trainer = replace(trainer, steps=10, finishing=min(trainer.finishing, 5), report_every=5,
                          warmup=2)  # fmt: skip
    sets = {name: part.load() for name, part in data.items()}
    sets, strangers = split(sets, excluded) if excluded else (sets, {})
    seen, unseen = split(sets, held_out)
    share = {name: dict(shares or {}).get(name, 1.0) for name in unseen}
    train = Sampler(sets=seen, shares=shares, length=length, shorter=shorter, steps=frame_steps,
                    moving=moving, remembered=remembered,
                    device=rank.device(trainer.accelerator))  # fmt: skip
    test = Sampler(sets=unseen, shares=share if shares else None, length=length,
                   remembered=min(remembered, 0.5))  # fmt: skip
    first = train.draw(16 if quick else 4000, torch.Generator().manual_seed(trainer.seed))
    objective.prepare(first.to("cpu"))
    if prior == FITTED:
        known_before = _adopt_fitted(objective.network, seen, trainer.seed)
    else:
        known_before = adopt(objective.network, prior) if prior is not None else {}
    draw = torch.Generator().manual_seed(trainer.seed + 1)
    done = trainer.fit(objective, train, [test.draw(windows // 4, draw)])
    objective.to("cpu")  # where the windows are
    judges, cameras = test.grouped(windows, draw)
    counts = torch.tensor([not foremost or name in foremost for name, _ in test.cameras])
    calibration = objective.calibrate(judges, cameras, counts[cameras])
    if prior == FITTED:
        known_before = _adopt_fitted(objective.network, sets, trainer.seed)
    metrics = {
        name: measure(
            objective, Sampler(sets={name: s}, length=length).draw(windows // 4, draw), trials
        )
        for name, s in (unseen | strangers).items()
    }
    record = {
        "data": {name: sorted(set(s.people)) for name, s in seen.items()},
        "held_out": sorted(held_out),
        "excluded": sorted(excluded),
        "foremost": sorted(foremost),
        "shares": dict(shares or {}),
        "prior": known_before,
        "seed": trainer.seed,
        "steps": done.step,
        "seconds": round(done.seconds),
        "batch_size": trainer.windows,
        "length": length,
        "shorter": list(shorter),
        "moving": moving,
        "remembered": remembered,
        "history": done.history,
        "calibration": calibration,
        "metrics": metrics,
        "versions": checkpoint.versions(),
        **(provenance or {}),
    }
    write(output, objective.network, record)
    return record


def measure(
    objective: Reconstruct, clean: PoseBatch, trials: Mapping[str, Corruption] | None
) -> dict[str, dict[str, float]]:
    """Return the figures of a network on windows of one data set, by trial."""
    return {name: objective.evaluate(clean, trial) for name, trial in (trials or {}).items()}


def adopt(network: torch.nn.Module, prior: str | Path) -> dict[str, Any]:
    """Let a network start from fitted Gaussians, and return whom they know.

    Raises:
        SettingError: If the network cannot start from anything.
    """
    taker = _checked(network)
    found = checkpoint.load(checkpoint.find(prior))
    taker.adopt(found.tensors)
    about = found.metadata.provenance
    return {"people": about.get("people"), "held_out": about.get("held_out")}


def _adopt_fitted(
    network: torch.nn.Module, sets: Mapping[str, PoseSet], seed: int
) -> dict[str, Any]:
    """Let a network start from Gaussians of some people, and return who they are."""
    _checked(network).adopt(fit_gaussian(sets, seed=seed))
    return {"people": sorted({person for poses in sets.values() for person in poses.people})}


def _checked(network: torch.nn.Module) -> Temporal:
    if not isinstance(network, Temporal):
        raise SettingError(
            f"only the temporal network starts from a prior, but got {type(network).__name__}: "
            "set prior=null"
        )
    return network


def split(
    sets: Mapping[str, PoseSet], held_out: Sequence[str]
) -> tuple[dict[str, PoseSet], dict[str, PoseSet]]:
    """Return the clips of everyone else, and those of held-out people; sets of nobody left out.

    Raises:
        SettingError: If a held-out person is in no data set, or nobody is held out.
    """
    known = {person for s in sets.values() for person in s.people}
    if not held_out or not set(held_out) <= known:
        raise SettingError(
            f"held_out must name some of {', '.join(sorted(known))}, but names "
            f"{sorted(set(held_out) - known) or 'nobody'}: calibration needs unknown people"
        )
    pairs = {name: s.split(sorted(set(held_out) & set(s.people))) for name, s in sets.items()}
    seen = {name: pair[0] for name, pair in pairs.items() if len(pair[0])}
    return seen, {name: pair[1] for name, pair in pairs.items() if len(pair[1])}


def write(
    path: str | Path,
    network: torch.nn.Module,
    provenance: Mapping[str, Any],
    shared: Mapping[str, str] | None = None,
) -> None:
    """Write a finished network in half precision; counts and calibration stay exact.

    Of several processes that trained it, the first one writes.

    Args:
        path: Of the checkpoint.
        network: Which one.
        provenance: What the checkpoint says about itself.
        shared: See `kpcomplete.checkpoint.Metadata.of`.
    """
    if not rank.leads():
        return
    buffers = dict(network.named_buffers())
    tensors = {
        name: _exact(value) if name in buffers else value.half()
        for name, value in network.state_dict().items()
    }
    checkpoint.save(path, tensors, Metadata.of(network, provenance, shared or {}))
    _log.info("wrote %s, %d bytes", path, Path(path).stat().st_size)


def _exact(value: Tensor) -> Tensor:
    """Return large tensors, such as adopted Gaussians, in half precision if that loses nothing."""
    if value.numel() < 1000 or not value.is_floating_point():
        return value
    half = value.half()
    return half if torch.equal(half.to(value.dtype), value) else value
