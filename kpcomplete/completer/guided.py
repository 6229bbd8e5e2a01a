"""What time says about a joint, drawn towards where this person usually has it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.fitted import Weights
from kpcomplete.completer.gaps import Gaps, finish, unchanged
from kpcomplete.completer.gaussian import Gaussian, conditional, place
from kpcomplete.completer.hold import Hold
from kpcomplete.completer.interpolate import Interpolate
from kpcomplete.errors import SettingError
from kpcomplete.mixture import Mixture


@dataclass(kw_only=True, eq=False)
class Guided:
    """Holds (causal) or interpolates a joint, and draws it towards "Gaussian + residual".

    A `Gaussian` says where a joint is by the joints that are seen. What it errs by on average in
    the frames that show the joint, the residual, is this person's way to sit; both together are
    its own mean place, moved along with the seen joints. A held joint decays into that; of an
    interpolated one a share is taken. Joints that the window never shows come from the Gaussian.

    Args:
        causal: Look at earlier frames only.
        share: Of "Gaussian + residual", 0..1; if causal, long after the last sight.
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
        base = self._base(batch)
        alone = conditional(batch, mixture)
        assert base.covariance is not None
        assert alone.covariance is not None
        drawn = base.keypoints + self._share(batch) * (self._own(batch, mixture) - base.keypoints)
        return finish(
            batch,
            torch.where(base.observed[..., None], drawn, alone.keypoints),
            torch.where(base.observed[..., None, None], base.covariance, alone.covariance),
            base.observed | alone.observed,
        )

    def _share(self, batch: PoseBatch) -> Tensor:
        """Return the share of "Gaussian + residual", ``[B, T, J, 1]``."""
        since = Gaps.of(batch).since.nan_to_num(posinf=0.0)
        grown = -torch.expm1(-since / self.seconds) if self.causal else torch.ones_like(since)
        return self.share * grown[..., None]

    def _own(self, batch: PoseBatch, mixture: Mixture) -> Tensor:
        """Return "Gaussian + residual" of joints that were seen, ``[B, T, J, 2]``."""
        usual = self._usual(batch)
        joints = mixture.joints
        seen = batch.observed[..., joints]
        asked = seen.any(dim=-1) & ~seen.all(dim=-1)
        if not asked.any():
            return usual
        found = mixture.condition(
            batch.keypoints[:, :, joints][asked], seen[asked], usual[:, :, joints][asked]
        )
        assert found.shift is not None
        shift, _, _ = place(batch, joints, asked, found.shift, torch.zeros_like(found.covariance))
        return usual + shift

    def _usual(self, batch: PoseBatch) -> Tensor:
        """Return the mean place of each joint so far, or over the window if not causal."""
        seen = batch.observed[..., None].to(batch.keypoints)
        points = batch.keypoints * seen
        if self.causal:
            return points.cumsum(dim=1) / seen.cumsum(dim=1).clamp_min(1)
        mean = points.sum(dim=1, keepdim=True) / seen.sum(dim=1, keepdim=True).clamp_min(1)
        return mean.expand_as(points)
