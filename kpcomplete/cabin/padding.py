"""Bodies as capsules and ellipsoids about their bones, fitted to the skin at rest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from kpcomplete.cabin import landmarks
from kpcomplete.cabin.mesh import Triangles
from kpcomplete.cabin.profile import FACE, profile, toward
from kpcomplete.cabin.rays import Balls, Boxes, Capsules, Solids
from kpcomplete.cabin.reach import frame

Array = NDArray[np.float64]

CLOTHES = 0.006  # metres that clothes stand off the skin
_KNUCKLES = ("wrist", "finger2-1", "finger3-1", "finger5-1")
#: Part of the body -> bones whose heads are the ends of a capsule, bones whose skin it holds, and
#: the share of the way between the ends at which it begins and ends.
BARS: dict[str, tuple[tuple[str, str], tuple[str, ...], tuple[float, float]]] = {
    "arm.upper": (("upperarm01", "lowerarm01"), ("upperarm01",), (0.0, 0.3)),
    "arm.lower": (("upperarm01", "lowerarm01"), ("upperarm02",), (0.3, 1.0)),
    "forearm.upper": (("lowerarm01", "wrist"), ("lowerarm01",), (0.0, 0.5)),
    "forearm.lower": (("lowerarm01", "wrist"), ("lowerarm02",), (0.5, 1.0)),
    "hand.thumb": (("finger1-1", "finger1-3"), ("finger1-2", "finger1-3"), (0.2, 1.4)),
    "leg.thigh": (("upperleg01", "lowerleg01"), ("upperleg01",), (0.1, 0.45)),
    "leg.above": (("upperleg01", "lowerleg01"), ("upperleg02",), (0.45, 1.0)),
    "leg.shin": (("lowerleg01", "foot"), ("lowerleg01",), (0.0, 0.5)),
    "leg.below": (("lowerleg01", "foot"), ("lowerleg02",), (0.5, 1.0)),
    "foot": (("foot", "toe3-1"), ("foot",), (0.0, 1.2)),
    "neck": (("neck01", "head"), ("neck",), (0.0, 1.0)),
}
#: Part of the body -> bone it moves with, and bones whose skin it holds.
BALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "torso.hips": ("root", ("root", "pelvis", "spine05")),
    "torso.belly": ("spine04", ("spine05", "spine04", "spine03")),
    "torso.chest": ("spine02", ("spine03", "spine02", "spine01")),
    "torso.yoke": ("spine01", ("spine01", "clavicle", "shoulder")),
    "head": ("head", ("head",)),
}

#: Part of a hand -> bone it moves with, and bones whose skin it holds: hands are flat.
SLABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "palm": ("wrist", ("wrist", "metacarpal")),
    "fingers": ("finger3-1", tuple(f"finger{i}-1" for i in range(2, 6))),
    "tips": ("finger3-2", tuple(f"finger{i}-{j}" for i in range(2, 6) for j in (2, 3))),
}


@dataclass(frozen=True)
class Padding:
    """What of one body hides things.

    Attributes:
        bars: bones at both ends of each capsule, shape (K, 2).
        along: shares of the way between them at which it begins and ends, shape (K, 2).
        radius: metres, shape (K,).
        bones: bone that each ellipsoid moves with, shape (E,).
        centers: before that bone, at rest, metres, shape (E, 3).
        sizes: half axes along the vehicle's at rest, metres, shape (E, 3).
        slabs: bone that each box of the hands moves with, shape (H,).
        middles: before that bone, at rest, metres, shape (H, 3).
        folds: from the vehicle's frame at rest into a box' own, where it reaches from -1 to 1,
            shape (H, 3, 3).
        parts: name of each capsule, then of each ellipsoid, then of each box: a key of `BARS`,
            `BALLS` or `SLABS`, and the side, if any: "forearm.upper.L", "torso.belly", "palm.R".
        depth: how deep each landmark lies below the skin, metres, shape (33,).
        head: bone that the head moves with.
        profile: whether the head itself hides its own landmarks (the first of `landmarks.NAMES`)
            seen from some direction at rest, shape (11, ROWS, 2 ROWS); see `profile`.
    """

    bars: NDArray[np.int64]
    along: Array
    radius: Array
    bones: NDArray[np.int64]
    centers: Array
    sizes: Array
    slabs: NDArray[np.int64]
    middles: Array
    folds: Array
    parts: tuple[str, ...]
    depth: Array
    head: int
    profile: NDArray[np.bool_]

    @property
    def owners(self) -> tuple[str, ...]:
        """Part of the body that each of `parts` belongs to: "arm.L", "torso", "hand.L"."""
        return tuple(_owner(part) for part in self.parts)

    def posed(self, turns: Array, heads: Array) -> list[Solids]:
        """Capsules and ellipsoids of T postures.

        Args:
            turns: of the bones away from rest, shape (T, B, 3, 3).
            heads: where bones begin, metres, shape (T, B, 3).
        """
        ends = heads[:, self.bars]  # (T, K, 2, 3)
        way = ends[:, :, 1] - ends[:, :, 0]
        start, end = (ends[:, :, 0] + self.along[:, i, None] * way for i in range(2))
        turn = turns[:, self.bones]
        center = heads[:, self.bones] + (turn @ self.centers[..., None])[..., 0]
        unfold = np.swapaxes(turn, -1, -2) / self.sizes[..., None]
        return [
            Capsules(start=_tensor(start), end=_tensor(end), radius=_tensor(self.radius)),
            Balls(center=_tensor(center), unfold=_tensor(unfold)),
            self._hands(turns, heads),
        ]

    def _hands(self, turns: Array, heads: Array) -> Boxes:
        turn = turns[:, self.slabs]
        center = heads[:, self.slabs] + (turn @ self.middles[..., None])[..., 0]
        return Boxes(center=_tensor(center), unfold=_tensor(self.folds @ np.swapaxes(turn, -1, -2)))

    @property
    def used(self) -> NDArray[np.int64]:
        """Bones that matter, ascending."""
        return np.asarray(np.unique([*self.bars.ravel(), *self.bones, *self.slabs, self.head]))

    def turned_away(self, turns: Array, joints: Array, center: Array) -> NDArray[np.bool_]:
        """Whether the head hides its own landmarks.

        Args:
            turns: of the bones away from rest, shape (T, B, 3, 3).
            joints: landmarks, metres, shape (T, 33, 3).
            center: of the camera, metres, shape (3,).

        Returns:
            Shape (T, 11).
        """
        row, column = toward((center - joints[:, :FACE]) @ turns[:, self.head])
        away: NDArray[np.bool_] = self.profile[np.arange(FACE), row, column]
        return away


class Tailor:
    """Fits paddings to bodies; which vertex belongs to which bone is worked out once.

    Args:
        names: of the bones.
        skin: how much each vertex moves with each bone, shape (V, B).
        triangles: of the skin, shape (F, 3).
        outer: whether a vertex is on the outside, shape (V,).
    """

    def __init__(
        self, names: list[str], skin: Array, triangles: Triangles, outer: NDArray[np.bool_]
    ) -> None:
        self.names, owner = names, skin.argmax(axis=1)
        of = {name: (owner == i) & outer for i, name in enumerate(names)}
        self.outer = np.flatnonzero(outer)
        head = _union(of, ("head",), "")
        self._head = triangles[np.isin(triangles, head).all(axis=1)]
        self._bars = {
            f"{part}|{side}": (ends, _union(of, bones, side), along)
            for part, (ends, bones, along) in BARS.items()
            for side in ((".L", ".R") if part != "neck" else ("",))
        }
        self._slabs = {
            part + side: (bone + side, _union(of, bones, side))
            for part, (bone, bones) in SLABS.items()
            for side in (".L", ".R")
        }
        self._balls = {part: (bone, _union(of, bones, "")) for part, (bone, bones) in BALLS.items()}

    def _flat(self, vertices: Array, heads: Array) -> tuple[list[int], list[Array], list[Array]]:
        """Bones, middles and folds of the boxes of both hands."""
        index = {name: i for i, name in enumerate(self.names)}
        bones, middles, folds = [], [], []
        for part, (bone, mine) in self._slabs.items():
            side = part[-2:]
            at = {name: heads[index[name + side]] for name in _KNUCKLES}
            along, across = at["finger3-1"] - at["wrist"], at["finger2-1"] - at["finger5-1"]
            axes = frame(along, across)
            points = (vertices[mine] - heads[index[bone]]) @ axes
            low, high = np.percentile(points, (4.0, 96.0), axis=0)
            bones.append(index[bone])
            middles.append(axes @ (low + high) / 2.0)
            folds.append((2.0 / (high - low))[:, None] * axes.T)
        return bones, middles, folds

    def fit(self, vertices: Array, heads: Array, points: Mapping[str, Array]) -> Padding:
        """The padding of a body at rest.

        Args:
            vertices: of the skin, metres, shape (V, 3).
            heads: where bones begin, metres, shape (B, 3).
            points: landmark -> where it is, metres, shape (3,).
        """
        index = {name: i for i, name in enumerate(self.names)}
        bars, shares, radii = [], [], []
        for part, (ends, mine, along) in self._bars.items():
            name, side = part.split("|")
            pair = [index[bone + side] for bone in ends]
            bars.append(pair)
            shares.append(along)
            radius = _radius(vertices[mine], heads[pair[0]], heads[pair[1]])
            radii.append(radius + (0.0 if name.startswith("hand") else CLOTHES))
        bones, centers, sizes = [], [], []
        for bone, mine in self._balls.values():
            center, size = _ellipsoid(vertices[mine])
            bones.append(index[bone])
            centers.append(center - heads[index[bone]])
            sizes.append(size + CLOTHES)
        slabs, middles, folds = self._flat(vertices, heads)
        names = [part.replace("|", "") for part in self._bars]
        places = np.stack([points[name] for name in landmarks.NAMES])
        gaps = KDTree(vertices[self.outer]).query(places)[0]
        return Padding(
            np.array(bars), np.array(shares), np.array(radii), np.array(bones),
            np.array(centers), np.array(sizes), np.array(slabs), np.array(middles),
            np.array(folds), (*names, *self._balls, *self._slabs), gaps, index["head"],
            profile(vertices, self._head, places, gaps),
        )  # fmt: skip


def _owner(part: str) -> str:
    base, dot, side = part.rpartition(".") if part.endswith((".L", ".R")) else (part, "", "")
    return ("hand" if base in SLABS else base.split(".")[0]) + dot + side


def _union(
    of: Mapping[str, NDArray[np.bool_]], bones: tuple[str, ...], side: str
) -> NDArray[np.int64]:
    """Vertices of all bones whose names begin so, of one side or any."""
    mine = [of[name] for name in of if name.startswith(bones) and name.endswith(side)]
    return np.flatnonzero(np.any(mine, axis=0))


def _radius(vertices: Array, start: Array, end: Array) -> float:
    """Mean distance of vertices from a line."""
    axis = (end - start) / np.linalg.norm(end - start)
    off = vertices - start
    off = off - np.outer(off @ axis, axis)
    return float(np.linalg.norm(off, axis=1).mean())


def _ellipsoid(vertices: Array) -> tuple[Array, Array]:
    """Centre and half axes of the ellipsoid that is nearest to a surface."""
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2.0
    off = vertices - middle
    squares = np.hstack([off**2, off])
    answer = np.linalg.lstsq(squares, np.ones(len(off)), rcond=None)[0]
    steep = np.maximum(answer[:3], 1e-6)
    shift = -answer[3:] / (2.0 * steep)
    return middle + shift, np.sqrt((1.0 + (steep * shift**2).sum()) / steep)


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
