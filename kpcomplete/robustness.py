"""Hide joints in many ways, and let all completers bring the same ones back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from kpcomplete import metric
from kpcomplete.completer import Completer
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.chain import Chain
from kpcomplete.material import Answer, Material, Spoilt, fingerprint
from kpcomplete.occlusion import Occlusion
from kpcomplete.pose import Array
from kpcomplete.score import Judged, Pairs, Tally
from kpcomplete.window import Window

HIDDEN, WRONG, REAL = "hidden", "wrong", "real"
"""Joints hidden on purpose; put (or detected) in wrong places; not detected, but known."""
REALITY = Occlusion(
    title="Hidden in reality", axis="nothing else hidden", levels={"as recorded": Chain(parts=[])}
)


class Trial(NamedTuple):
    """What was asked of every completer: how it may look, what was hidden, what is counted."""

    mode: str
    family: str
    level: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A way to look at a recording.

    Attributes:
        window: How much past and future is seen; data sets are seen in windows of their own.
        completers: Those that can do with it.
    """

    window: Window
    completers: Mapping[str, Completer]


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One person in one frame, and what was made of it; coordinates of the material.

    Attributes:
        trial: What was asked.
        completer: Who answered.
        person: Who is seen.
        error: Mean distance of the joints that count, body units.
        truth: ``[J, 2]``, NaN where unknown.
        seen: ``[J, 2]`` what was left.
        answer: ``[J, 2]``, NaN where missing.
        covariance: ``[J, 2, 2]``, NaN or 0 where unknown.
        counted: ``[J]`` bool.
    """

    trial: Trial
    completer: str
    person: str
    error: float
    truth: Array
    seen: Array
    answer: Array
    covariance: Array
    counted: Array


@dataclass(kw_only=True, eq=False)
class Findings:
    """All that was measured.

    Attributes:
        completers: Mode to the completers tried in it, in order.
        tallies: Trial to completer to (person, recording) to sums, a value a joint.
        pairs: Trial to (person, recording) to comparisons of the mode's completers.
        masks: Recording, family and level to the fingerprint of what was hidden.
        cases: Mode and family to the worst frame of a completer that is judged.
    """

    completers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tallies: dict[Trial, dict[str, dict[tuple[str, str], Tally]]] = field(default_factory=dict)
    pairs: dict[Trial, dict[tuple[str, str], Pairs]] = field(default_factory=dict)
    masks: dict[tuple[str, str, str], str] = field(default_factory=dict)
    cases: dict[tuple[str, str], Case] = field(default_factory=dict)


def compare(
    materials: Iterable[Material],
    occlusions: Mapping[str, Occlusion],
    modes: Mapping[str, Mode],
    pictured: str | None = None,
) -> Findings:
    """Try every completer under every occlusion on all material.

    Joints that were never detected but are known are scored without hiding any others.

    Args:
        materials: One after the other.
        occlusions: By name.
        modes: By name, each with its completers.
        pictured: The completer whose worst frames are kept; None keeps nobody's.
    """
    findings = Findings(completers={name: tuple(mode.completers) for name, mode in modes.items()})
    for material in materials:
        asked = list(_asked(material, occlusions))
        tries = sum(len(mode.completers) for mode in modes.values()) * len(asked)
        with tqdm(total=tries, desc=material.name, unit="try", disable=None) as bar:
            for family, level, corruption in asked:
                spoilt = material.spoil(corruption)
                kinds = _kinds(material, spoilt, family)
                key = (material.name, family, level)
                findings.masks[key] = fingerprint(*kinds.values())
                for name, mode in modes.items():
                    answers = {}
                    for completer, fill in mode.completers.items():
                        answers[completer] = spoilt.complete(fill, mode.window)
                        bar.update()
                    for kind, counted in kinds.items():
                        trial = Trial(name, family, level, kind)
                        _note(findings, trial, material, spoilt, answers, counted, pictured)
    return findings


def _asked(
    material: Material, occlusions: Mapping[str, Occlusion]
) -> Iterator[tuple[str, str, Corruption]]:
    unseen = np.isnan(material.given).any(axis=-1) & np.isfinite(material.truth).all(axis=-1)
    if unseen.any():
        yield from (("reality", str(n), c) for n, c in REALITY.levels.items())
    for family, occlusion in occlusions.items():
        yield from ((family, str(level), c) for level, c in occlusion.levels.items())


def _kinds(material: Material, spoilt: Spoilt, family: str) -> Mapping[str, Array]:
    """Return by kind which joints are to be found, ``[N, T, J]``; kinds without any left out.

    A joint that was detected in a wrong place in reality was not seen there, so that hiding it
    asks for nothing: it counts as wrong, and that once.
    """
    known = np.isfinite(material.truth).all(axis=-1)
    given = np.isfinite(material.given).all(axis=-1)
    off = metric.distance(material.given, material.truth) / material.unit[:, None, None]
    mistaken = off > metric.radius(1.0)
    if family == "reality":
        kinds = {REAL: known & ~given, WRONG: mistaken}
    else:
        seen = np.isfinite(spoilt.seen).all(axis=-1)
        moved = seen & (spoilt.seen != material.given).any(axis=-1)
        right = given & known & ~mistaken
        kinds = {HIDDEN: right & ~seen, WRONG: right & moved}
    return {kind: counted for kind, counted in kinds.items() if counted.any()}


def _note(
    findings: Findings,
    trial: Trial,
    material: Material,
    spoilt: Spoilt,
    answers: Mapping[str, Answer],
    counted: Array,
    pictured: str | None,
) -> None:
    judged = {
        name: Judged.of(answer.keypoints, answer.covariance, material.truth, material.unit)
        for name, answer in answers.items()
    }
    owners = np.array(material.people)
    for person in dict.fromkeys(material.people):
        mine = counted & (owners == person)[:, None, None]
        if not mine.any():
            continue
        key = (person, material.name)
        for name, one in judged.items():
            sums = findings.tallies.setdefault(trial, {}).setdefault(name, {})
            sums[key] = Tally.of(one, mine)
        pairs = Pairs.of([one.error[mine] for one in judged.values()])
        findings.pairs.setdefault(trial, {})[key] = pairs
    if pictured is not None and pictured in answers and trial.kind != WRONG:
        case = _worst(
            trial, pictured, material, spoilt, answers[pictured], judged[pictured], counted
        )
        place = (trial.mode, trial.family)
        if case and (place not in findings.cases or findings.cases[place].error < case.error):
            findings.cases[place] = case


def _worst(
    trial: Trial,
    completer: str,
    material: Material,
    spoilt: Spoilt,
    answer: Answer,
    judged: Judged,
    counted: Array,
) -> Case | None:
    """Return the frame whose joints that count are furthest off on average."""
    counted = counted & np.isfinite(judged.error)
    number = counted.sum(axis=-1)
    mean = np.where(counted, judged.error, 0).sum(axis=-1) / np.maximum(number, 1)
    row, frame = np.unravel_index(int(mean.argmax()), mean.shape)
    if not number[row, frame]:
        return None
    return Case(
        trial=trial,
        completer=completer,
        person=material.people[row],
        error=float(mean[row, frame]),
        truth=material.truth[row, frame],
        seen=spoilt.seen[row, frame],
        answer=answer.keypoints[row, frame],
        covariance=answer.covariance[row, frame],
        counted=counted[row, frame],
    )
