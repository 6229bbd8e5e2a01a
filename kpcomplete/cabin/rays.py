"""Where rays enter simple solids: boxes, capsules, ellipsoids and rings, many frames at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_STEPS = 4  # until a ray's nearest place to a ring is found


@dataclass(frozen=True, kw_only=True)
class Rays:
    """J rays from one point in each of T frames.

    Attributes:
        origin: metres, shape (T, 3).
        ways: directions of length one, shape (T, J, 3).
    """

    origin: Tensor
    ways: Tensor


@dataclass(frozen=True, kw_only=True)
class Capsules:
    """K round bars with round ends.

    Attributes:
        start, end: of their middle lines, metres, shape (T or 1, K, 3).
        radius: metres, shape (K,).
    """

    start: Tensor
    end: Tensor
    radius: Tensor

    def enter(self, rays: Rays) -> Tensor:
        """Metres after which each ray enters, infinite where it passes, shape (T, J, K).

        After Inigo Quilez's intersection of a ray and a capsule.
        """
        axis, off = self.end - self.start, rays.origin[:, None] - self.start
        long, behind = (_dot(axis, other) for other in (axis, off))
        square, away = self.radius**2, _dot(off, off)
        along, near = rays.ways @ axis.mT, rays.ways @ off.mT
        a = (long - along * along).clamp_min(1e-9)
        b = long * near - behind * along
        found = b * b - a * (long * away - behind * behind - square * long)
        wall = (-b - found.clamp_min(0).sqrt()) / a
        foot = behind + wall * along
        last = foot >= long
        # the ball at the end that the foot is nearest to
        near = torch.where(last, near - along, near)
        far = torch.where(last, away - 2 * behind + long, away)
        round_ = near * near - far + square
        ball = -near - round_.clamp_min(0).sqrt()
        inside = (foot > 0) & ~last
        enter = torch.where(inside, wall, ball)
        met = (found >= 0) & (inside | (round_ >= 0)) & (enter > 0)
        return torch.where(met, enter, torch.inf)


@dataclass(frozen=True, kw_only=True)
class Warped:
    """K solids that are simple in a space of their own.

    Attributes:
        center: metres, shape (T or 1, K, 3).
        unfold: from the frame of the rays into the own, where the solid reaches from -1 to 1,
            shape (T or 1, K, 3, 3).
    """

    center: Tensor
    unfold: Tensor

    def own(self, rays: Rays) -> list[tuple[Tensor, Tensor]]:
        """Axis by axis, origin (T, 1, K) and direction (T, J, K) of the rays in the own space."""
        off = (self.unfold @ (rays.origin[:, None] - self.center)[..., None])[..., 0]
        return [(off[:, None, :, i], rays.ways @ self.unfold[:, :, i].mT) for i in range(3)]


class Balls(Warped):
    """Ellipsoids: balls of radius 1 in their own space."""

    def enter(self, rays: Rays) -> Tensor:
        """Metres after which each ray enters, infinite where it passes, shape (T, J, K)."""
        (x, u), (y, v), (z, w) = self.own(rays)
        a, b = u * u + v * v + w * w, u * x + v * y + w * z
        found = b * b - a * (x * x + y * y + z * z - 1)
        enter = (-b - found.clamp_min(0).sqrt()) / a
        return torch.where((found >= 0) & (enter > 0), enter, torch.inf)


class Boxes(Warped):
    """Boxes: cubes from -1 to 1 in their own space."""

    def enter(self, rays: Rays) -> Tensor:
        """Metres after which each ray enters, infinite where it passes, shape (T, J, K)."""
        enter, leave = None, None
        for off, way in self.own(rays):
            slow = 1 / way  # infinite where parallel to the sides
            middle, half = -off * slow, slow.abs()
            low, high = middle - half, middle + half
            enter = low if enter is None else torch.maximum(enter, low)
            leave = high if leave is None else torch.minimum(leave, high)
        assert enter is not None
        assert leave is not None
        return torch.where((enter <= leave) & (enter > 0), enter, torch.inf)


@dataclass(frozen=True, kw_only=True)
class Rings:
    """K thin rings.

    Attributes:
        center: metres, shape (K, 3).
        normal: of the plane, shape (K, 3).
        radius: to the middle of the tube, metres, shape (K,).
        thick: radius of the tube, metres, shape (K,).
    """

    center: Tensor
    normal: Tensor
    radius: Tensor
    thick: Tensor

    def enter(self, rays: Rays) -> Tensor:
        """Metres after which each ray comes nearest to a tube that it meets, shape (T, J, K).

        Seen along the axis, a ray crosses the ring's middle at most twice; from either place it is
        a few steps to where ray and ring are nearest to each other.
        """
        off = rays.origin[:, None, None] - self.center  # (T, 1, K, 3)
        way = rays.ways[:, :, None]
        flat_off, flat_way = (
            v - (v * self.normal).sum(dim=-1, keepdim=True) * self.normal for v in (off, way)
        )
        a = (flat_way * flat_way).sum(dim=-1).clamp_min(1e-9)
        b = (flat_way * flat_off).sum(dim=-1)
        found = b * b - a * ((flat_off * flat_off).sum(dim=-1) - self.radius**2)
        root = found.clamp_min(0).sqrt()
        nearest = torch.full_like(b, torch.inf)
        for sign in (1.0, -1.0):  # the nearer place last
            enter = (sign * root - b) / a
            for _ in range(_STEPS):
                flat = flat_off + enter[..., None] * flat_way
                middle = self.radius[:, None] * torch.nn.functional.normalize(flat, dim=-1)
                enter = ((middle - off) * way).sum(dim=-1)
            gap = (off + enter[..., None] * way - middle).norm(dim=-1)
            met = (gap <= self.thick) & (enter > 0)
            nearest = torch.where(met, enter, nearest)
        return nearest


Solids = Capsules | Balls | Boxes | Rings


def first(solids: Sequence[Solids], rays: Rays) -> Tensor:
    """Metres after which each ray enters any of the solids, infinite where none, shape (T, J)."""
    enters = [solid.enter(rays).amin(dim=-1) for solid in solids]
    return torch.stack(enters).amin(dim=0)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Products of vectors (T, K, 3), shape (T, 1, K)."""
    return (one * other).sum(dim=-1)[:, None]
