"""How well hidden joints of unseen drivers are completed, beside the best classical completer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kpcomplete.benchmark.fold import MODEL, REMEMBERING, Fold, Recipe, measure
from kpcomplete.benchmark.table import Table
from kpcomplete.benchmark.trial import Trial
from kpcomplete.data import Data, PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.trainer import Trainer

GAPS = (15, 30, 60, 120)  # frames
SIDES = ("right_forearm", "left_forearm", "forearms")
FIGURES = (
    *("parts", "parts_memory", "face", "face_memory"),
    *(f"{kind}{gap}" for kind in ("gap", "cgap") for gap in GAPS),
    *("moving", "random30"),
)
Driver = str | int


def trials() -> list[Trial]:
    """Return what is hidden."""
    throughout = [
        Trial(name=part.replace("_", " "), figure="parts", length=64, parts=(part,))
        for part in SIDES
    ]
    gaps = [
        Trial(name=f"{'causal ' if causal else ''}gap {gap}", length=256, parts=(part,), gap=gap,
              figure=f"{'c' if causal else ''}gap{gap}", causal=causal)
        for causal in (False, True) for gap in GAPS for part in SIDES
    ]  # fmt: skip
    return [
        *throughout,
        Trial(name="face", figure="face", length=64, parts=("face",)),
        Trial(name="random 30 %", figure="random30", length=64, ratio=0.3),
        *gaps,
    ]


def choosing() -> list[Trial]:
    """Return the trials on which settings are chosen: of the gaps a short and a long one."""
    return [t for t in trials() if t.gap is None or (t.gap in (15, 60) and t.parts == SIDES[-1:])]


def run(
    *,
    data: Mapping[str, Data],
    tested: Data,
    others: Data,
    objective: Reconstruct,
    trainer: Trainer,
    folds: Mapping[str, Sequence[Driver]],
    train_drivers: Sequence[Driver] | None = None,
    test_drivers: Sequence[Driver] | None = None,
    weights: str | Mapping[str, str] | None = None,
    minutes: float = 20.0,
    windows: int = 24,
    quick: bool = False,
    seed: int = 0,
    prior: str | Path | None = None,
    **training: Any,
) -> dict[str, float]:
    """Measure a network and the classical completers on drivers that neither of them knows.

    Prints the mean errors of every method in units of S = max(1.5 times the median nose-neck
    distance, the median shoulder width) of the window with nothing hidden. Every figure is the
    mean over its rows of the network's error relative to that of the best classical one.

    Args:
        data: ``sktdd`` is learned from; other data sets are not looked at.
        tested: The recordings of drivers that are measured.
        others: Other recordings of them, from which a network may remember a driver.
        objective: What a network learns.
        trainer: The training loop.
        folds: Name to drivers that are tested; all others are learned from. Ignored where
            ``test_drivers`` are given. Drivers are numbers, or names such as ``sktdd_001``.
        train_drivers: Of the only fold; by default all others.
        test_drivers: Of the only fold.
        weights: Checkpoint, or fold to checkpoint, to measure instead of training; refused if it
            was trained on drivers that it is measured on.
        minutes: Of training for each fold; 0 trains nothing and measures classical ones alone.
        windows: Of each driver, view and trial.
        quick: A quarter of the windows, one minute of training.
        seed: Of what is drawn and hidden.
        prior: Whether the network starts from Gaussians; they are fitted to the fold's drivers.
        training: What else `kpcomplete.training.run` takes, as experiment=completer has it.

    Returns:
        ``FIGURE_ratio``, see `FIGURES`: forearms and face that are never seen, gaps of so many
        frames from both sides and (``c``) from the past, joints that move within gaps, and
        flickering joints; ``_memory`` where the network remembers the driver from other
        recordings. NaN without a network.
    """
    if quick:
        windows, minutes = max(3, windows // 4), min(minutes, 1.0)
        print(f"quick: {windows} windows, and {minutes:g} minutes of training: rough figures")
    known, clips, other = data["sktdd"].load(), tested.load(), others.load()
    table = Table(models=[MODEL, REMEMBERING])
    tests = {"given": test_drivers} if test_drivers else folds
    recipe = Recipe(objective=objective, trainer=trainer, minutes=minutes, prior=prior is not None,
                    settings=training)  # fmt: skip
    for name, drivers in tests.items():
        train = train_drivers if test_drivers else None
        fold = fold_of(name, known, clips, other, test=drivers, train=train)
        found = weights.get(name) if isinstance(weights, Mapping) else weights
        measure(fold, trials(), choosing(), table, recipe=recipe, weights=found,
                windows=windows, seed=seed)  # fmt: skip
    print(table.text())
    return {f"{name}_ratio": ratio(table, name) for name in FIGURES}


def ratio(table: Table, figure: str) -> float:
    """Return a figure; of one that ends in ``_memory`` the network remembers the driver."""
    name = figure.removesuffix("_memory")
    return table.ratio(name, MODEL if name == figure else REMEMBERING)


def fold_of(
    name: str,
    known: PoseSet,
    clips: PoseSet,
    other: PoseSet,
    *,
    test: Sequence[Driver],
    train: Sequence[Driver] | None,
) -> Fold:
    """Return a fold of drivers.

    Raises:
        SettingError: If drivers are not there, or fewer than three are left to learn from.
    """
    tested = [driver_name(d) for d in test]
    people = sorted(set(known.people) - set(tested))
    if train is not None:
        people = [driver_name(d) for d in train]
    if len(people) < 3:
        raise SettingError(f"a fold needs three drivers to learn from, but {name!r} has {people}")
    learned = known.split(people)[1]
    return Fold(
        name=name,
        train={"sktdd": learned},
        choose=clips.split(people)[1],
        test=clips.split(tested)[1],
        left_out=people,
        calibrated=people[-1:],
        others=other.split(tested)[1],
    )


def driver_name(driver: Driver) -> str:
    """Return the name of a driver: 7, ``"007"`` and ``"sktdd_007"`` are one.

    Raises:
        SettingError: If it is none of these.
    """
    number = str(driver).removeprefix("sktdd_")
    if not number.isdecimal():
        raise SettingError(f"a driver is a number or sktdd_NUMBER, but got {driver!r}")
    return f"sktdd_{int(number):03d}"
