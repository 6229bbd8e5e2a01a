"""What passengers do and how large they are: heads learned from simulated people."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kpcomplete import checkpoint, classifying
from kpcomplete.data.labelled import LabelledData, LabelledSet
from kpcomplete.errors import SettingError
from kpcomplete.head.figures import scores
from kpcomplete.head.fitting import fit_heads, fit_trees
from kpcomplete.head.scaling import scale
from kpcomplete.head.seen import HIDDEN, Seen, few, look
from kpcomplete.head.several import Several
from kpcomplete.metric import Array
from kpcomplete.training import write

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Names of people, by what they are for.

    Attributes:
        teach: Are learned from.
        judge: Calibrate.
        test: Are measured.
    """

    teach: Sequence[str]
    judge: Sequence[str]
    test: Sequence[str]

    @classmethod
    def of(
        cls, data: LabelledSet, test_people: Sequence[str] | None = None, seed: int = 0
    ) -> "Split":
        """Draw a third of each occupant class to be tested, and a sixth to calibrate.

        Args:
            data: With the task ``occupant``.
            test_people: Who is tested instead.
            seed: Of the draw.

        Raises:
            SettingError: If somebody who is to be tested is not there, or nobody else is.
        """
        rng = np.random.default_rng(seed)
        people = sorted(set(data.poses.people))
        if test_people is not None and not set(test_people) < set(people):
            raise SettingError(f"test_people must be some of {people}, but are {list(test_people)}")
        first = {p: int(f) for p, (f, _) in zip(data.poses.people, data.poses.clips, strict=True)}
        kind = {person: int(data.targets["occupant"][at]) for person, at in first.items()}
        teach, test, judge = [], [], []
        for number in sorted(set(kind.values())):
            group = rng.permutation([p for p in people if kind[p] == number]).tolist()
            third, sixth = -(-len(group) // 3), -(-len(group) // 6)
            test += group[:third]
            judge += group[third : third + sixth]
            teach += group[third + sixth :]
        if test_people is not None:
            test = list(test_people)
            teach, judge = ([p for p in g if p not in test] for g in (teach, judge))
        return cls(teach=teach, judge=judge, test=test)


def learn(
    network: Several,
    seen: Seen,
    taught: Seen | None,
    split: Split,
    *,
    share: float = 1.0,
    steps: int,
    rounds: int | None = None,
    seed: int,
) -> Seen:
    """Fit the heads of a network and calibrate them; return the windows of those who are tested.

    Only windows that show enough teach and calibrate: of others nothing is said.

    Args:
        network: Its encoder stays as it is.
        seen: Windows of the people of the split.
        taught: Windows of others, who teach, too.
        split: Who does what.
        share: Of the labels of those who teach, which are known.
        steps: Of learning.
        rounds: Of growing trees instead; None: layers learn.
        seed: Of weights, and of which labels are known.
    """
    teach, judge, test = (seen.of(people) for people in (split.teach, split.judge, split.test))
    groups = [teach] if taught is None else [teach, taught]
    shown = torch.cat([rows for group in groups for rows in group.shown.values()])
    if rounds is not None:
        shown &= torch.cat([_one_way(len(g.person), seed) for g in groups])
    features = torch.cat([f for group in groups for f in group.features.values()])[shown]
    targets = {
        task: torch.cat([few(g.targets[task], share, seed).repeat(len(HIDDEN)) for g in groups])
        for task in teach.targets
    }
    targets = {task: values[shown] for task, values in targets.items()}
    group = torch.cat([torch.full((len(HIDDEN) * len(g.person),), i) for i, g in enumerate(groups)])
    network.standardise(features)
    fit, count = (fit_heads, steps) if rounds is None else (fit_trees, rounds)
    fit(network, features, targets, count, seed, group[shown])
    judge = judge.answered("as seen")
    with torch.no_grad():
        scale(network, network.decide(judge.features["as seen"]), judge.targets)
    return test


def _one_way(windows: int, seed: int) -> Tensor:
    """Return ``[ways * windows]`` whether a window teaches as it is seen, or with a part hidden.

    Layers take all ways, a few windows at a time; trees take all windows at once, so each in one
    way: half of them as they are seen.
    """
    draw = torch.rand(windows, generator=torch.Generator().manual_seed(seed))
    hidden = (2 * (draw - 0.5) * (len(HIDDEN) - 1)).long() + 1
    way = torch.where(draw < 0.5, 0, hidden)
    return torch.cat([way == i for i in range(len(HIDDEN))])


def check_view(data: LabelledSet, teachers: LabelledSet | None) -> None:
    """Make sure that teachers are seen as those are whom they teach about.

    Raises:
        SettingError: If one of both shows people from ahead, and the other does not.
    """
    if teachers is not None and data.frontal != teachers.frontal:
        raise SettingError(
            "teachers must be seen as the others are, but data.frontal is "
            f"{data.frontal} and teachers.frontal is {teachers.frontal}"
        )


def run(
    *,
    data: LabelledData,
    teachers: LabelledData | None = None,
    output: str | Path,
    encoder: str = "completer",
    past: int = 16,
    stride: int = 8,
    teachers_stride: int = 24,
    steps: int = 1000,
    rounds: int | None = None,
    hidden: Sequence[int] = (160, 96),
    dropout: float = 0.4,
    seed: int = 0,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train a head, measure it on a third of the people, and write it without its encoder.

    Args:
        data: Passengers as the detector sees them.
        teachers: More of them, who only teach; see `kpcomplete.head.fitting.fit_heads`.
        output: Checkpoint to write.
        encoder: Name of the shipped autoencoder, which the head shares.
        past: Frames of a window.
        stride: Frames from one window to the next.
        teachers_stride: The same of the teachers.
        steps: Of learning.
        rounds: Of growing trees instead; None: layers learn.
        hidden: Widths of the layers between features and classes.
        dropout: Share of features dropped in training.
        seed: Of everything that is drawn.
        provenance: What else the checkpoint should say about itself.

    Returns:
        What the checkpoint says about itself.

    Raises:
        ModelFileError: If there is no such shipped model.
    """
    checkpoint.shipped(encoder)
    whole, more = data.load(), teachers.load() if teachers is not None else None
    check_view(whole, more)
    network = Several(encoder=classifying.autoencoder(encoder), tasks=whole.tasks, past=past,
                      hidden=hidden, dropout=dropout, frontal=whole.frontal)  # fmt: skip
    network.requires_grad_(False)
    network.heads.requires_grad_(True)
    split = Split.of(whole, seed=seed)
    taught = look(network, more, teachers_stride) if more is not None else None
    test = learn(network, look(network, whole, stride), taught, split, steps=steps, rounds=rounds,
                 seed=seed)  # fmt: skip
    record = {
        "tasks": {task: list(classes) for task, classes in whole.tasks.items()},
        "taught_by": sorted(split.teach),
        "simulated": len(set(more.poses.people)) if more is not None else 0,
        "held_out": sorted(split.judge),
        "measured_on": sorted(split.test),
        "metrics": measured(network, test),
        "seed": seed,
        "versions": checkpoint.versions(),
        **(provenance or {}),
    }
    write(output, network, record, {"encoder": encoder})
    return record


@torch.no_grad()
def told(network: Several, features: Tensor) -> dict[str, Array]:
    """Return task to calibrated probabilities ``[N, C]`` of features ``[N, F]``."""
    found = network.decide(features)
    return {
        task: (logits / temperature).softmax(dim=1).numpy()
        for (task, logits), temperature in zip(found.items(), network.temperature, strict=True)
    }


def measured(network: Several, test: Seen) -> dict[str, dict[str, float]]:
    """Return task to figures of windows as they are seen, of those of which something is said."""
    figures = {}
    said = test.answered("as seen")
    for task, probability in told(network, said.features["as seen"]).items():
        figures[task] = scores(probability, said.targets[task].numpy())
        figures[task]["answered"] = len(said.person) / max(len(test.person), 1)
        _log.info("%s: %s", task, {name: round(v, 3) for name, v in figures[task].items()})
    return figures
