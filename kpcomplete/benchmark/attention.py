"""How many labels it takes to tell distracted from normal driving of unknown drivers."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from kpcomplete import metric
from kpcomplete.anomaly import Anomaly
from kpcomplete.anomaly.enrolment import Enrolment
from kpcomplete.anomaly.gathered import UPPER
from kpcomplete.benchmark.drivers import Drives
from kpcomplete.benchmark.judged import ABSOLUTE, ENROLLED, MAIN, Judged, judge
from kpcomplete.data import Data
from kpcomplete.skeleton import CANONICAL, Skeleton

SHARES = (0.01, 0.05, 0.1, 1.0)
_LENGTH = 64  # frames of a window
_HOP = 16  # frames from one window to the next
Array = npt.NDArray[np.float64]


def run(
    *,
    normal: Data,
    mixed: Data,
    parts: Mapping[str, Anomaly],
    test_drivers: Sequence[int] | None = None,
    draws: int = 5,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, float]:
    """Return figures of windows of 64 frames of drivers of whom no label is known.

    Anomaly scores learn without labels from normal driving, see `kpcomplete.benchmark.anomaly`;
    each driver is calibrated by own normal driving. A logistic regression learns from some labels
    of all other drivers what three of the scores mean, averaged over the window: all views fused,
    and the mirror view with and without enrolment. From scratch, a network of two layers learns
    from poses in body units and the same labels. Nothing here was ever trained on the driver.

    Args:
        normal: Clips of normal driving.
        mixed: Recordings with both, labelled.
        parts: Name to score, not fitted.
        test_drivers: Who is measured, by number; by default each in turn.
        draws: Of labels.
        seed: Of the draws.
        quick: Three drivers, two views, two draws.

    Returns:
        ``f1_N``: macro-F1 of all windows with N % of the labels, mean over draws; ``auroc_N``; and
        ``scratch_f1_1``.
    """
    drives = Drives(normal=normal.load(), mixed=mixed.load(), quick=quick)
    people = drives.chosen(test_drivers)
    found = judge(drives, parts)
    draws = 2 if quick else draws
    labels = {p: _windows(j.distracted.float()) > 0.5 for p, j in found.items()}
    scores = {p: _scores(j, drives.views) for p, j in found.items()}
    poses = {p: _poses(drives, p) for p in found}
    figures: dict[str, float] = {}
    for share in SHARES:
        rows = []
        for draw in range(draws if share < 1 else 1):
            rows.append(_measure(scores, labels, people, share, seed + draw, scratch=False))
        f1, auroc = np.mean([r[0] for r in rows], axis=0), np.mean([r[1] for r in rows])
        name = f"{100 * share:g}"
        figures |= {f"f1_{name}": float(f1[0]), f"auroc_{name}": float(auroc)}
        low, high = metric.interval_by_person(f1[1:], people, seed=seed)
        print(
            f"{name:>4} % of labels: macro-F1 {f1[0]:.3f}, AUROC {auroc:.3f}; by driver "
            f"{np.mean(f1[1:]):.3f} [{low:.3f}, {high:.3f}]",
            *(f"{v:.2f}" for v in f1[1:]),
        )
    for share in SHARES:
        rows = [
            _measure(poses, labels, people, share, seed + draw, scratch=True)
            for draw in range(draws if share < 1 else 1)
        ]
        value = float(np.mean([r[0][0] for r in rows]))
        print(f"{100 * share:>4g} % of labels: from scratch macro-F1 {value:.3f}")
        figures |= {f"scratch_f1_{100 * share:g}": value}
    return figures


def sample(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return the places of a share of the labels, at least one of each class."""
    rows = []
    for kind in (False, True):
        places = (labels == kind).nonzero()[:, 0]
        count = max(1, round(share * len(places)))
        rows.append(places[torch.randperm(len(places), generator=generator)[:count]])
    return torch.cat(rows)


def _measure(
    features: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    people: Sequence[str],
    share: float,
    seed: int,
    *,
    scratch: bool,
) -> tuple[Array, float]:
    """Return macro-F1 of all windows and of each driver, and AUROC of all windows."""
    guesses, truths = [], []
    for number, person in enumerate(people):
        others = [p for p in features if p != person]
        known = torch.cat([labels[p] for p in others])
        rows = sample(known, share, torch.Generator().manual_seed(1000 * seed + number))
        model = (
            make_pipeline(
                StandardScaler(),
                MLPClassifier((64, 32), max_iter=60, random_state=seed, solver="adam"),
            )
            if scratch
            else LogisticRegression(C=0.1)
        )
        with warnings.catch_warnings():  # 60 rounds are enough to know the labels by heart
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(torch.cat([features[p] for p in others])[rows].numpy(), known[rows].numpy())
        guesses.append(model.predict_proba(features[person].numpy())[:, 1])
        truths.append(labels[person].numpy())
    guess, truth = np.concatenate(guesses), np.concatenate(truths)
    f1 = [f1_score(truth, guess > 0.5, average="macro")]
    f1 += [f1_score(t, g > 0.5, average="macro") for t, g in zip(truths, guesses, strict=True)]
    return np.array(f1), metric.auroc(guess, truth)


def _scores(judged: Judged, views: Sequence[str]) -> Tensor:
    enrolled = torch.stack([judged.score(view, ENROLLED) for view in views]).amax(dim=0)
    columns = [enrolled, judged.score(MAIN, ENROLLED), judged.score(MAIN, ABSOLUTE)]
    return torch.stack([_windows(column) for column in columns], dim=1)


def _windows(values: Tensor) -> Tensor:
    """Return the means of windows."""
    return values.unfold(0, _LENGTH, _HOP).mean(dim=-1)


def _poses(drives: Drives, person: str) -> Tensor:
    """Return ``[N, D]`` poses of every eighth frame of each window, in body units."""
    recording, _ = drives.mixed_of(person, MAIN)
    place = Enrolment.of(torch.cat(drives.normal_of(person, MAIN)))
    body = (recording - place.centre) / place.scale
    body = body[:, Skeleton.load(CANONICAL).indices(UPPER)].nan_to_num(0.0)
    return body.unfold(0, _LENGTH, _HOP)[..., ::8].flatten(1)
