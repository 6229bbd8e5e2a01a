"""What anomaly scores say of the recordings of unknown drivers, and which of them to believe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from kpcomplete import metric
from kpcomplete.anomaly import Anomaly
from kpcomplete.anomaly.gathered import UPPER
from kpcomplete.anomaly.normality import FUSIONS, Normality, fuse
from kpcomplete.benchmark.drivers import Drives
from kpcomplete.skeleton import CANONICAL, Skeleton

ENROLLED, ABSOLUTE, BOTH = "enrolled", "absolute", "both"
MAIN = "mirror"
_STRIDE = 16  # frames


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What scores say of one recording of an unknown driver.

    Attributes:
        scores: View and kind to standardised scores ``[T, P]``: `ENROLLED` by the driver's own
            normal driving, or `ABSOLUTE`, by where others are in the image.
        normal: The same of normal driving that was not fitted.
        distracted: ``[T]`` bool.
        shown: View to which joints are there, ``[T]``, one number a pattern.
    """

    scores: Mapping[tuple[str, str], Tensor]
    normal: Mapping[tuple[str, str], Tensor]
    distracted: Tensor
    shown: Mapping[str, Tensor]

    def score(self, view: str, kind: str) -> Tensor:
        """Return ``[T]`` the mean of all scores of a view, of one kind or of `BOTH`."""
        kinds = (ENROLLED, ABSOLUTE) if kind == BOTH else (kind,)
        return torch.cat([self.scores[view, k] for k in kinds], dim=1).mean(dim=1)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which scores are believed: a kind for each view, and how views are fused."""

    kinds: Mapping[str, str]
    how: str

    def alone(self, judged: Judged, view: str) -> Tensor:
        """Return ``[T]`` the scores of one view."""
        return judged.score(view, self.kinds[view])

    def fused(self, judged: Judged) -> Tensor:
        """Return ``[T]`` the scores of all views together."""
        return _fuse(judged, self.kinds, self.how)


def judge(
    drives: Drives, parts: Mapping[str, Anomaly], clips: int | None = None
) -> dict[str, Judged]:
    """Return what scores say of each driver.

    Args:
        drives: All drivers.
        parts: Name to score, not fitted.
        clips: Of normal driving of the watched driver, that enroll; None: all there are.
    """
    out = {}
    for person in tqdm(drives.people, desc="drivers", disable=None):
        scores, normal, shown = {}, {}, {}
        for view in drives.views:
            others = [drives.normal_of(q, view) for q in drives.people if q != person]
            own = drives.normal_of(person, view)[:clips]
            recording, labels = drives.mixed_of(person, view)
            for kind, known in ((ENROLLED, own), (ABSOLUTE, [])):
                fitted = Normality.fit(parts, others, known, stride=_STRIDE)
                scores[view, kind], normal[view, kind] = fitted(recording), fitted.normal
            shown[view] = _pattern(recording)
        out[person] = Judged(scores=scores, normal=normal, distracted=labels == 1, shown=shown)
    return out


def choose(found: Mapping[str, Judged], person: str, views: Sequence[str]) -> Choice:
    """Return what is best for all drivers but this one, by their labels."""
    others = [judged for name, judged in found.items() if name != person]
    truth = [judged.distracted for judged in others]

    def worth(scores: list[Tensor]) -> float:
        return pooled(scores, truth) + float(np.mean(each(scores, truth)))

    kinds = {
        view: max(
            (ENROLLED, ABSOLUTE, BOTH), key=lambda k: worth([j.score(view, k) for j in others])
        )
        for view in views
    }
    how = max(FUSIONS, key=lambda h: worth([_fuse(j, kinds, h) for j in others]))
    return Choice(kinds=kinds, how=how)


def pooled(scores: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Return the AUROC of the frames of all drivers together."""
    return metric.auroc(torch.cat(list(scores)).numpy(), torch.cat(list(truth)).numpy())


def each(scores: Sequence[Tensor], truth: Sequence[Tensor]) -> list[float]:
    """Return the AUROC of each driver."""
    return [metric.auroc(s.numpy(), t.numpy()) for s, t in zip(scores, truth, strict=True)]


def _fuse(judged: Judged, kinds: Mapping[str, str], how: str) -> Tensor:
    return fuse([judged.score(view, kind)[:, None] for view, kind in kinds.items()], how)


def _pattern(recording: Tensor) -> Tensor:
    seen = recording[:, Skeleton.load(CANONICAL).indices(UPPER)].isfinite().all(dim=-1)
    return (seen.long() * 2 ** torch.arange(seen.shape[1])).sum(dim=1)
