"""What the errors of a detector depend on, and the tables that say how."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from kpcomplete.errors import ModelFileError
from kpcomplete.skeleton import CANONICAL, Skeleton

#: What a joint may be hidden by; the names are those of `kpcomplete.cabin.visibility`, where what
#: other people hide and what is held are one.
CAUSES = ("visible", "self", "vehicle", "other", "outside")

#: Kinds of camera, and who is seen: near or far, from the left or from the right.
CAMERAS = ("mirror", "dash", "pillar", "door", "roof")
SEATS = ("driver", "passenger", "rear_left", "rear_right")
VIEWS = tuple(f"{camera} {seat}" for camera in CAMERAS for seat in SEATS)

#: Borders between degrees of occlusion: share of a joint's neighbours that are not visible, where a
#: neighbour counts half as much as one that is a bone nearer.
DEGREES = (0.15, 0.4, 0.7, 0.9)
#: Borders between degrees of truncation: joints of a person that are outside the image. Heels, feet
#: and ankles are 6.
CUTS = (0.5, 6.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseTables:
    """What `kpcomplete.benchmark.detector_noise` fits; the canonical skeleton's joints.

    Distance and visibility have a distribution for each joint and for what hides it. Where in it a
    joint is to be expected, as a normal score, is the sum of what its degree of occlusion, the
    person's truncation and the view add. Left and right are mirror images in this, but for the
    view: a camera at the side sees one arm before the body and the other behind it.

    Attributes:
        distance: ``[33, 5, Q]`` distance from the true place, body units, at even ranks from 0 to
            1 of the score's normal distribution, by joint and by what hides it.
        confidence: ``[33, 5, Q]`` the reported visibility, likewise.
        hidden: ``[2, 33, 5, H]`` what each degree of occlusion adds to the scores of distance and
            of visibility.
        cut: ``[2, 33, 5, K]`` what each degree of truncation adds.
        view: ``[2, 33, 5, V]`` what each of the `VIEWS` adds.
        spread: ``[2, 33, 5]`` standard deviation of the scores around that sum.
        drift: ``[33, 5, V, 2]`` mean of the normally distributed vector along which a joint is
            off: where it is off to, and how surely.
        together: ``[33, 5]`` correlation of distance and confidence, as normal scores.
        near: ``[3, 33, 33]`` correlation between joints: of distance, confidence, direction.
        lasting: ``[3]`` share of the variance that stays for a whole scene, likewise.
        seconds: ``[3]`` after which what does not stay is forgotten (to 1/e), likewise.
        power: ``[3]`` of the time in that, 1 to 2: 1 loses most at first, 2 hardly anything.
        causes: ``[33, 5]`` how often each joint is hidden by what.
        views: ``[V]`` how often each view is.
    """

    distance: Float[Tensor, "joint cause rank"]
    confidence: Float[Tensor, "joint cause rank"]
    hidden: Float[Tensor, "2 joint cause degree"]
    cut: Float[Tensor, "2 joint cause cut"]
    view: Float[Tensor, "2 joint cause view"]
    spread: Float[Tensor, "2 joint cause"]
    drift: Float[Tensor, "joint cause view 2"]
    together: Float[Tensor, "joint cause"]
    near: Float[Tensor, "3 joint joint"]
    lasting: Float[Tensor, "3"]
    seconds: Float[Tensor, "3"]
    power: Float[Tensor, "3"]
    causes: Float[Tensor, "joint cause"]
    views: Float[Tensor, " view"]

    @classmethod
    def load(cls, weights: str | Path) -> "NoiseTables":
        """Read a file, or one that comes with kpcomplete by its name.

        Raises:
            ModelFileError: If there is none, or it holds something else.
        """
        path = Path(str(files("kpcomplete.weights"))) / f"{weights}.safetensors"
        path = path if path.is_file() else Path(weights)
        try:
            tensors = {name: tensor.float() for name, tensor in load(path.read_bytes()).items()}
            return cls(**tensors)
        except (OSError, SafetensorError, TypeError) as error:
            raise ModelFileError(
                f"{path} should hold the tables of a detector's noise, but does not: {error!r}"
            ) from error

    def shift(
        self, cause: Int[Tensor, "batch time joint"], view: Int[Tensor, " batch"]
    ) -> Float[Tensor, "2 batch time joint"]:
        """Return which scores of distance and visibility are to be expected.

        Args:
            cause: Index into `CAUSES`.
            view: Index into `VIEWS`.
        """
        joint = torch.arange(cause.shape[2], device=cause.device)
        there = view[:, None, None]
        levels = ((self.hidden, degree(cause)), (self.cut, cut(cause)), (self.view, there))
        parts = [table.to(cause.device)[:, joint, cause, level] for table, level in levels]
        return torch.stack(parts).sum(dim=0)


def degree(cause: Int[Tensor, "*any joint"]) -> Int[Tensor, "*any joint"]:
    """Return how much of each joint's neighbourhood is hidden, a number of its place in `DEGREES`.

    Args:
        cause: Index into `CAUSES`.
    """
    shares = (cause != 0).float() @ _nearness().to(cause.device)
    return torch.bucketize(shares, torch.tensor(DEGREES, device=cause.device))


def cut(cause: Int[Tensor, "*any joint"]) -> Int[Tensor, "*any 1"]:
    """Return how much of a person is outside the image, a number of its place in `CUTS`."""
    outside = (cause == CAUSES.index("outside")).sum(dim=-1, keepdim=True).float()
    return torch.bucketize(outside, torch.tensor(CUTS, device=cause.device))


@cache
def _nearness() -> Tensor:
    """Return ``[J, J]``, in each column how much each joint counts as a joint's neighbour."""
    skeleton = Skeleton.load(CANONICAL)
    count = len(skeleton.joints)
    hops = torch.full((count, count), torch.inf)
    hops[range(count), range(count)] = 0
    one, two = skeleton.bone_indices.T
    hops[one, two] = hops[two, one] = 1
    for middle in range(count):
        hops = torch.minimum(hops, hops[:, [middle]] + hops[[middle]])
    near = 0.5**hops
    near.fill_diagonal_(0.0)
    return near / near.sum(dim=0)
