"""How well hidden joints of unseen people in motion capture are completed, through any camera."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kpcomplete.benchmark.fold import MODEL, Fold, Recipe, measure
from kpcomplete.benchmark.table import Table
from kpcomplete.benchmark.trial import Trial
from kpcomplete.data import Data, PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.trainer import Trainer

SETS = ("ue_adl", "cmu")
FIGURES = ("parts", "gap")
_LOWER = ("left_knee", "right_knee", "left_ankle", "right_ankle")
_PARTS = {
    "left leg": ("left_hip", "left_knee", "left_ankle"),
    "legs": ("left_hip", "right_hip", *_LOWER),
    "knees + ankles": _LOWER,
    "arms": ("left_elbow", "left_wrist", "right_elbow", "right_wrist"),
}
_WINDOW = 128  # frames around a gap


def trials() -> list[Trial]:
    """Return what is hidden: parts of single frames, and arms or legs for a while."""
    gaps = [
        Trial(name=f"gap {seconds} s", figure="gap", length=_WINDOW, gap=30 * seconds,
              parts=_PARTS[name])
        for seconds in (1, 2) for name in ("arms", "knees + ankles")
    ]  # fmt: skip
    return [
        *(Trial(name=name, figure="parts", length=1, parts=p) for name, p in _PARTS.items()),
        Trial(name="4 random joints", figure="parts", length=1, drawn=4),
        *gaps,
    ]


def run(
    *,
    data: Mapping[str, Data],
    objective: Reconstruct,
    trainer: Trainer,
    test_people: Sequence[str],
    weights: str | None = None,
    minutes: float = 20.0,
    windows: int = 40,
    quick: bool = False,
    seed: int = 0,
    prior: str | Path | None = None,
    **training: Any,
) -> dict[str, float]:
    """Measure a network and the classical completers on people that neither of them knows.

    Prints the mean errors of every method in body units of the window with nothing hidden. A
    figure is the mean over its rows of the network's error relative to that of the best classical
    one. A kind of camera that sees one of the data sets is a view.

    Args:
        data: ``ue_adl`` and ``cmu``; other data sets are not looked at.
        objective: What a network learns.
        trainer: The training loop.
        test_people: Of both data sets; all others are learned from.
        weights: Checkpoint to measure instead of training; refused if it was trained on people
            that it is measured on.
        minutes: Of training; 0 trains nothing and measures classical ones alone.
        windows: Of each person, view and trial.
        quick: A quarter of the windows, one minute of training.
        seed: Of what is drawn and hidden.
        prior: Whether the network starts from Gaussians; they are fitted to the same people.
        training: What else `kpcomplete.training.run` takes, as experiment=completer has it.

    Returns:
        ``parts_ratio`` of parts hidden in single frames, ``gap_ratio`` of gaps of 1 s and 2 s. NaN
        without a network.
    """
    if quick:
        windows, minutes = max(3, windows // 4), min(minutes, 1.0)
        print(f"quick: {windows} windows, and {minutes:g} minutes of training: rough figures")
    table = Table(models=[MODEL])
    fold = fold_of({name: data[name].load() for name in SETS}, test_people)
    recipe = Recipe(objective=objective, trainer=trainer, minutes=minutes, prior=prior is not None,
                    settings=training)  # fmt: skip
    measure(fold, trials(), trials(), table, recipe=recipe, weights=weights,
            windows=windows, seed=seed)  # fmt: skip
    print(table.text())
    return {f"{name}_ratio": table.ratio(name, MODEL) for name in FIGURES}


def fold_of(sets: Mapping[str, PoseSet], test: Sequence[str]) -> Fold:
    """Return the fold; the two most filmed people of each set are left out to choose settings.

    Raises:
        SettingError: If a set has nobody to test, or fewer than four others.
    """
    train, tested, left_out, calibrated = {}, [], [], []
    for name, whole in sets.items():
        poses = replace(whole, views=tuple(f"{name} {view}" for view in whole.views))
        people = [person for person in test if person in poses.people]
        others = _most_filmed(poses.split(people)[0]) if people else []
        if len(others) < 4:
            raise SettingError(
                f"{name} needs people to test and four others, but test_people are {list(test)}"
            )
        train[name], held = poses.split(people)
        tested.append(held)
        left_out += others[:2]
        calibrated += others[2:4]
    return Fold(
        name="mocap",
        train=train,
        choose=PoseSet.concatenate(list(train.values())),
        test=PoseSet.concatenate(tested),
        left_out=left_out,
        calibrated=calibrated,
    )


def _most_filmed(poses: PoseSet) -> list[str]:
    """Return the people, those with the most frames first."""
    frames: dict[str, int] = {}
    for person, length in zip(poses.people, poses.clips[:, 1].tolist(), strict=True):
        frames[person] = frames.get(person, 0) + length
    return sorted(frames, key=lambda person: (-frames[person], person))
