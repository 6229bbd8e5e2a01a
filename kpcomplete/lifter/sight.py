"""Poses as a camera sees them: one ray for each joint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.camera import Camera
from kpcomplete.errors import ShapeError, SkeletonError
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL

_AHEAD = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """B windows of T frames of J joints, as directions from one camera.

    Attributes:
        rays: Of length 1 in the camera's frame (x right, y down, z ahead); 0, 0, 1 where not given.
        given: A place in the image is known, seen or filled in.
        seen: The detector saw the joint.
        std: Standard deviation of the place in the image, radians; 0 where seen or not given.
        mounting: Turn and shift from the car's frame into the camera's, see `Camera.mounting`; 0
            where it is not known where in the car the camera is.
    """

    rays: Float[Tensor, "batch time joint 3"]
    given: Bool[Tensor, "batch time joint"]
    seen: Bool[Tensor, "batch time joint"]
    std: Float[Tensor, "batch time joint"]
    mounting: Float[Tensor, "batch time 3 4"]

    def __len__(self) -> int:
        return len(self.rays)

    def to(self, device: torch.device | str) -> "Sight":
        """Return the sight on another device."""
        return Sight(
            rays=self.rays.to(device),
            given=self.given.to(device),
            seen=self.seen.to(device),
            std=self.std.to(device),
            mounting=self.mounting.to(device),
        )

    @classmethod
    def through(
        cls,
        batch: PoseBatch,
        seen: Bool[Tensor, "batch time joint"],
        focal: Float[Tensor, " batch"],
        centre: Float[Tensor, "batch 2"],
        mounting: Float[Tensor, "batch 3 4"],
    ) -> "Sight":
        """See completed windows through pinholes.

        Args:
            batch: Pixels; ``observed`` is also True for what was filled in.
            seen: What the detector saw.
            focal: Of each window's camera, pixels.
            centre: Its principal point, pixels.
            mounting: Where in the car it is, see `Camera.mounting`.
        """
        plane = (batch.keypoints - centre[:, None, None]) / focal[:, None, None, None]
        rays = torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)
        std = _spread(batch.covariance, batch.observed) / focal[:, None, None]
        rays = rays / rays.norm(dim=-1, keepdim=True)
        return cls(
            rays=torch.where(batch.observed[..., None], rays, rays.new_tensor([0.0, 0.0, 1.0])),
            given=batch.observed,
            seen=seen & batch.observed,
            std=torch.where(batch.observed & ~seen, std, 0.0),
            mounting=mounting[:, None].expand(-1, seen.shape[1], -1, -1),
        )

    @classmethod
    def of(cls, poses: PoseSequence, camera: Camera) -> "Sight":
        """See one completed person through a camera, as a single window.

        Args:
            poses: Canonical skeleton; OBSERVED joints are seen, COMPLETED ones given.
            camera: Of the same image size.

        Raises:
            SkeletonError: If the skeleton is another.
            ShapeError: If the camera has other images.
        """
        return cls.together([poses], camera)

    @classmethod
    def together(cls, people: Sequence[PoseSequence], camera: Camera) -> "Sight":
        """See several people over the same frames, as windows; see `of`."""
        for poses in people:
            _check(poses, camera)
        rays = camera.rays(np.array([poses.keypoints for poses in people]))
        given = np.isfinite(rays[..., 0] + rays[..., 1])
        seen = given & np.array([poses.is_observed for poses in people])
        nothing = np.zeros((*given.shape[1:], 2, 2), np.float32)
        known = [nothing if p.covariance is None else p.covariance for p in people]
        covariance = np.array(known, np.float64)
        spread = covariance[..., 0, 0] + covariance[..., 1, 1]
        spread = np.where(given & ~seen & (spread > 0), spread, 0.0)
        spread = np.sqrt(spread / 2) / ((camera.fx + camera.fy) / 2)
        rays = np.where(given[..., None], rays, _AHEAD)
        return cls(
            rays=torch.from_numpy(rays.astype(np.float32)),
            given=torch.from_numpy(given),
            seen=torch.from_numpy(seen),
            std=torch.from_numpy(spread.astype(np.float32)),
            mounting=torch.from_numpy(camera.mounting).expand(*given.shape[:2], 3, 4),
        )


def is_mounted(mounting: Float[Tensor, "*batch 3 4"]) -> Bool[Tensor, "*batch"]:
    """Return of which cameras it is known where in the car they are."""
    return mounting.abs().amax(dim=(-2, -1)) > 0


def _check(poses: PoseSequence, camera: Camera) -> None:
    if poses.skeleton.name != CANONICAL:
        raise SkeletonError(
            f"lifters know the joints of {CANONICAL!r}, but {poses.person!r} has those of "
            f"{poses.skeleton.name!r}"
        )
    if (camera.width, camera.height) != tuple(poses.image_size):
        raise ShapeError(
            f"{camera.name!r} has images of {camera.width} x {camera.height}, but "
            f"{poses.person!r} is in images of {poses.image_size[0]} x {poses.image_size[1]}"
        )


def _spread(covariance: Tensor | None, like: Tensor) -> Tensor:
    """Return the root of the mean variance of both directions, ``[..., J]``."""
    if covariance is None:
        return torch.zeros(like.shape, device=like.device)
    trace = covariance[..., 0, 0] + covariance[..., 1, 1]
    return (trace / 2).clamp_min(0).sqrt()
