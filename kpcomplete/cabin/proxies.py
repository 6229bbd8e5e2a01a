"""What of the car hides joints, as boxes, capsules and rings."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kpcomplete.cabin.rays import Boxes, Capsules, Rings, Solids
from kpcomplete.cabin.shapes import Block, Pipe, Shape
from kpcomplete.cabin.vehicle import Wheel

Array = NDArray[np.float64]

#: A box with round edges hides a little less than one with sharp ones: share of the edges' radius
#: by which the box that stands for it is smaller on each side.
CUT = 0.25


def still(shapes: Sequence[Shape]) -> list[Solids]:
    """Solids of shapes that stand still."""
    blocks = [shape for shape in shapes if isinstance(shape, Block)]
    pipes = [shape for shape in shapes if isinstance(shape, Pipe)]
    solids: list[Solids] = []
    if blocks:
        turns = np.stack([block.turn for block in blocks])
        centers = np.stack([block.turn @ block.center + block.shift for block in blocks])
        halves = np.stack([block.size / 2.0 - CUT * block.edge for block in blocks])
        solids.append(boxes(centers[None], turns[None], halves))
    if pipes:
        ends = [np.stack([p.path[0], p.path[-1]]) @ p.turn.T + p.shift for p in pipes]
        start, end = np.stack(ends, axis=1)
        radius = np.array([pipe.radius for pipe in pipes])
        solids.append(capsules(start[None], end[None], radius))
    return solids


def steered(wheel: Wheel, turn: Array) -> list[Solids]:
    """Rim, hub and spokes of the wheel, turned by angles in radians, shape (T,)."""
    plane, middle = wheel.plane(turn), np.asarray(wheel.center)
    hub, spokes = wheel.inner()[0], wheel.inner()[1:]
    assert isinstance(hub, Block)
    ends = np.stack([[s.path[0], s.path[-1]] for s in spokes if isinstance(s, Pipe)])
    placed = np.einsum("tij,kej->tkei", plane, ends) + middle
    radius = np.array([spoke.radius for spoke in spokes if isinstance(spoke, Pipe)])
    return [
        Rings(
            center=_tensor(middle[None]),
            normal=_tensor(wheel.plane(0.0)[None, :, 1]),
            radius=_tensor(np.array([wheel.radius])),
            thick=_tensor(np.array([wheel.grip])),
        ),
        boxes(
            (plane @ hub.center + middle)[:, None],
            plane[:, None],
            hub.size[None] / 2.0 - CUT * hub.edge,
        ),
        capsules(placed[:, :, 0], placed[:, :, 1], radius),
    ]


def boxes(centers: Array, turns: Array, halves: Array) -> Boxes:
    """Boxes from centres (T or 1, K, 3), rotations (T or 1, K, 3, 3) and half sides (K, 3)."""
    unfold = np.swapaxes(turns, -1, -2) / halves[..., None]
    return Boxes(center=_tensor(centers), unfold=_tensor(unfold))


def capsules(start: Array, end: Array, radius: Array) -> Capsules:
    """Capsules from ends (T or 1, K, 3) and radii (K,)."""
    return Capsules(start=_tensor(start), end=_tensor(end), radius=_tensor(radius))


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
