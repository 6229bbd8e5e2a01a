"""What time says about a joint, drawn towards where this person usually has it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.by_frame import ByFrame, Kept
from kpcomplete.completer.fitted import Weights
from kpcomplete.completer.gaps import Gaps, finish, unchanged
from kpcomplete.completer.gaussian import Gaussian, conditional, place
from kpcomplete.completer.hold import Hold
from kpcomplete.completer.interpolate import Interpolate
from kpcomplete.errors import SettingError
from kpcomplete.mixture import Mixture
from kpcomplete.skeleton import CANONICAL, Skeleton


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
        own = self._own(batch, mixture, self._usual(batch))
        return self._drawn(batch, base, alone, self._share(Gaps.of(batch).since), own)

    def stream(self, window: int) -> ByFrame | None:
        """Return the same frame by frame; None if it looks ahead."""
        if not self.causal:
            return None
        joints = len(Skeleton.load(CANONICAL))
        keep = {"shown": np.zeros((window, joints, 2)), "often": np.zeros((window, joints))}
        return ByFrame(self._next, window=window, keep=keep)

    def _next(self, batch: PoseBatch, kept: Kept) -> PoseBatch:
        """Complete one frame; means are over the window."""
        assert isinstance(self._base, Hold)  # of what is causal
        shown, often = kept.rows["shown"], kept.rows["often"]
        place, seen = kept.now % shown.shape[1], batch.observed[:, 0].numpy()
        pixels = kept.placement.into_pixels(batch).keypoints[:, 0].numpy()
        shown[:, place], often[:, place] = pixels * seen[..., None], seen
        count = often.sum(axis=1)[..., None]
        centre, scale = kept.placement.centre.numpy(), kept.placement.scale.numpy()
        usual = (shown.sum(axis=1) / np.maximum(count, 1) - centre[:, None]) / scale[:, None, None]
        usual = torch.from_numpy(np.where(count > 0, usual, 0.0)).to(batch.keypoints)[:, None]
        mixture = self._mixture.to(batch.keypoints)
        base = self._base.held(batch, kept.before, kept.since)
        alone, own = conditional(batch, mixture), self._own(batch, mixture, usual)
        return self._drawn(batch, base, alone, self._share(kept.since), own)

    def _drawn(
        self, batch: PoseBatch, base: PoseBatch, alone: PoseBatch, share: Tensor, own: Tensor
    ) -> PoseBatch:
        assert base.covariance is not None
        assert alone.covariance is not None
        drawn = base.keypoints + share * (own - base.keypoints)
        return finish(
            batch,
            torch.where(base.observed[..., None], drawn, alone.keypoints),
            torch.where(base.observed[..., None, None], base.covariance, alone.covariance),
            base.observed | alone.observed,
        )

    def _share(self, since: Tensor) -> Tensor:
        """Return the share of "Gaussian + residual", ``[B, T, J, 1]``."""
        since = since.nan_to_num(posinf=0.0)
        grown = -torch.expm1(-since / self.seconds) if self.causal else torch.ones_like(since)
        return self.share * grown[..., None]

    def _own(self, batch: PoseBatch, mixture: Mixture, usual: Tensor) -> Tensor:
        """Return "Gaussian + residual" of joints that were seen, ``[B, T, J, 2]``."""
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
