"""Whether one network completes hidden joints better than another, asked on the same joints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kpcomplete import metric
from kpcomplete.album import Album
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import reseed_all
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.material import fingerprint
from kpcomplete.metric import Array
from kpcomplete.model import Autoencoder
from kpcomplete.objective.reconstruct import Reconstruct

FEWEST = 6
"""Groups that a verdict needs: fewer decide nothing."""
_LEAST = 0.001  # of the error
_BLOCK = 2  # windows in a row that count as one draw where there are few people
_ROWS = 32  # windows computed at a time
_MODES = {"offline": False, "causal": True}


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """The same windows with and without some joints, body units.

    Attributes:
        name: What is hidden, and how the network may look.
        corrupted: What is left.
        clean: What was there.
        causal: No later frames are looked at.
    """

    name: str
    corrupted: PoseBatch
    clean: PoseBatch
    causal: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a network makes of Q questions about N windows.

    Attributes:
        error: ``[Q, N]`` mean distance of hidden joints, body units; NaN where none was hidden.
        coverage: ``[Q]`` share of the hidden joints that lie in their 90 % regions.
    """

    error: Array
    coverage: Array


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How much one network's errors differ from another's.

    Attributes:
        change: Mean over windows and questions of the difference, relative to the first network's
            mean error of that question; below 0 is better.
        low: Lower end of its 95 % interval.
        high: Upper end.
        groups: What was drawn for the interval.
        unit: What a group is: ``people`` or ``stretches``.
    """

    change: float
    low: float
    high: float
    groups: int
    unit: str

    @property
    def better(self) -> bool:
        """Whether the second network is better, neither by chance nor by rounding only."""
        return self.groups >= FEWEST and self.high < -_LEAST


@dataclass(kw_only=True, eq=False)
class Judge:
    """Windows of people with joints hidden once and for all.

    Windows do not overlap. Half of them come with a `Memory` of the person, from other frames of
    the same sets.

    Args:
        sets: Poses by frame rate.
        trials: What hides joints, by name; each is asked offline and causal.
        objective: Hides and places as in training; its network is not looked at.
        length: Frames of a window.
        windows: At most; spread evenly.
        seed: Of the memories.

    Attributes:
        questions: What is asked.
        masks: Fingerprint of what is hidden.

    Raises:
        SettingError: If there is no window, or nothing that the trials hide.
    """

    sets: Mapping[str, PoseSet]
    trials: Mapping[str, Corruption]
    objective: Reconstruct
    length: int
    windows: int = 200
    seed: int = 0
    questions: list[Question] = field(init=False, repr=False)
    masks: str = field(init=False)
    _people: list[str] = field(init=False, repr=False)
    _blocks: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        clean = self._draw()
        self.objective.eval()
        self.questions = []
        for name, trial in self.trials.items():
            reseed_all([trial], 0)
            pair = self.objective.corrupt(clean, trial)
            if (pair[1].observed & ~pair[0].observed).any():
                self.questions += [
                    Question(name=f"{name} {m}", corrupted=pair[0], clean=pair[1], causal=causal)
                    for m, causal in _MODES.items()
                ]
        if not self.questions:
            raise SettingError(f"nothing is seen of what {', '.join(self.trials)} hide")
        self.masks = fingerprint(*(q.corrupted.observed.numpy() for q in self.questions))

    def _draw(self) -> PoseBatch:
        """Return windows in pixels."""
        total = sum(len(poses.starts(self.length, self.length)) for poses in self.sets.values())
        if not total:
            raise SettingError(f"nobody is seen for {self.length} frames at a time to judge by")
        generator = torch.Generator().manual_seed(self.seed)
        batches: list[PoseBatch] = []
        self._people, self._blocks = [], []
        for name, poses in self.sets.items():
            starts = poses.starts(self.length, self.length)
            count = min(len(starts), max(1, round(self.windows * len(starts) / total)))
            starts = starts[torch.linspace(0, len(starts) - 1, count).round().long()]
            frames = starts[:, None] + torch.arange(self.length)
            memory = Album(poses=poses).draw(frames[:, 0], frames[:, -1], 0.5, generator)
            batch = PoseBatch.from_keypoints(poses.keypoints[frames], fps=poses.fps)
            batches.append(replace(batch, memory=memory))
            clips = torch.searchsorted(poses.clips[:, 0].contiguous(), starts, right=True) - 1
            self._people += [f"{name} {poses.own_cameras[i]}" for i in clips.tolist()]
            self._blocks += [f"{name} {s // (_BLOCK * self.length)}" for s in starts.tolist()]
        return PoseBatch.concatenate(batches)

    @torch.no_grad()
    def ask(self, network: Autoencoder) -> Answers:
        """Return how far off a network is."""
        network.eval()
        found = [_answer(network, question) for question in self.questions]
        return Answers(
            error=np.stack([error for error, _ in found]),
            coverage=np.array([coverage for _, coverage in found]),
        )

    def compare(self, before: Answers, after: Answers) -> Verdict:
        """Return how much better the second answers are.

        The interval draws people with all their windows if there are at least `FEWEST`, else
        stretches of two windows in a row.
        """
        unit = np.nanmean(before.error, axis=1, keepdims=True)
        apart = (after.error - before.error) / unit
        asked = np.isfinite(apart).any(axis=0)
        values = np.nanmean(apart[:, asked], axis=0)
        several = len(set(self._people)) >= FEWEST
        names = np.array(self._people if several else self._blocks)[asked].tolist()
        low, high = metric.interval_by_person(values, names)
        return Verdict(
            change=float(values.mean()),
            low=low,
            high=high,
            groups=len(set(names)),
            unit="people" if several else "stretches",
        )

    def table(self, before: Answers, after: Answers) -> dict[str, dict[str, float]]:
        """Return mean errors (body units) and coverage before and after, by question."""
        return {
            question.name: {
                "before": round(float(np.nanmean(before.error[i])), 5),
                "after": round(float(np.nanmean(after.error[i])), 5),
                "coverage_before": round(float(before.coverage[i]), 4),
                "coverage_after": round(float(after.coverage[i]), 4),
            }
            for i, question in enumerate(self.questions)
        }


def _answer(network: Autoencoder, question: Question) -> tuple[Array, float]:
    """Return ``[N]`` mean errors of hidden joints, and the share in their regions."""
    errors, inside = [], []
    for first in range(0, len(question.clean), _ROWS):
        rows = slice(first, first + _ROWS)
        clean, corrupted = question.clean.select(rows), question.corrupted.select(rows)
        found = network(corrupted, causal=question.causal)
        hidden = clean.observed & ~corrupted.observed & found.known
        apart = (found.mean - clean.keypoints).norm(dim=-1)
        count = hidden.sum(dim=(1, 2))
        total = torch.where(hidden, apart, 0.0).sum(dim=(1, 2))
        errors.append(torch.where(count > 0, total / count, torch.nan))
        square = metric.squared_deviations(
            found.mean[hidden].numpy(),
            clean.keypoints[hidden].numpy(),
            found.covariance[hidden].numpy(),
        )
        inside.append(square <= metric.chi_square(0.9))
    return torch.cat(errors).numpy(), float(np.concatenate(inside).mean())


def lines(table: Mapping[str, Mapping[str, float]], verdict: Verdict) -> Sequence[str]:
    """Return what was found as text."""
    width = max(map(len, table))
    head = f"{'hidden':<{width}}  error before   after  in 90 % regions before  after"
    rows = [
        f"{name:<{width}}  {one['before']:>12.4f}  {one['after']:>6.4f}"
        f"  {one['coverage_before']:>22.1%}  {one['coverage_after']:>5.1%}"
        for name, one in table.items()
    ]
    found = (
        f"errors change by {verdict.change:+.1%}, 95 % interval {verdict.low:+.1%} to "
        f"{verdict.high:+.1%} ({verdict.groups} {verdict.unit})"
    )
    return [head, *rows, found]
