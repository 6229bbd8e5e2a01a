"""The joints of a frame given those that are seen, from how people usually sit."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.by_frame import ByFrame
from kpcomplete.completer.fitted import Weights, read
from kpcomplete.completer.gaps import finish, unchanged
from kpcomplete.mixture import Mixture


@dataclass(kw_only=True, eq=False)
class Gaussian:
    """Each frame by itself: the mean of missing joints given the seen ones, and its covariance.

    The poses of each kind of camera are one Gaussian of a mixture; the seen joints tell which
    camera it may be. Joints that no Gaussian knows stay missing.

    Args:
        weights: ``joints [S]``, ``weight [K]``, ``mean [K, 2 S]`` and ``factor [K, 2 S, 2 S]``,
            the Cholesky factor of the covariance.
    """

    weights: Weights = "gaussian"
    causal: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        found = read(self.weights, ("joints", "weight", "mean", "factor"))
        factor = found["factor"].tril()
        self.mixture = Mixture(
            joints=found["joints"].long(),
            weight=found["weight"],
            mean=found["mean"],
            covariance=factor @ factor.mT,
        )

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        return conditional(batch, self.mixture)

    def stream(self, window: int) -> ByFrame:
        """Return the same frame by frame."""
        return ByFrame(lambda batch, _: self(batch), window=window)


def conditional(batch: PoseBatch, mixture: Mixture) -> PoseBatch:
    """Fill in a batch frame by frame."""
    mixture = mixture.to(batch.keypoints)
    seen = batch.observed[..., mixture.joints]
    asked = seen.any(dim=-1) & ~seen.all(dim=-1)  # frames with a question and something to go by
    if not asked.any():
        return unchanged(batch)
    found = mixture.condition(batch.keypoints[:, :, mixture.joints][asked], seen[asked])
    mean, covariance, known = place(batch, mixture.joints, asked, found.mean, found.covariance)
    return finish(batch, mean, covariance, known)


def place(
    batch: PoseBatch, joints: Tensor, asked: Tensor, points: Tensor, covariance: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Put answers for some frames and joints into their places.

    Args:
        batch: Gives the size.
        joints: ``[S]`` canonical joints.
        asked: ``[B, T]`` the N frames.
        points: ``[N, S, 2]``.
        covariance: ``[N, S, 2, 2]``.

    Returns:
        Points ``[B, T, J, 2]``, covariance ``[B, T, J, 2, 2]``, known ``[B, T, J]``.
    """
    where, how = torch.zeros_like(batch.keypoints), unchanged(batch).covariance
    assert how is not None
    known = torch.zeros_like(batch.observed)
    frames, times = asked.nonzero(as_tuple=True)
    index = (frames[:, None], times[:, None], joints)
    where[index], how[index], known[index] = points, covariance, torch.tensor(True)
    return where, how, known
