"""Poses as a camera sees them: one ray for each joint."""

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """B windows of T frames of J joints, as directions from one camera.

    Attributes:
        rays: Of length 1 in the camera's frame (x right, y down, z ahead); 0, 0, 1 where not given.
        given: A place in the image is known, seen or filled in.
        seen: The detector saw the joint.
        std: Standard deviation of the place in the image, radians; 0 where seen or not given.
    """

    rays: Float[Tensor, "batch time joint 3"]
    given: Bool[Tensor, "batch time joint"]
    seen: Bool[Tensor, "batch time joint"]
    std: Float[Tensor, "batch time joint"]

    def __len__(self) -> int:
        return len(self.rays)

    def to(self, device: torch.device | str) -> "Sight":
        """Return the sight on another device."""
        return Sight(
            rays=self.rays.to(device),
            given=self.given.to(device),
            seen=self.seen.to(device),
            std=self.std.to(device),
        )

    @classmethod
    def through(
        cls,
        batch: PoseBatch,
        seen: Bool[Tensor, "batch time joint"],
        focal: Float[Tensor, " batch"],
        centre: Float[Tensor, "batch 2"],
    ) -> "Sight":
        """See completed windows through pinholes.

        Args:
            batch: Pixels; ``observed`` is also True for what was filled in.
            seen: What the detector saw.
            focal: Of each window's camera, pixels.
            centre: Its principal point, pixels.
        """
        plane = (batch.keypoints - centre[:, None, None]) / focal[:, None, None, None]
        rays = torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)
        std = _spread(batch.covariance, batch.observed) / focal[:, None, None]
        return cls._of(rays / rays.norm(dim=-1, keepdim=True), batch.observed, seen, std)

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
        rays = camera.rays(poses.keypoints)
        given = np.isfinite(rays).all(axis=-1)
        seen = given & poses.is_observed
        spread = torch.zeros(given.shape)
        if poses.covariance is not None:
            covariance = torch.from_numpy(poses.covariance).nan_to_num(0.0)
            spread = _spread(covariance, torch.from_numpy(given)) / ((camera.fx + camera.fy) / 2)
        return cls._of(
            torch.from_numpy(rays.astype(np.float32))[None],
            torch.from_numpy(given)[None],
            torch.from_numpy(seen)[None],
            spread.float()[None],
        )

    @classmethod
    def _of(cls, rays: Tensor, given: Tensor, seen: Tensor, std: Tensor) -> "Sight":
        ahead = rays.new_tensor([0.0, 0.0, 1.0])
        return cls(
            rays=torch.where(given[..., None], rays, ahead),
            given=given,
            seen=seen & given,
            std=torch.where(given & ~seen, std, 0.0),
        )


def _spread(covariance: Tensor | None, like: Tensor) -> Tensor:
    """Return the root of the mean variance of both directions, ``[..., J]``."""
    if covariance is None:
        return torch.zeros(like.shape, device=like.device)
    trace = covariance[..., 0, 0] + covariance[..., 1, 1]
    return (trace / 2).clamp_min(0).sqrt()
