"""The same person seen straight ahead and at arm's length: what networks get, and give back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete.car import SHOULDERS
from kpcomplete.lifter.sight import Sight, is_mounted
from kpcomplete.skeleton import CANONICAL, Skeleton

P = ParamSpec("P")
R = TypeVar("R")
METRES = 0.36
"""A body unit of a grown-up, between both shoulders."""

# Lengths of bones in body units, and how much of it each vouches for: the longest tells the size,
# since foreshortening only shrinks, but arms that reach for the camera must not be believed.
BONES = {
    ("left_shoulder", "right_shoulder"): (1.0, 1.0),
    ("left_shoulder", "left_hip"): (1.25, 0.85),
    ("right_shoulder", "right_hip"): (1.25, 0.85),
    ("left_shoulder", "left_elbow"): (0.85, 0.7),
    ("right_shoulder", "right_elbow"): (0.85, 0.7),
}
NECK = 1 / 1.5  # nose to the middle of the shoulders
FARTHEST = 8.0  # body units from the middle of the shoulders; what is seen beyond is not told apart
LEAST = 0.02  # radians a body unit: a person 18 m away
MISSED = 0.12
"""Metres by which a ray usually misses the place of the shoulders of whoever sits there."""
SHARP = 0.15
"""Body units; a place in the image that is less certain does not pull a joint onto its ray."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Placing:
    """Where the person is seen, and how large, frame by frame.

    Attributes:
        turn: From the camera's frame to one that looks at the middle of the shoulders.
        unit: Radians that a body unit spans.
        rays: The sight's, turned.
        places: Radians from the middle over ``unit``, right and down; 0 where not given.
    """

    turn: Float[Tensor, "batch time 3 3"]
    unit: Float[Tensor, "batch time"]
    rays: Float[Tensor, "batch time joint 3"]
    places: Float[Tensor, "batch time joint 2"]


def over_time(
    values: Float[Tensor, "batch time"], weights: Float[Tensor, "batch time"], *, causal: bool
) -> Float[Tensor, "batch time"]:
    """Return the weighted mean over the window, or over the past of each frame."""
    total, count = values * weights, weights
    if causal:
        total, count = total.cumsum(dim=1), count.cumsum(dim=1)
    else:
        total = total.sum(dim=1, keepdim=True).expand_as(total)
        count = count.sum(dim=1, keepdim=True).expand_as(count)
    return total / count.clamp_min(1e-6)


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of geometry compute in full precision also where networks do not."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return guarded


@exact
def place(sight: Sight, *, causal: bool) -> Placing:
    """Find the person, by what is given and nothing else."""
    skeleton = Skeleton.load(CANONICAL)
    shoulders = skeleton.indices(["left_shoulder", "right_shoulder"])
    given = sight.given[..., None].to(sight.rays)
    both = given[:, :, shoulders].amin(dim=2, keepdim=True)
    weight = torch.where(both > 0, torch.zeros_like(given), given + 1e-6)
    weight[:, :, shoulders] = torch.maximum(both.expand(-1, -1, 2, -1), weight[:, :, shoulders])
    middle = torch.nn.functional.normalize((weight * sight.rays).sum(dim=2), dim=-1)
    turn = _toward(middle)
    rays = torch.einsum("btij,btkj->btki", turn, sight.rays)
    aside = rays[..., :2].norm(dim=-1)
    angle = torch.atan2(aside, rays[..., 2])
    flat = rays[..., :2] * (angle / aside.clamp_min(1e-6))[..., None] * given
    size, known = _size(flat, sight.given)
    unit = over_time(size.log(), known.to(size) + 1e-6, causal=causal).exp()
    places = (flat / unit[..., None, None]).clamp(-FARTHEST, FARTHEST)
    return Placing(turn=turn, unit=unit, rays=rays, places=places)


def features(sight: Sight, placing: Placing) -> Float[Tensor, "batch time feature"]:
    """Return what a network sees of each frame."""
    std = (sight.std / placing.unit[..., None]).clamp_max(2.0)
    parts = [
        placing.places.flatten(2),
        sight.given.to(std),
        sight.seen.to(std),
        std,
        placing.unit[..., None].log() + 1,
        in_car(sight.mounting, placing),
    ]
    return torch.cat(parts, dim=-1)


@exact
def in_car(
    mounting: Float[Tensor, "batch time 3 4"], placing: Placing
) -> Float[Tensor, "batch time place"]:
    """Return how the car lies about the person, where that is known; 0 elsewhere.

    How wide somebody is in the image tells the distance of a child as badly as that of a grown-up;
    whoever sits in a seat is where the seat is.

    Returns:
        Up and back as the person is looked at, where in the car the camera is; for people in front
        and in the rear where they would sit, metres, and how large they would be there (logarithm
        of body units over the usual one); and 1.
    """
    turn, shift = mounting[..., :3], mounting[..., 3:]
    known = is_mounted(mounting)[..., None].to(mounting)
    turned = placing.turn @ turn
    camera = -(turn.transpose(-1, -2) @ shift)[..., 0]  # ONNX knows no mT
    ahead = turned[..., 2, :]
    parts = [turned[..., 2], turned[..., 1], camera]
    for seats in torch.from_numpy(ROWS).to(mounting):
        to = seats - camera[..., None, :]
        along = (to @ ahead[..., None])[..., 0]
        missed = (to - along[..., None] * ahead[..., None, :]).square().sum(dim=-1)
        nearer = torch.softmax(-missed / (2 * MISSED**2), dim=-1)
        far = (nearer * along).sum(dim=-1, keepdim=True).clamp_min(NEAREST)
        parts += [camera + far * ahead, (far * placing.unit[..., None] / METRES).log()]
    return known * torch.cat([*parts, torch.ones_like(known)], dim=-1)


NEAREST = 0.15
"""Metres; nobody sits nearer to a camera."""
ROWS = SHOULDERS.reshape(-1, 2, 3)  # of seats
IN_CAR = 10 + 4 * len(ROWS)
FEATURES = 5 * len(Skeleton.load(CANONICAL)) + 1 + IN_CAR
OUTPUTS = 5 * len(Skeleton.load(CANONICAL)) + 2
"""Of each joint x, y, z beside its place and the logarithm of its deviation; of each joint how
little its place in the image is to be believed; two sizes."""
BELIEVED = 3.0  # what is taken off that: who knows nothing believes the detector


@exact
def pose(
    outputs: Float[Tensor, "batch time output"], sight: Sight, placing: Placing, *, causal: bool
) -> tuple[Tensor, Tensor]:
    """Return points ``[B, T, J, 3]`` in the camera's frame and deviations ``[B, T, J]``, metres.

    A network says where joints are relative to the root, in metres. Where the root is follows from
    the rays; then every joint moves onto its ray, as far as that is certain and believed:
    detectors put hidden hips where there are none.
    """
    outputs = outputs.float()
    count = sight.given.shape[-1]
    joints = outputs[..., : 4 * count].reshape(*sight.given.shape, 4)
    doubt = (2 * (outputs[..., 4 * count : 5 * count] - BELIEVED).clamp(-9, 3)).exp()
    given = sight.given[..., None].to(outputs)
    base = torch.cat([placing.places * given, torch.zeros_like(given)], dim=-1)
    size, far = outputs[..., -2], outputs[..., -1]
    even = torch.ones_like(size)
    metres = METRES * over_time(size, even, causal=causal).exp()  # a body does not change its size
    shape = metres[..., None, None] * (base + joints[..., :3])
    std = (sight.std / placing.unit[..., None]).square()
    trust = sight.given.to(outputs) / (1 + std / SHARP**2 + doubt)
    first = metres / placing.unit * far.clamp(-1.5, 1.5).exp()
    root = _root(shape, placing, trust, first)
    solid = root[:, :, None] + shape
    along = (solid * placing.rays).sum(dim=-1, keepdim=True).clamp_min(0.05)
    solid = solid + trust[..., None] * (along * placing.rays - solid)
    points = torch.einsum("btji,btkj->btki", placing.turn, solid)
    return points, metres[..., None] * joints[..., 3].clamp(-6, 3).exp()


def _root(shape: Tensor, placing: Placing, trust: Tensor, first: Tensor) -> Tensor:
    """Return where the root must be for the joints to come nearest to their rays, ``[B, T, 3]``.

    Least squares of the distances across the rays. Rays of somebody far away are nearly parallel:
    they say little of the distance, and the network's ``first`` guess decides.
    """
    across = torch.eye(3).to(shape) - placing.rays[..., :, None] * placing.rays[..., None, :]
    weighted = across * trust[..., None, None]
    matrix = weighted.sum(dim=2)
    right = -torch.einsum("btkij,btkj->bti", weighted, shape)
    pull = 0.1 * placing.unit.square() * (trust.sum(dim=-1) + 1)
    ahead = torch.stack([torch.zeros_like(first), torch.zeros_like(first), first], dim=-1)
    matrix = matrix + pull[..., None, None] * torch.eye(3).to(shape)
    right = right + pull[..., None] * ahead
    root = _solved(matrix, right)
    # nobody sits behind the camera
    return torch.cat([root[..., :2], root[..., 2:].clamp_min(0.1)], dim=-1)


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Return x of ``matrix @ x = right``, symmetric matrices ``[..., 3, 3]``."""
    if not torch.onnx.is_in_onnx_export():
        solved: Tensor = torch.linalg.solve(matrix, right)
        return solved
    rows = matrix.unbind(dim=-2)  # ONNX knows no equations: by determinants
    across = [_cross(rows[(i + 1) % 3], rows[(i + 2) % 3]) for i in range(3)]
    volume = (rows[0] * across[0]).sum(dim=-1, keepdim=True)
    parts = [across[i] * right[..., i : i + 1] for i in range(3)]
    return (parts[0] + parts[1] + parts[2]) / volume


def _cross(first: Tensor, second: Tensor) -> Tensor:
    a, b, c = first.unbind(dim=-1)
    x, y, z = second.unbind(dim=-1)
    return torch.stack([b * z - c * y, c * x - a * z, a * y - b * x], dim=-1)


def _toward(middle: Tensor) -> Tensor:
    """Return the smallest rotations that bring unit vectors ``[..., 3]`` to z."""
    x, y, z = middle.unbind(dim=-1)
    w = 1 / (1 + z).clamp_min(1e-3)
    rows = [1 - x * x * w, -x * y * w, -x, -x * y * w, 1 - y * y * w, -y, x, y, z]
    return torch.stack(rows, dim=-1).view(*middle.shape, 3)


def _size(flat: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
    """Return radians a body unit ``[B, T]``, and where these are known."""
    skeleton = Skeleton.load(CANONICAL)
    nose, left, right = skeleton.indices(["nose", "left_shoulder", "right_shoulder"])
    ends = [skeleton.indices(bone) for bone in BONES]
    first, second = (list(side) for side in zip(*ends, strict=True))
    factor = flat.new_tensor([share / length for length, share in BONES.values()])
    bones = (flat[:, :, first] - flat[:, :, second]).norm(dim=-1) * factor
    bones = bones * (given[:, :, first] & given[:, :, second])
    neck = (flat[:, :, left] + flat[:, :, right]) / 2
    head = (flat[:, :, nose] - neck).norm(dim=-1) / NECK
    head = head * (given[:, :, nose] & given[:, :, left] & given[:, :, right])
    size = torch.maximum(bones.amax(dim=-1), head)
    return size.clamp_min(LEAST), size > LEAST
