"""Which joints a camera sees, frame upon frame, with solids instead of surfaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.landmarks import FLESH, NAMES
from kpcomplete.cabin.nearness import measured
from kpcomplete.cabin.padding import Padding
from kpcomplete.cabin.profile import FACE
from kpcomplete.cabin.rays import Rays, Solids, first
from kpcomplete.cabin.visibility import (
    CAUSES,
    CLOTH,
    DEPTHS,
    MEETING,
    OBJECT,
    OTHER,
    OUTSIDE,
    SELF,
    VEHICLE,
    VISIBLE,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Actor:
    """One person over T frames.

    Attributes:
        joints: the 33 landmarks in the vehicle frame, metres, shape (T, 33, 3).
        turns: of the bones away from rest, shape (T, B, 3, 3).
        padding: what of the person hides things.
        body: the same in each frame.
    """

    joints: Array
    turns: Array
    padding: Padding
    body: Sequence[Solids]


def causes(
    camera: Camera,
    actors: Mapping[str, Actor],
    vehicle: Sequence[Solids],
    objects: Sequence[Solids] = (),
) -> dict[str, NDArray[np.uint8]]:
    """Why each joint is seen or not; the rule is that of `visibility.causes`.

    Args:
        camera: that looks.
        actors: seat -> person.
        vehicle: what of the car hides things.
        objects: what people hold.

    Returns:
        Seat -> index into `CAUSES`, shape (T, 33).
    """
    return {
        seat: _causes(
            camera,
            actor,
            [vehicle, [s for o, a in actors.items() if o != seat for s in a.body], objects],
        )
        for seat, actor in actors.items()
    }


def _causes(camera: Camera, actor: Actor, others: Sequence[Sequence[Solids]]) -> NDArray[np.uint8]:
    seen = camera.view(actor.joints)
    with torch.no_grad():
        rays, distance = _toward(camera, actor)
        own, part = met(actor, rays)
        allowed = tolerances(actor.padding)[torch.arange(len(NAMES)), part]
        hidden = distance - own > allowed
        away = actor.padding.turned_away(actor.turns, actor.joints, camera.center)
        hidden[:, :FACE] |= torch.from_numpy(away)
        codes = torch.where(hidden, _code(SELF), _code(VISIBLE))
        nearest = torch.minimum(own, distance)
        for name, solids in zip((VEHICLE, OTHER, OBJECT), others, strict=True):
            if solids:
                enter = first(solids, rays)
                codes = torch.where(enter < nearest, _code(name), codes)
                nearest = torch.minimum(nearest, enter)
    outside = ~camera.holds(seen)
    found: NDArray[np.uint8] = np.where(outside, CAUSES.index(OUTSIDE), codes.numpy())
    return found.astype(np.uint8)


def before(camera: Camera, actor: Actor) -> tuple[Array, NDArray[np.int64]]:
    """How far before its joints a person's own body is met, and which part of it.

    Returns:
        Metres, negative behind the joint and minus infinity where nothing is met, and index into
        `Padding.parts`, both of shape (T, 33).
    """
    with torch.no_grad():
        rays, distance = _toward(camera, actor)
        own, part = met(actor, rays)
        return (distance - own).numpy(), part.numpy()


def met(actor: Actor, rays: Rays) -> tuple[Tensor, Tensor]:
    """Metres after which rays enter a body, and the part of it that they enter, (T, 33) each."""
    return torch.cat([solid.enter(rays) for solid in actor.body], dim=-1).min(dim=-1)


def _toward(camera: Camera, actor: Actor) -> tuple[Rays, Tensor]:
    """Rays from a camera to the joints, and how far these are, metres, shape (T, 33)."""
    ways = actor.joints - camera.center
    far = np.linalg.norm(ways, axis=-1)
    rays = Rays(
        origin=torch.as_tensor(camera.center, dtype=torch.float32).expand(len(ways), 3),
        ways=torch.from_numpy((ways / far[..., None]).astype(np.float32)),
    )
    return rays, torch.from_numpy(far.astype(np.float32))


def tolerances(padding: Padding) -> Tensor:
    """How far before a joint its own body may be hit, metres, shape (33, parts of the body).

    Bars and balls are not quite where the skin is, so most are measured; others follow the rule of
    `visibility.causes`.
    """
    meets = np.array([[owner in FLESH.get(name, ()) for owner in padding.owners] for name in NAMES])
    limits = np.where(meets, MEETING, DEPTHS) * padding.depth[:, None] + CLOTH
    fitted = measured(padding.parts)
    limits = np.where(np.isnan(fitted), limits, fitted)
    limits[:FACE, [owner == "head" for owner in padding.owners]] = np.inf  # see Padding.profile
    return torch.from_numpy(limits.astype(np.float32))


def _code(cause: str) -> Tensor:
    return torch.tensor(CAUSES.index(cause), dtype=torch.uint8)
