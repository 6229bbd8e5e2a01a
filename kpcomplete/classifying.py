"""From labels to a finished head: one run, and what is worth knowing about it."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kpcomplete import checkpoint
from kpcomplete.corruption import Corruption
from kpcomplete.data.labelled import LabelledBatch, LabelledData, LabelledSampler, LabelledSet
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.head.figures import figures
from kpcomplete.head.fitting import regress
from kpcomplete.head.several import Several
from kpcomplete.model import Autoencoder
from kpcomplete.objective.classify import Classify
from kpcomplete.trainer import Trainer
from kpcomplete.training import write

_log = logging.getLogger(__name__)


def run(
    *,
    data: LabelledData,
    trainer: Trainer,
    output: str | Path,
    encoder: str | Path = "completer",
    way: Mapping[str, Any],
    corruption: Corruption | None = None,
    heavy: Corruption | None = None,
    held_out: Sequence[str] = (),
    excluded: Sequence[str] = (),
    past: int = 32,
    rounds: int = 4,
    patience: int = 1,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train a head on everyone but some people, and write it.

    Args:
        data: The labelled poses, see `kpcomplete.own.Own` for your own.
        trainer: How long and how fast, a round.
        output: Checkpoint to write.
        encoder: Checkpoint of the autoencoder: a path, or the name of a shipped one.
        way: How it is trained, see `train`.
        corruption: Of the windows that are learned from.
        heavy: The heavier one that consistency needs.
        held_out: People who are not trained on; they stop the training, and calibrate.
        excluded: People who are left out; the head is measured on them, else on those held out.
        past: Frames of a window.
        rounds: Of training, at most.
        patience: Rounds without an improvement on the people held out, after which it stops.
        provenance: What else the checkpoint should say about itself.

    Returns:
        What the checkpoint says about itself.

    Raises:
        SettingError: If a person is not there, or nobody is held out.
    """
    whole = data.load()
    if not held_out:
        raise SettingError("held_out must name people: they stop the training, and calibrate")
    rest, strangers = whole.split(excluded)
    known, judges = rest.split(held_out)
    network, history = train(
        known, judges, trainer=trainer, encoder=encoder, way=way, corruption=corruption,
        heavy=heavy, past=past, rounds=rounds, patience=patience,
    )  # fmt: skip
    asked = strangers if excluded else judges
    record = {
        "tasks": {task: list(classes) for task, classes in whole.tasks.items()},
        "people": sorted(set(known.poses.people)),
        "held_out": sorted(held_out),
        "excluded": sorted(excluded),
        "encoder": str(encoder),
        "way": dict(way),
        "seed": trainer.seed,
        "history": history,
        "measured_on": sorted(set(asked.poses.people)),
        "metrics": figures(network, asked.windows(past, past // 2)),
        "versions": checkpoint.versions(),
        **(provenance or {}),
    }
    write(output, network, record)
    return record


def train(
    known: LabelledSet,
    judges: LabelledSet,
    *,
    trainer: Trainer,
    encoder: str | Path,
    way: Mapping[str, Any],
    corruption: Corruption | None = None,
    heavy: Corruption | None = None,
    past: int = 32,
    rounds: int = 4,
    patience: int = 1,
) -> tuple[Several, list[dict[str, float]]]:
    """Return a calibrated head, and how the training went.

    Args:
        known: Learned from.
        judges: Other people; the best round is theirs, and so is the temperature.
        trainer: Of one round.
        encoder: Checkpoint of the autoencoder.
        way: ``hidden`` widths of the head, ``completed`` whether the encoder is looked at,
            ``scratch`` whether its weights are forgotten first, ``pca`` number of components of a
            logistic regression instead of all that follows; ``trained``, ``decay``,
            ``reconstruction`` and ``consistency`` as in `Classify`, and ``labelled`` the share of
            windows that have a label.
        corruption: Of the windows that are learned from.
        heavy: The heavier one that consistency needs.
        past: Frames of a window.
        rounds: At most.
        patience: Rounds without an improvement, after which it stops.
    """
    way = dict(way)
    network = Several(encoder=autoencoder(encoder, fresh=way.pop("scratch", False)),
                      tasks=known.tasks, past=past, hidden=way.pop("hidden", (64,)),
                      completed=way.pop("completed", True), frontal=known.frontal)  # fmt: skip
    components, labelled = way.pop("pca", None), way.pop("labelled", 1.0)
    objective = Classify(model=network, corruption=corruption, heavy=heavy, **way)
    sampler = LabelledSampler(data=known, length=past, labelled=labelled)
    draw = torch.Generator().manual_seed(trainer.seed)
    objective.prepare(sampler.draw(1000, draw))
    asked = judges.windows(past, past // 2)
    if components is not None:
        regress(network, known.windows(past, past // 4), components)
        history: list[dict[str, float]] = []
    else:
        history = _rounds(objective, trainer, sampler, asked, rounds, patience)
    objective.to("cpu").eval()
    _calibrate(network, objective, asked)
    return network, history


def autoencoder(encoder: str | Path, *, fresh: bool = False) -> Autoencoder:
    """Return the autoencoder of a checkpoint; ``fresh`` one of the same make that knows nothing.

    Raises:
        ModelFileError: If it holds none.
    """
    found = checkpoint.load(checkpoint.find(encoder))
    network = found.build()
    if not isinstance(network, Autoencoder):
        raise ModelFileError(f"{found.path} must hold an autoencoder, but holds "
                             f"{found.metadata.network}")  # fmt: skip
    if fresh:
        torch.manual_seed(0)
        other = type(network)(**network.arguments)
        # how often joints are seen and where they are is material, not learning
        other.load_state_dict(dict(other.state_dict()) | dict(network.named_buffers()))
        network = other
    return network


def _rounds(
    objective: Classify,
    trainer: Trainer,
    sampler: LabelledSampler,
    asked: LabelledBatch,
    rounds: int,
    patience: int,
) -> list[dict[str, float]]:
    """Train, and leave the weights that were best on people who were not trained on."""
    best, kept, since = -np.inf, deepcopy(objective.network.state_dict()), 0
    history: list[dict[str, float]] = []
    for number in range(rounds):
        trainer.fit(objective, sampler)
        objective.to("cpu").eval()
        found = figures(objective.network, asked)
        value = float(np.mean([f["macro_f1"] for f in found.values() if f]))
        history.append({"round": float(number), "macro_f1": value})
        _log.info("round %d: macro-F1 %.3f on people held out", number, value)
        since += 1
        if value > best:
            best, kept, since = value, deepcopy(objective.network.state_dict()), 0
        if since > patience:
            break
        trainer = replace(trainer, seed=trainer.seed + 1)
    objective.network.load_state_dict(kept)
    return history


def _calibrate(network: Several, objective: Classify, asked: LabelledBatch) -> None:
    objective.calibrate(asked)
    _log.info("temperatures %s", network.temperature.tolist())
