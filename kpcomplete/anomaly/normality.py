"""What is normal of one person in one view: enrolled, fitted, standardised, with a threshold."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kpcomplete.anomaly import Anomaly, Moments
from kpcomplete.anomaly.enrolment import Enrolment
from kpcomplete.errors import SettingError

FUSIONS = ("mean", "max")


class Limit(NamedTuple):
    """From which score on a moment is flagged; from normal driving only.

    Attributes:
        quantile: Of normal scores, 0..1; None: mean and standard deviation instead.
        deviations: k of mean + k standard deviations.
    """

    quantile: float | None = 0.99
    deviations: float = 3.0

    def of(self, normal: Tensor) -> float:
        """Return the threshold for scores ``[N]`` of normal moments.

        Raises:
            SettingError: If the quantile is no share.
        """
        if self.quantile is not None and not 0 <= self.quantile <= 1:
            raise SettingError(f"quantile must be from 0 to 1, or null, but is {self.quantile}")
        if self.quantile is not None:
            return float(normal.quantile(self.quantile))
        return float(normal.mean() + self.deviations * normal.std())


@dataclass(frozen=True, kw_only=True, eq=False)
class Normality:
    """Judges moments of one person in one view; made by `Normality.fit`.

    Attributes:
        parts: Name to fitted score.
        enrolment: Where the person usually is.
        middle: ``[P]`` mean of each score in normal driving that was not fitted.
        width: ``[P]`` its standard deviation.
        normal: ``[N, P]`` standardised scores of the person's normal driving that were not
            fitted; of others' where nothing is known of the person.
    """

    parts: Mapping[str, Anomaly]
    enrolment: Enrolment
    middle: Float[Tensor, " part"]
    width: Float[Tensor, " part"]
    normal: Float[Tensor, "moment part"]

    @classmethod
    def fit(
        cls,
        parts: Mapping[str, Anomaly],
        strangers: Sequence[Sequence[Tensor]],
        own: Sequence[Tensor] = (),
        *,
        stride: int = 16,
    ) -> "Normality":
        """Learn what is normal.

        Scores are standardised, and thresholds found, on clips that were not fitted: every second
        one in turn.

        Args:
            parts: Name to score, not fitted.
            strangers: Of each other person, clips ``[T, J, 2]`` of normal driving, pixels of the
                same kind of camera; NaN where missing. Without any, what is known of ``own``
                stands for them.
            own: The same of the person to be watched. Without any, people are told from cameras
                by nothing: all are judged at the same places of the image.
            stride: Of the moments of clips, every so many are looked at.

        Raises:
            SettingError: If there are no parts, or fewer than two clips.
        """
        clips = sum(map(len, strangers)) or len(own)
        if not parts or clips < 2:
            raise SettingError(
                "normality needs a score and two clips of normal driving, but got "
                f"{len(parts)} scores and {clips} clips"
            )
        past = max(part.past for part in parts.values())
        known = own or [clip for person in strangers for clip in person]
        enrolled = Enrolment.of(torch.cat(list(known)))
        places = [
            Enrolment.of(torch.cat(list(person))) if own else enrolled
            for person in strangers
            if person
        ]
        theirs = [
            place.moments(clip, past, stride)
            for place, person in zip(places, filter(None, strangers), strict=True)
            for clip in person
        ]
        mine = [enrolled.moments(clip, past, stride) for clip in own]
        scores, whose = _crosswise(parts, theirs, mine)
        middle, width = scores.mean(dim=0), scores.std(dim=0).clamp_min(1e-6)
        normal = (scores - middle) / width
        return cls(
            parts=_fitted(parts, theirs, mine),
            enrolment=enrolled,
            middle=middle,
            width=width,
            normal=normal[whose] if len(own) > 1 else normal,
        )

    @property
    def past(self) -> int:
        """Frames that a score looks at, the judged one included."""
        return max(part.past for part in self.parts.values())

    def __call__(self, keypoints: Float[Tensor, "time joint 2"]) -> Float[Tensor, "time part"]:
        """Return the scores of each frame of a recording, 0 on average in normal driving."""
        return self._judge(self.enrolment.moments(keypoints, self.past))

    def stream(self) -> "Stream":
        """Return a watch of frames one by one, with the same scores."""
        return Stream(self)

    def _judge(self, moments: Moments) -> Tensor:
        return (_scores(self.parts, moments) - self.middle) / self.width


class Stream:
    """Judges frames as they come.

    Args:
        normality: Of the person.
    """

    def __init__(self, normality: Normality) -> None:
        self._normality = normality
        self._frames: deque[Tensor] = deque(maxlen=normality.past)

    def __call__(self, keypoints: Float[Tensor, "joint 2"]) -> Float[Tensor, " part"]:
        """Return the scores of the next frame, in pixels."""
        normality = self._normality
        missing = normality.past - len(self._frames) if not self._frames else 1
        self._frames.extend([keypoints] * missing)
        moments = normality.enrolment.moments(torch.stack(list(self._frames)), normality.past)
        return normality._judge(moments.select(slice(-1, None)))[0]


def fuse(scores: Sequence[Tensor], how: str = "max") -> Tensor:
    """Return one score of several ``[..., P]``, of views or kinds: their mean or their maximum.

    Raises:
        SettingError: If ``how`` is neither ``mean`` nor ``max``.
    """
    if how not in FUSIONS:
        raise SettingError(f"scores are fused by {' or '.join(FUSIONS)}, but got {how!r}")
    stacked = torch.stack([part.mean(dim=-1) for part in scores])
    return stacked.mean(dim=0) if how == "mean" else stacked.amax(dim=0)


def spans(flagged: Bool[Tensor, " time"]) -> list[tuple[int, int]]:
    """Return first frame and frame after the last of each flagged stretch.

    Example:
        >>> spans(torch.tensor([False, True, True, False, True]))
        [(1, 3), (4, 5)]
    """
    edges = torch.diff(flagged.int(), prepend=torch.zeros(1), append=torch.zeros(1))
    begins, ends = (edges == 1).nonzero()[:, 0], (edges == -1).nonzero()[:, 0]
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _scores(parts: Mapping[str, Anomaly], moments: Moments) -> Tensor:
    return torch.stack([part(moments) for part in parts.values()], dim=1)


def _fitted(
    parts: Mapping[str, Anomaly], theirs: list[Moments], mine: list[Moments]
) -> dict[str, Anomaly]:
    strangers = Moments.concatenate(theirs or mine)
    own = Moments.concatenate(mine) if mine else None
    return {name: part.fit(strangers, own) for name, part in parts.items()}


def _crosswise(
    parts: Mapping[str, Anomaly], theirs: list[Moments], mine: list[Moments]
) -> tuple[Tensor, Tensor]:
    """Return scores of clips that were not fitted, and which are of the person."""
    scores, own = [], []
    for half in (0, 1):
        # of a single clip of the person there is no other half
        known = mine[half::2] if len(mine) > 1 else mine
        fitted = _fitted(parts, theirs[half::2], known)
        for clips, is_own in ((theirs, False), (mine, True)):
            asked = clips[1 - half :: 2]
            if asked:
                found = _scores(fitted, Moments.concatenate(asked))
                scores.append(found)
                own.append(torch.full((len(found),), is_own))
    return torch.cat(scores), torch.cat(own)
