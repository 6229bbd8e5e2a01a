"""What time says about a joint, corrected by what the other joints have done since."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.fitted import Weights
from kpcomplete.completer.gaps import Gaps, at, finish, unchanged
from kpcomplete.completer.gaussian import Gaussian, conditional, place
from kpcomplete.completer.hold import Hold
from kpcomplete.completer.interpolate import Interpolate, blend, linear
from kpcomplete.completer.mixture import Mixture
from kpcomplete.errors import SettingError

_ROOM = 2**25  # numbers in the largest intermediate tensor


@dataclass(kw_only=True, eq=False)
class Guided:
    """Holds (causal) or interpolates a joint, moved along with the joints that are still seen.

    A `Gaussian` is asked where the joint is, now and at its last sight, by the joints seen now;
    what it errs by there is the person's own way to sit, and stays. Part of the way that its
    answer has moved is added to the joint. This is the last sight decaying into "Gaussian +
    residual", or ``1 - share`` of a straight line and ``share`` of "Gaussian + residual". Joints
    that the window never shows come from the Gaussian alone.

    Args:
        causal: Look at earlier frames only.
        share: Of the Gaussian, 0..1; if causal, long after the last sight.
        seconds: Time in which the share grows to 63 % of that, if causal.
        gaussian: Fitted numbers of `Gaussian`.
        motion: Fitted numbers of `Hold` and `Interpolate`.

    Raises:
        SettingError: If ``share`` or ``seconds`` is out of range.
    """

    causal: bool = True
    share: float = 1.0
    seconds: float = 1.0
    gaussian: Weights = "gaussian"
    motion: Weights = "motion"

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.seconds <= 0:
            raise SettingError(
                "guiding needs a share in 0..1 and seconds > 0, but got "
                f"share={self.share}, seconds={self.seconds}"
            )
        self._mixture = Gaussian(weights=self.gaussian).mixture
        self._base: Hold | Interpolate
        self._base = (Hold if self.causal else Interpolate)(weights=self.motion)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        if not batch.observed.numel():
            return unchanged(batch)
        mixture = self._mixture.to(batch.keypoints)
        gaps = Gaps.of(batch)
        base = self._base(batch)
        alone = conditional(batch, mixture)
        assert base.covariance is not None
        assert alone.covariance is not None
        moved = base.keypoints + self._shift(batch, mixture, gaps)
        return finish(
            batch,
            torch.where(base.observed[..., None], moved, alone.keypoints),
            torch.where(base.observed[..., None, None], base.covariance, alone.covariance),
            base.observed | alone.observed,
        )

    def _shift(self, batch: PoseBatch, mixture: Mixture, gaps: Gaps) -> Tensor:
        """Return by how much to move each missing joint, ``[B, T, J, 2]``."""
        seen = batch.observed[..., mixture.joints]
        # only what this window has shown before can have moved since
        asked = seen.any(dim=-1) & ~seen.all(dim=-1)
        if not asked.any():
            return torch.zeros_like(batch.keypoints)
        answers = []
        rows = max(1, _ROOM // max(1, batch.observed[0].numel() * 4 * seen.shape[2]))
        for start in range(0, len(batch), rows):
            some = slice(start, start + rows)
            if asked[some].any():
                answers.append(self._answer(batch.select(some), mixture, asked[some]))
        nothing = answers[0].new_zeros(int(asked.sum()), seen.shape[2], 2, 2)
        shift, _, _ = place(batch, mixture.joints, asked, torch.cat(answers), nothing)
        if not self.causal:
            return self.share * shift
        grown = -torch.expm1(-gaps.since / self.seconds)
        return self.share * grown.nan_to_num(0.0)[..., None] * shift

    def _answer(self, batch: PoseBatch, mixture: Mixture, asked: Tensor) -> Tensor:
        """Return how far the Gaussian's answer has moved since the last sight, ``[N, S, 2]``."""
        joints = mixture.joints
        part = PoseBatch(
            keypoints=batch.keypoints[:, :, joints],
            confidence=batch.confidence[:, :, joints],
            observed=batch.observed[:, :, joints],
            times=batch.times,
        )
        gaps = Gaps.of(part)
        filled = at(part.keypoints, gaps.before) if self.causal else linear(part.keypoints, gaps)
        known = gaps.since.isfinite() if self.causal else part.observed.any(1, keepdim=True)
        known = known.expand_as(part.observed)
        reference = _poses(filled, gaps.before)  # of all joints, at each joint's last sight
        if not self.causal:
            later = _poses(filled, gaps.after)
            reference = blend(reference, later, gaps)
        # a joint that was not yet seen then is taken as unmoved
        then = _poses(known[..., None].to(filled), gaps.before) > 0
        reference = torch.where(then, reference, part.keypoints[:, :, None])
        found = mixture.condition(part.keypoints[asked], part.observed[asked], reference[asked])
        assert found.shift is not None
        return found.shift


def _poses(points: Tensor, frames: Tensor) -> Tensor:
    """Return whole poses ``[B, T, S, S, 2]`` of ``[B, T, S, 2]`` at the frames ``[B, T, S]``."""
    row = torch.arange(len(points), device=points.device)[:, None, None]
    return points[row, frames]
