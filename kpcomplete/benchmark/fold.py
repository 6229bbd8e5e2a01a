"""A fold: classical completers and a network that know some people, measured on others."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kpcomplete import checkpoint, training
from kpcomplete.benchmark import baselines
from kpcomplete.benchmark.baselines import fallbacks
from kpcomplete.benchmark.hiding import errors, hide
from kpcomplete.benchmark.table import Table
from kpcomplete.benchmark.trial import Trial, draw, remember, shows
from kpcomplete.checkpoint import Checkpoint
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.trainer import Trainer

log = logging.getLogger(__name__)
MODEL, REMEMBERING = "autoencoder", "with memory"
_OWN = ("output", "held_out", "excluded", "trials")  # a fold decides these itself
_FINISHING = 20  # steps for a minute of training: a short one is finished in as small a part of it


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """Data that is there already.

    Args:
        poses: What it holds.
    """

    poses: PoseSet

    def load(self) -> PoseSet:
        """Return the poses."""
        return self.poses


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """Who is learned from, and who is measured.

    Attributes:
        name: Of the fold.
        train: Poses by data set; nobody of ``test`` is in them.
        choose: What of the people of ``train`` settings are chosen on.
        test: Poses to measure on.
        left_out: People of ``train`` who are left out in turn to choose settings.
        calibrated: People of ``train`` on whom a network is calibrated and not trained.
        others: Other recordings of the people of ``test``, from which the network may remember
            them; None if there are none.

    Raises:
        SettingError: If somebody is on both sides, or a recording is measured and remembered.
    """

    name: str
    train: Mapping[str, PoseSet]
    choose: PoseSet
    test: PoseSet
    left_out: Sequence[str]
    calibrated: Sequence[str]
    others: PoseSet | None = None

    def __post_init__(self) -> None:
        both = {p for s in self.train.values() for p in s.people} & set(self.test.people)
        if both or not len(self.test):
            raise SettingError(
                f"fold {self.name!r} must test people that it does not train on, but tests "
                f"{', '.join(sorted(set(self.test.people))) or 'nobody'}"
            )
        if self.others is not None and _contents(self.others) & _contents(self.test):
            raise SettingError(
                f"fold {self.name!r} must remember people by other recordings than those that it "
                "measures, but remembers some of these"
            )


def _contents(poses: PoseSet) -> set[tuple[str, str, bytes]]:
    """Return what tells clips apart: who, from where, and the first frames."""
    starts = poses.clips[:, 0].tolist()
    firsts = [poses.keypoints[start : start + 10].numpy().tobytes() for start in starts]
    return set(zip(poses.people, poses.views, firsts, strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """How the network of a fold is made.

    Attributes:
        objective: What is learned; each fold gets a copy that has learned nothing.
        trainer: The training loop.
        minutes: For each fold; 0 makes none.
        prior: Whether the network starts from Gaussians, which are then fitted to the fold.
        settings: What else `kpcomplete.training.run` takes.
    """

    objective: Reconstruct
    trainer: Trainer
    minutes: float
    prior: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, fold: Fold, folder: Path) -> Path:
        """Train on a fold's people but those who calibrate, and return the checkpoint."""
        data = {name: Known(poses=poses) for name, poses in fold.train.items()}
        settings = {k: v for k, v in self.settings.items() if k not in _OWN}
        if settings.get("shares"):
            settings["shares"] = {name: settings["shares"].get(name, 1.0) for name in data}
        settings["prior"] = training.FITTED if self.prior else None
        path = folder / f"{fold.name}.safetensors"
        finishing = min(self.trainer.finishing, round(_FINISHING * self.minutes))
        training.run(
            objective=deepcopy(self.objective),
            data=data,
            trainer=replace(
                self.trainer, minutes=self.minutes, state=None, resume=False, finishing=finishing
            ),
            output=path,
            held_out=list(fold.calibrated),
            **settings,
        )
        return path


def checked(found: Checkpoint, people: Sequence[str]) -> Checkpoint:
    """Return a checkpoint that was not trained on some people.

    Raises:
        SettingError: If it was, or does not say on whom it was trained.
    """
    about = found.metadata.provenance
    data = about.get("data")
    if not isinstance(data, Mapping):
        raise SettingError(f"{found.path} must say on whom it was trained, but does not")
    trained = {p for some in data.values() for p in some}
    trained |= set((about.get("prior") or {}).get("people") or ())
    if trained & set(people):
        raise SettingError(
            f"{found.path} must not know the people it is measured on, but was trained on "
            f"{', '.join(sorted(trained & set(people)))}"
        )
    if set(about.get("held_out") or ()) & set(people):
        log.warning("%s was not trained on the people it is measured on, but calibrated on them",
                    found.path)  # fmt: skip
    return found


def measure(
    fold: Fold,
    trials: Sequence[Trial],
    choosing: Sequence[Trial],
    table: Table,
    *,
    recipe: Recipe,
    weights: str | Path | None = None,
    windows: int,
    seed: int,
) -> None:
    """Enter the errors of all methods on a fold's test people into a table.

    Args:
        fold: Who is who.
        trials: What is hidden.
        choosing: Trials on which settings of the classical completers are chosen.
        table: Takes the errors.
        recipe: Makes the network, if there are no ``weights``.
        weights: Checkpoint of this fold.
        windows: Of each test person, view and trial.
        seed: Of what is drawn and hidden.
    """
    with tempfile.TemporaryDirectory() as folder:
        if weights is None and recipe.minutes:
            print(f"fold {fold.name}: training for {recipe.minutes:g} minutes")
            weights = recipe(fold, Path(folder))
        models = _models(weights, fold)
    whole = PoseSet.concatenate(list(fold.train.values()))
    chosen = baselines.choose(
        whole, fold.choose, choosing, people=fold.left_out, count=max(3, windows // 3), seed=seed
    )
    print(f"fold {fold.name}, settings chosen on its training people:")
    for (method, kind), setting in sorted(chosen.items()):
        print(f"  {method} for {kind}: {', '.join(f'{x:g}' for x in setting)}")
    fitted = baselines.Fitted.to(whole, seed=seed, quick=False)
    for trial in tqdm(trials, desc=f"measure fold {fold.name}"):
        if not shows(fold.test, trial):
            continue
        drawn = draw(fold.test, trial, count=windows, seed=seed)
        task = hide(drawn, trial, seed=seed)
        found = baselines.measure(task, chosen, fitted)
        if models:
            completer, spare = dict.fromkeys(fitted, models[trial.causal]), fallbacks(fitted)
            found[MODEL] = errors(task, completer, spare)
            if fold.others is not None:
                task = hide(remember(drawn, fold.others), trial, seed=seed)
                found[REMEMBERING] = errors(task, completer, spare)
        table.add(trial, found)


def _models(weights: str | Path | None, fold: Fold) -> dict[bool, AutoencoderCompleter]:
    """Return the network as a completer from both sides and, for True, a causal one."""
    if weights is None:
        return {}
    checked(checkpoint.load(checkpoint.find(weights)), sorted(set(fold.test.people)))
    return {
        causal: AutoencoderCompleter(weights=weights, causal=causal) for causal in (False, True)
    }
