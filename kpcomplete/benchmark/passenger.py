"""How well posture and size of simulated passengers are told, with few labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kpcomplete import classifying
from kpcomplete.benchmark.learning_curves import interval, plot_curves
from kpcomplete.data.labelled import NONE, LabelledData, LabelledSet
from kpcomplete.data.occupants import OCCUPANTS
from kpcomplete.head.figures import probabilities, scores
from kpcomplete.head.seen import Seen, few, look
from kpcomplete.head.several import Several
from kpcomplete.head.steady import Steady, switches_per_minute
from kpcomplete.passengers import Split, check_view, learn, told
from kpcomplete.trainer import Trainer

SHARES = (0.01, 0.1, 1.0)
_CHILDREN = [OCCUPANTS.index("infant_seat"), OCCUPANTS.index("child")]


def run(
    *,
    data: LabelledData,
    teachers: LabelledData | None = None,
    encoder: str | Path = "completer",
    trainer: Trainer,
    test_people: Sequence[str] | None = None,
    past: int = 32,
    stride: int = 24,
    teachers_stride: int = 24,
    draws: int = 5,
    steps: int = 1000,
    rounds: int | None = None,
    hidden: Sequence[int] = (256, 128),
    dropout: float = 0.4,
    curves: str | Path | None = None,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, float]:
    """Return figures of windows of people of whom no label is known, where anything is said.

    Of windows in which the detector shows fewer than four joints nothing is said.

    The encoder stays as it is; a small network on it learns both tasks from a share of the labels
    of other people, with all joints that the camera sees, without legs and without the right arm.
    Each draw takes other people to test, a third of each class, and others again to calibrate.
    Prints rows for each share, each view and each part that is hidden.

    Args:
        data: Labelled passengers.
        teachers: More of them, who only teach; a share of their labels is known, too. Together
            they teach in the ratio of the square roots of their numbers.
        encoder: Checkpoint. It may know how the people move, but nobody's class.
        trainer: Of the network that learns from scratch with 1 % of the labels.
        test_people: Who is measured in every draw; by default a third, drawn.
        past: Frames of a window.
        stride: Frames from one window to the next.
        teachers_stride: The same of the teachers.
        draws: Of people and labels.
        steps: Of learning.
        rounds: Of growing trees instead; None: layers learn.
        hidden: Widths of the layers between features and classes.
        dropout: Share of features dropped in training.
        curves: Picture of the figures against the share of labels, ``.png``; None: none.
        seed: Of the draws.
        quick: Two draws, a quarter of the clips.

    Returns:
        ``TASK_f1_N`` macro-F1 and ``TASK_auroc_N`` with N % of the labels, means over draws, the
        camera's joints as they are seen; ``adult_child_f1`` without legs; ``scratch_f1_1`` of
        position; ``without_completion_f1`` and ``without_completion_f1_1`` of position and with
        nothing but seen joints; ``ece``, the larger one of both tasks; ``switches_per_min`` of the
        smoothed occupant; ``answered``, the share of windows of which something is said.
    """
    whole = data.load()
    more = teachers.load() if teachers is not None else None
    check_view(whole, more)
    if quick:
        whole, draws, steps = whole.select(range(0, len(whole.poses), 5)), 2, min(steps, 60)
        rounds = rounds and min(rounds, 10)
        more = more and more.select(range(0, len(more.poses), 20))
    base = classifying.autoencoder(encoder)
    shape: dict[str, Any] = {"tasks": whole.tasks, "hidden": hidden, "dropout": dropout}
    made = {
        "with": Several(encoder=base, past=past, **shape),
        "without": Several(encoder=base, past=past, completed=False, **shape),
    }
    seen = {name: look(network, whole, stride) for name, network in made.items()}
    taught = (
        {n: look(network, more, teachers_stride) for n, network in made.items()} if more else {}
    )
    rows: dict[str, list[float]] = {}
    for draw in range(draws):
        split = Split.of(whole, test_people, seed + draw)
        for name, network in made.items():
            for share in SHARES:
                test = learn(network, seen[name], taught.get(name), split, share=share,
                             steps=steps, rounds=rounds, seed=seed + draw)  # fmt: skip
                found = _measured(network, test)
                if name == "with" and share == 1.0:
                    rows.setdefault("switches_per_min", []).append(
                        _switches(network, whole, split.test, quick)
                    )
                for key, value in found.items():
                    rows.setdefault(f"{name} {key}_{100 * share:g}", []).append(value)
    scratch = [
        _scratch(
            whole,
            more,
            encoder,
            trainer,
            Split.of(whole, test_people, seed + d),
            past,
            stride,
            hidden,
            seed + d,
        )
        for d in range(1 if quick else 2)
    ]
    mean = {key: float(np.nanmean(values)) for key, values in rows.items()}
    for key, values in rows.items():
        print(f"{key:<48} {mean[key]:.3f} ± {interval(values):.3f}")
    if curves is not None:
        plot_curves(curves, rows, list(whole.tasks), SHARES)
    return _figures(mean) | {"scratch_f1_1": float(np.mean(scratch))}


def _measured(network: Several, test: Seen) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in test.features:
        said = test.answered(name)
        share = len(said.person) / max(len(test.person), 1)
        out[f"answered, {name}"] = share
        for task, probability in told(network, said.features[name]).items():
            target = said.targets[task].numpy()
            found = scores(probability, target)
            out |= {f"{task}, {name}, {key}": value for key, value in found.items()}
            out[f"{task}, {name}, right of all"] = share * found["accuracy"]
            if name == "as seen":
                for view in torch.unique(said.view).tolist():
                    rows = said.view.numpy() == view
                    by_view = scores(probability[rows], target[rows])
                    out[f"{task}, view {view}, macro_f1"] = by_view["macro_f1"]
            if task == "occupant":
                out[f"adult or child, {name}"] = _adult_child(probability, target)
    return out


def _adult_child(probability: Any, target: Any) -> float:
    """Return macro-F1 of children (infant seats too) against adults."""
    child = probability[:, _CHILDREN].sum(axis=1)
    two = np.stack([child, 1 - child], axis=1)
    return scores(two, np.where(np.isin(target, _CHILDREN), 0, 1))["macro_f1"]


def _switches(network: Several, data: LabelledSet, people: Sequence[str], quick: bool) -> float:
    """Return switches per minute of the smoothed occupant, over some clips of people tested."""
    clips = [i for i, p in enumerate(data.poses.people) if p in set(people)][: 3 if quick else 12]
    found = []
    for clip in clips:
        batch = data.select([clip]).windows(network.past, 4)
        values = probabilities(network, batch)["occupant"].numpy()
        steady = Steady([*OCCUPANTS, "unknown"], dwell=8, average=8)
        found.append(switches_per_minute(steady(values), data.poses.fps / 4))
    return float(np.mean(found))


def _scratch(
    data: LabelledSet,
    more: LabelledSet | None,
    encoder: str | Path,
    trainer: Trainer,
    split: Split,
    past: int,
    stride: int,
    hidden: Sequence[int],
    seed: int,
) -> float:
    """Return macro-F1 of position of the same network from scratch with 1 % of the labels."""
    people = data.poses.people
    teach, test, judge = (
        data.select([i for i, p in enumerate(people) if p in set(group)])
        for group in (split.teach, split.test, split.judge)
    )
    if more is not None:
        teach = LabelledSet.concatenate([teach, more])
    last = teach.poses.starts(past, stride) + past - 1
    targets = {}
    for task, values in teach.targets.items():
        kept = torch.full_like(values, NONE)
        kept[last] = few(values[last], 0.01, seed)
        targets[task] = kept
    network, _ = classifying.train(
        replace(teach, targets=targets),
        judge.select(range(0, len(judge.poses), 4)),
        trainer=replace(trainer, seed=seed),
        encoder=encoder,
        way={"scratch": True, "trained": "all", "hidden": list(hidden)},
        past=past,
        rounds=1,
    )
    asked = test.select(range(0, len(test.poses), 4)).windows(past, stride)
    shown = network.seen(asked)
    said = probabilities(network, asked)["position"][shown, :-1]
    return scores(said.numpy(), asked.targets["position"][shown].numpy())["macro_f1"]


def _figures(mean: Mapping[str, float]) -> dict[str, float]:
    out = {}
    for task in ("position", "occupant"):
        for percent in ("1", "10", "100"):
            out[f"{task}_f1_{percent}"] = mean[f"with {task}, as seen, macro_f1_{percent}"]
        for percent in ("10", "100"):
            out[f"{task}_auroc_{percent}"] = mean[f"with {task}, as seen, auroc_{percent}"]
        out[f"{task}_accuracy"] = mean[f"with {task}, as seen, accuracy_100"]
    errors = [mean[f"with {t}, as seen, calibration_error_100"] for t in ("position", "occupant")]
    return out | {
        "adult_child_f1": mean["with adult or child, no legs_100"],
        "without_completion_f1": mean["without position, as seen, macro_f1_100"],
        "without_completion_f1_1": mean["without position, as seen, macro_f1_1"],
        "ece": max(errors),
        "switches_per_min": mean["switches_per_min"],
        "answered": mean["with answered, as seen_100"],
    }
