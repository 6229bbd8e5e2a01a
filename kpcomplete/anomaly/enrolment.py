"""Where somebody usually is, seen from one camera."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.anomaly import Moments
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError


@dataclass(frozen=True, kw_only=True, eq=False)
class Enrolment:
    """What normal driving of one person shows of the person's place in the image.

    Attributes:
        places: ``[J, 2]`` median place of each joint, pixels; of one never seen, the middle of
            the shoulders.
        centre: ``[2]`` middle of the shoulders, pixels.
        scale: Pixels per body unit.
    """

    places: Float[Tensor, "joint 2"]
    centre: Float[Tensor, " 2"]
    scale: float

    @classmethod
    def of(cls, keypoints: Tensor) -> "Enrolment":
        """Return it for ``[T, J, 2]`` pixels, NaN where missing.

        Raises:
            SettingError: If fewer than two joints are ever seen.
        """
        if int(keypoints.isfinite().all(dim=-1).any(dim=0).sum()) < 2:
            raise SettingError("normal driving must show at least two joints, but shows fewer")
        placement = normalize.fit(PoseBatch.from_keypoints(keypoints[None]))
        centre = placement.centre[0]
        median = keypoints.nanmedian(dim=0).values
        return cls(
            places=torch.where(median.isfinite(), median, centre),
            centre=centre,
            scale=float(placement.scale[0]),
        )

    def moments(self, keypoints: Tensor, past: int, stride: int = 1) -> Moments:
        """Return every ``stride``-th moment of ``[T, J, 2]`` pixels.

        What was before the first frame is like the first frame.
        """
        away = (keypoints - self.places) / self.scale
        padded = torch.cat([away[:1].expand(past - 1, -1, -1), away])
        windows = padded.unfold(0, past, 1)[::stride].movedim(-1, 1)
        usual = (self.places - self.centre) / self.scale
        return Moments(windows, usual.expand(len(windows), -1, -1))
