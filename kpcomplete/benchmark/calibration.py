"""Whether regions hold as many hidden joints of unseen drivers as they should, and how large."""

import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark.baselines import Fitted
from kpcomplete.benchmark.completion import Driver, driver_name, fold_of, trials
from kpcomplete.benchmark.fold import Fold, Recipe, checked
from kpcomplete.benchmark.hiding import hide
from kpcomplete.benchmark.regions import Regions, Scaled
from kpcomplete.benchmark.trial import draw, remember, shows
from kpcomplete.checkpoint import Checkpoint
from kpcomplete.completer import Completer
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.completer.gaussian import Gaussian
from kpcomplete.data import Data, PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer

_WINDOWS = 300  # of the people who calibrate, over all views
MODES = (False, True)  # whether no later frames are seen


def run(
    *,
    data: Mapping[str, Data],
    tested: Data,
    others: Data,
    objective: Reconstruct,
    trainer: Trainer,
    folds: Mapping[str, Sequence[Driver]],
    train_drivers: Sequence[Driver] | None = None,
    calibrate_drivers: Sequence[Driver] | None = None,
    test_drivers: Sequence[Driver] | None = None,
    weights: str | Mapping[str, str] | None = None,
    minutes: float = 20.0,
    windows: int = 24,
    quick: bool = False,
    seed: int = 0,
    prior: str | Path | None = None,
    **settings: Any,
) -> dict[str, float]:
    """Measure the 90 % regions of a network on drivers whom nothing was fitted to.

    A network learns from some drivers and is calibrated on others, on whom it is not trained; its
    regions are measured on those who are tested. The conditional Gaussian of each view learns
    from the same drivers, and is calibrated on the same ones, by one factor a kind of hidden
    joint, from both sides and causal. Finished weights may be calibrated on others beside them.

    Prints a row for each family of masks. Rows where the network remembers the driver from other
    recordings are for information, and count in no figure.

    Args:
        data: ``sktdd`` is learned from and calibrated on; other data sets are not looked at.
        tested: The recordings of drivers that are measured.
        others: Other recordings of them.
        objective: What a network learns.
        trainer: The training loop.
        folds: Name to drivers that are tested. Ignored where ``test_drivers`` are given.
        train_drivers: Of the only fold, those who calibrate among them; by default all others.
        calibrate_drivers: Who calibrates; by default the last two who are not tested.
        test_drivers: Of the only fold.
        weights: Checkpoint, or fold to checkpoint, to measure instead of training; refused if it
            knows drivers who are tested, or was not calibrated on those who calibrate.
        minutes: Of training for each fold.
        windows: Of each driver, view and trial.
        quick: A quarter of the windows, one minute of training.
        seed: Of what is drawn and hidden.
        prior: Whether the network starts from Gaussians; they are fitted to the fold's drivers.
        settings: What else `kpcomplete.training.run` takes, as experiment=completer has it.

    Returns:
        ``cover_min`` and ``cover_max``, the least and the largest share of hidden joints in their
        regions of any family of masks, all drivers together; ``cover_person_min`` the least of
        any driver and family; ``area_ratio`` the mean area of the regions, each family weighing
        the same, to that of the Gaussian's.

    Raises:
        SettingError: If there is nothing to measure, or somebody both calibrates and is tested.
    """
    if quick:
        windows, minutes = max(3, windows // 4), min(minutes, 1.0)
        print(f"quick: {windows} windows, and {minutes:g} minutes of training: rough figures")
    known, clips, other = data["sktdd"].load(), tested.load(), others.load()
    recipe = Recipe(objective=objective, trainer=trainer, minutes=minutes, prior=prior is not None,
                    settings=settings)  # fmt: skip
    regions = Regions()
    for name, drivers in ({"given": test_drivers} if test_drivers else folds).items():
        train = train_drivers if test_drivers else None
        fold = fold_of(name, known, clips, other, test=drivers, train=train)
        fold = replace(fold, calibrated=_calibrating(fold, calibrate_drivers))
        given = weights.get(name) if isinstance(weights, Mapping) else weights
        with tempfile.TemporaryDirectory() as folder:
            if given is None:
                print(f"fold {name}: training for {minutes:g} minutes")
            path = recipe(fold, Path(folder)) if given is None else checkpoint.find(given)
            _measure(fold, checkpoint.load(path), objective, regions, settings,
                     windows=windows, seed=seed)  # fmt: skip
    print(regions.text())
    return regions.figures()


def _calibrating(fold: Fold, given: Sequence[Driver] | None) -> list[str]:
    chosen = [driver_name(d) for d in given] if given else list(fold.left_out[-2:])
    if not set(chosen) < set(fold.left_out):
        raise SettingError(
            f"who calibrates must be some of {', '.join(fold.left_out)}, and others must be left "
            f"to learn from, but calibrate_drivers are {', '.join(chosen)}"
        )
    return chosen


def _measure(
    fold: Fold,
    found: Checkpoint,
    objective: Reconstruct,
    regions: Regions,
    settings: Mapping[str, Any],
    *,
    windows: int,
    seed: int,
) -> None:
    """Calibrate the rivals as the network was, and enter the regions of those who are tested."""
    checked(found, sorted(set(fold.test.people)))
    others = sorted(set(fold.calibrated) - set(found.metadata.provenance.get("held_out") or ()))
    if others:
        raise SettingError(f"{found.path} must be calibrated on calibrate_drivers, but was not on "
                           f"{', '.join(others)}")  # fmt: skip
    learned, calibrating = fold.train["sktdd"].split(fold.calibrated)
    print(f"fold {fold.name}: learned from {len(set(learned.people))} drivers, calibrated on "
          f"{len(fold.calibrated)} others ({', '.join(fold.calibrated)}), measured on "
          f"{', '.join(sorted(set(fold.test.people)))}")  # fmt: skip
    models = {causal: AutoencoderCompleter(weights=found.path, causal=causal) for causal in MODES}
    gaussians = {
        view: Gaussian(weights=one.numbers["gaussian"])
        for view, one in Fitted.to(learned, seed=seed, quick=False).items()
    }
    rivals = _scaled(deepcopy(objective), _draw(calibrating, settings, seed), gaussians)
    for trial in tqdm(trials(), desc=f"measure fold {fold.name}"):
        if not shows(fold.test, trial):
            continue
        clean = draw(fold.test, trial, count=windows, seed=seed)
        family = trial.name if trial.gap is None else trial.name.replace("gap", "gap of")
        regions.add(family, hide(clean, trial, seed=seed), models[trial.causal],
                    rivals[trial.causal])  # fmt: skip
        if fold.others is not None and trial.gap is None:
            task = hide(remember(clean, fold.others), trial, seed=seed)
            regions.add(f"{family}, remembered", task, models[trial.causal],
                        rivals[trial.causal], counts=False)  # fmt: skip


def _draw(poses: PoseSet, settings: Mapping[str, Any], seed: int) -> dict[str, PoseBatch]:
    """Return windows in pixels by view, half of them with a memory."""
    generator = torch.Generator().manual_seed(seed)
    views = sorted(set(poses.views))
    out = {}
    for view in views:
        some = poses.select([i for i, v in enumerate(poses.views) if v == view])
        sampler = Sampler(sets={view: some}, length=settings.get("length", 160), remembered=0.5)
        out[view] = sampler.draw(_WINDOWS // len(views), generator)
    return out


def _scaled(
    judge: Reconstruct, drawn: Mapping[str, PoseBatch], completers: Mapping[str, Completer]
) -> dict[bool, dict[str, Scaled]]:
    """Return completers, one a view, calibrated by the same windows, for both modes."""
    judge.eval()
    parts = {view: (completers[view], *judge.trials(batch)) for view, batch in drawn.items()}
    return {causal: Scaled.of(parts, causal=causal) for causal in MODES}
