"""Views of 3D motion from randomly placed cameras."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kpcomplete.errors import SettingError

Range = tuple[float, float] | list[float]


@dataclass(frozen=True, kw_only=True)
class CameraRange:
    """Where cameras of one kind may stand, relative to the person; evenly drawn from ranges.

    Args:
        name: Name of the view.
        azimuth: Degrees from the direction that the person faces; positive on its left.
        elevation: Degrees above the shoulders.
        distance: Metres from the middle of the shoulders.
        field_of_view: Horizontal, degrees.
        aim: Metres below the middle of the shoulders at which the camera looks.
        aside: Metres to the person's left of it: a camera for two people looks between them.
        roll: Degrees about the optical axis.
        image_size: Width, height in pixels.

    Raises:
        SettingError: If a range is upside down, or a distance or field of view cannot be.
    """

    name: str
    azimuth: Range
    elevation: Range
    distance: Range
    field_of_view: Range = (60.0, 100.0)
    aim: Range = (0.0, 0.3)
    aside: Range = (0.0, 0.0)
    roll: Range = (-8.0, 8.0)
    image_size: tuple[int, int] | list[int] = (1280, 720)

    def __post_init__(self) -> None:
        for name in (
            "azimuth", "elevation", "distance", "field_of_view", "aim", "aside", "roll",
        ):  # fmt: skip
            low, high = getattr(self, name)
            if low > high:
                raise SettingError(
                    f"{name} of camera {self.name!r} must rise, but is {low}, {high}"
                )
        if self.distance[0] <= 0 or not 0 < self.field_of_view[0] <= self.field_of_view[1] < 180:
            raise SettingError(
                f"camera {self.name!r} needs a distance > 0 and a field of view between 0 and 180 "
                f"degrees, but has {self.distance} and {self.field_of_view}"
            )


def body_axes(
    left: Float[Tensor, "clip 3"], right: Float[Tensor, "clip 3"]
) -> Float[Tensor, "clip 3 3"]:
    """Return as columns where the person's left, up and front point, for shoulders in a Y-up world.

    Args:
        left: Left shoulder, metres.
        right: Right shoulder, metres.
    """
    across = left - right
    across = across * across.new_tensor([1.0, 0.0, 1.0])
    across = torch.nn.functional.normalize(across, dim=-1)
    up = across.new_tensor([0.0, 1.0, 0.0]).expand_as(across)
    return torch.stack([across, up, torch.linalg.cross(across, up)], dim=-1)


def project(
    points: Float[Tensor, "frame joint 3"],
    clip: Int[Tensor, " frame"],
    centres: Float[Tensor, "clip 3"],
    axes: Float[Tensor, "clip 3 3"],
    cameras: CameraRange,
    generator: torch.Generator,
    nearest: float = 0.2,
) -> Float[Tensor, "frame joint 2"]:
    """See each clip through one camera that stands still; see `view`.

    Returns:
        Pixels, y down; NaN where ``points`` are.
    """
    seen, focal, _ = view(points, clip, centres, axes, cameras, generator, nearest)
    width, height = cameras.image_size
    pixels = seen[..., :2] / seen[..., 2:] * focal[clip][:, None, None]
    return pixels + pixels.new_tensor([width / 2, height / 2])


def view(
    points: Float[Tensor, "frame joint 3"],
    clip: Int[Tensor, " frame"],
    centres: Float[Tensor, "clip 3"],
    axes: Float[Tensor, "clip 3 3"],
    cameras: CameraRange,
    generator: torch.Generator,
    nearest: float = 0.2,
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, " clip"], Float[Tensor, "clip 3 4"]]:
    """Bring each clip into the frame of one camera that stands still.

    A camera that would have a joint nearer than ``nearest`` to its plane moves back along its
    optical axis, so that all joints of a clip are in front of it. Joints outside the image are
    kept.

    Args:
        points: Metres, world coordinates; NaN where missing.
        clip: To which clip a frame belongs.
        centres: Middle of the shoulders of each clip, metres.
        axes: Left, up and front of the person of each clip, see `body_axes`.
        cameras: Where the cameras stand.
        generator: Draws them.
        nearest: Metres.

    Returns:
        Metres, x right, y down, z ahead, NaN where ``points`` are; focal lengths in pixels; and
        turn and shift from the world into the cameras' frames.
    """
    draw = _Draw(len(centres), generator)
    azimuth, elevation = draw.angle(cameras.azimuth), draw.angle(cameras.elevation)
    toward = torch.stack(
        [azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], dim=-1
    )
    distance = draw.number(cameras.distance)
    target = centres - axes[:, :, 1] * draw.number(cameras.aim)[:, None]
    if any(cameras.aside):
        target = target + axes[:, :, 0] * draw.number(cameras.aside)[:, None]
    position = centres + (axes @ toward[..., None])[..., 0] * distance[:, None]
    rotation = _look_at(position, target, draw.angle(cameras.roll))
    seen = torch.einsum("nij,nkj->nki", rotation[clip], points - position[clip][:, None])
    depth = seen[..., 2].nan_to_num(torch.inf).amin(dim=-1)
    closest = torch.full_like(distance, torch.inf).scatter_reduce(0, clip, depth, "amin")
    back = (nearest - closest).clamp_min(0)
    back = torch.stack([torch.zeros_like(back), torch.zeros_like(back), back], dim=-1)
    focal = cameras.image_size[0] / 2 / torch.tan(draw.angle(cameras.field_of_view) / 2)
    shift = back - (rotation @ position[..., None])[..., 0]
    return seen + back[clip][:, None], focal, torch.cat([rotation, shift[..., None]], dim=-1)


@dataclass(frozen=True)
class _Draw:
    """Evenly distributed numbers, one a clip."""

    size: int
    generator: torch.Generator

    def number(self, bounds: Range) -> Tensor:
        low, high = bounds
        return low + (high - low) * torch.rand(self.size, generator=self.generator)

    def angle(self, degrees: Range) -> Tensor:
        return self.number(degrees) * (math.pi / 180)


def _look_at(position: Tensor, target: Tensor, roll: Tensor) -> Tensor:
    """Return ``[clip, 3, 3]`` rotations into x right, y down, z ahead."""
    ahead = torch.nn.functional.normalize(target - position, dim=-1)
    up = ahead.new_tensor([0.0, 1.0, 0.0]).expand_as(ahead)
    right = torch.nn.functional.normalize(torch.linalg.cross(ahead, up), dim=-1)
    down = torch.linalg.cross(ahead, right)
    cos, sin = roll.cos()[:, None], roll.sin()[:, None]
    return torch.stack([cos * right + sin * down, cos * down - sin * right, ahead], dim=-2)
