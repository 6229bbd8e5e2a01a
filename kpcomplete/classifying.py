"""From labels to a finished head: one run, and what is worth knowing about it."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch import Tensor, nn

from kpcomplete import checkpoint, metric
from kpcomplete.archive import read_archive
from kpcomplete.corruption import Corruption
from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import (
    NONE,
    LabelledBatch,
    LabelledData,
    LabelledSampler,
    LabelledSet,
)
from kpcomplete.data.labels import read_labels
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.head.several import Several
from kpcomplete.model import Autoencoder
from kpcomplete.objective.classify import Classify
from kpcomplete.trainer import Trainer
from kpcomplete.training import write

_log = logging.getLogger(__name__)
MIN_CONFIDENCE = 0.5  # as process believes the detector
_PIECE = 512  # windows at a time


@dataclass(frozen=True, kw_only=True)
class Own:
    """Results of ``kpcomplete process``, and a label file that names them.

    Args:
        labels: CSV or Parquet, see `kpcomplete.data.labels.read_labels`.
        folder: Where the recordings that it names are.
        tasks: Name of a task to names of its classes.
    """

    labels: str
    folder: str
    tasks: Mapping[str, Sequence[str]]

    def load(self) -> LabelledSet:
        """Return what the detector saw, a clip for each seat, and the classes.

        Raises:
            SourceError: If a file cannot be read, or with all problems of the label file.
        """
        names = {path.name: path for path in sorted(Path(self.folder).glob("*.parquet"))
                 if not path.name.endswith(".classes.parquet")}  # fmt: skip
        found = {name: read_archive(path).raw for name, path in names.items()}
        frames = {name: {seat: len(p) for seat, p in s.items()} for name, s in found.items()}
        labels = read_labels(self.labels, self.tasks, frames)
        used = sorted({(label.file, label.seat) for label in labels})
        clips = [found[name][seat] for name, seat in used]
        rates = {clip.fps for clip in clips}
        if len(rates) != 1:
            raise SettingError(
                f"labelled recordings must have one frame rate, but have {sorted(rates)}"
            )
        poses = PoseSet.from_clips(
            [
                torch.from_numpy(c.hide(c.confidence < MIN_CONFIDENCE).keypoints / c.image_size[0])
                for c in clips
            ],
            people=[f"{name}:{seat}" for name, seat in used],
            views=["own"] * len(used),
            fps=rates.pop(),
        )
        return LabelledSet.from_labels(poses, self.tasks, labels, used)


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
        data: The labelled poses, see `Own` for your own.
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
                      completed=way.pop("completed", True))  # fmt: skip
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


def regress(network: Several, batch: LabelledBatch, components: int) -> None:
    """Fit each linear head by logistic regression on principal components of the features.

    Raises:
        SettingError: If a head is not linear.
    """
    features = ((_features(network, batch) - network.middle) / network.width).numpy()
    for task, head in network.heads.items():
        if not isinstance(head, nn.Sequential) or len(head) != 1:
            raise SettingError("a regression on components needs a linear head: set hidden=[]")
        linear = head[0]
        assert isinstance(linear, nn.Linear)
        target = batch.targets[task].numpy()
        known = target != NONE
        pca = PCA(min(components, int(known.sum()), features.shape[1])).fit(features)
        fitted = LogisticRegression(class_weight="balanced", max_iter=500, C=0.1)
        fitted.fit(pca.transform(features[known]), target[known])
        weight = np.zeros(linear.weight.shape, np.float32)
        bias = np.full(len(weight), -10.0, np.float32)  # classes that nobody showed
        rows, back = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:
            rows, back = np.concatenate([-rows, rows]) / 2, np.concatenate([-back, back]) / 2
        weight[fitted.classes_] = rows @ pca.components_
        bias[fitted.classes_] = back - (rows @ pca.components_) @ pca.mean_
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))


def fit_heads(
    network: Several, features: Tensor, targets: Mapping[str, Tensor], steps: int, seed: int = 0
) -> None:
    """Fit the heads alone to features that were computed once; each class weighs the same.

    Args:
        network: Its heads start anew.
        features: ``[N, F]``, see `Several.features`.
        targets: Task to class numbers ``[N]``, `NONE` where not known.
        steps: Of AdamW, of 256 windows each.
        seed: Of the weights and the windows drawn.
    """
    torch.manual_seed(seed)
    for layer in network.heads.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    network.train()
    optimizer = torch.optim.AdamW(network.heads.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    shares = {task: _balanced(values) for task, values in targets.items()}
    with torch.enable_grad():
        for _ in range(steps):
            loss = torch.zeros(())
            for task, share in shares.items():
                rows = torch.multinomial(share, 256, replacement=True)
                logits = network.decide(features[rows])[task]
                loss = loss + nn.functional.cross_entropy(logits, targets[task][rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()


def _balanced(target: Tensor) -> Tensor:
    """Return how often rows are drawn: classes alike, rows without one never."""
    share = torch.zeros(len(target))
    for number in torch.unique(target[target != NONE]).tolist():
        rows = target == number
        share[rows] = 1.0 / float(rows.sum())
    return share


def figures(network: Several, batch: LabelledBatch) -> dict[str, dict[str, float]]:
    """Return macro-F1, accuracy, AUROC (classes against the rest) and calibration error."""
    return {
        task: scores(values[:, :-1].numpy(), batch.targets[task].numpy())
        for task, values in probabilities(network, batch).items()
    }


def scores(probability: metric.Array, target: metric.Array) -> dict[str, float]:
    """Return the figures of one task.

    Args:
        probability: ``[N, C]``; zeros where nothing is said, which counts as wrong.
        target: ``[N]``, `NONE` where not known.
    """
    known = target != NONE
    if not known.any():
        return {}
    probability, target = probability[known], target[known]
    guess = np.where(probability.sum(axis=1) > 0, probability.argmax(axis=1), NONE)
    present = np.unique(target)
    auroc = [metric.auroc(probability[:, c], target == c) for c in present]
    return {
        "macro_f1": float(
            f1_score(target, guess, labels=present, average="macro", zero_division=0)
        ),
        "accuracy": float((guess == target).mean()),
        "auroc": float(np.mean(auroc)),
        "calibration_error": metric.calibration_error(probability.max(axis=1), guess == target),
    }


@torch.inference_mode()
def probabilities(network: Several, batch: LabelledBatch) -> dict[str, Tensor]:
    """Return task to probabilities ``[N, C + 1]`` of many windows."""
    parts = [network.probabilities(batch.select(rows)) for rows in _slices(len(batch))]
    return {task: torch.cat([part[task] for part in parts]) for task in network.tasks}


@torch.inference_mode()
def _features(network: Several, batch: LabelledBatch) -> Tensor:
    return torch.cat([network.features(batch.select(rows)) for rows in _slices(len(batch))])


def _slices(count: int) -> list[slice]:
    return [slice(i, i + _PIECE) for i in range(0, max(count, 1), _PIECE)]


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
