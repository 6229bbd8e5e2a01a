"""Bones that keep their lengths over a person's recording."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete.skeleton import CANONICAL, Skeleton

SIDES = ("left", "right")
LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
HEAD = tuple(Skeleton.load(CANONICAL).joints[:11])
ENDS = {"wrist": ("pinky", "index", "thumb"), "ankle": ("heel", "foot_index")}
_ROUNDS = 4  # of fitting a rigid shape to the frames, and the frames to the shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Bones:
    """The measures of one body: limbs have a length, head, hands and feet a shape.

    Shoulders, hips and the spine between their middles keep their lengths, too. Left and right
    limbs are equally long. The lines from shoulders to hips that drawings show are no bones: a
    trunk bends.

    Attributes:
        lengths: Metres: of both shoulders, the spine, both hips, and of the limbs downwards.
        head: Its joints from their middle, metres.
        ends: Hands, then feet, left before right: their joints from wrist or ankle, metres.
    """

    lengths: Float[Tensor, " bone"]
    head: Float[Tensor, "joint 3"]
    ends: tuple[Float[Tensor, "_ 3"], ...]

    @classmethod
    def fit(
        cls, points: Float[Tensor, "time joint 3"], std: Float[Tensor, "time joint"]
    ) -> "Bones":
        """Measure a body in some of its frames, the more certain ones more.

        Args:
            points: Metres, canonical skeleton, all known.
            std: Metres, of each joint.
        """
        trunk, limbs = _lines(points)
        lines = torch.stack([*trunk, *limbs], dim=1)
        weight = 1 / _joint_std(std).square()
        lengths = (lines.norm(dim=-1) * weight).sum(dim=0) / weight.sum(dim=0)
        pairs = lengths[3:].reshape(2, -1).mean(dim=0)
        head = points[:, _places(HEAD)]
        return cls(
            lengths=torch.cat([lengths[:3], pairs, pairs]),
            head=_shape(head - head.mean(dim=1, keepdim=True)),
            ends=tuple(_shape(_end(points, base, side)) for base, side in _extremities()),
        )

    def apply(self, points: Float[Tensor, "time joint 3"]) -> Float[Tensor, "time joint 3"]:
        """Return poses of this body, whose bones point where those of ``points`` do."""
        out = points.clone()
        trunk, limbs = _lines(points)
        shoulders, spine, hips = (
            length * _direction(line) for length, line in zip(self.lengths[:3], trunk, strict=True)
        )
        root = _middle(points, "shoulder")
        _put(out, "shoulder", root + shoulders / 2, root - shoulders / 2)
        _put(out, "hip", root + spine + hips / 2, root + spine - hips / 2)
        bones = [(side, first, second) for side in SIDES for first, second in LIMBS]
        for (side, first, second), length, line in zip(bones, self.lengths[3:], limbs, strict=True):
            start = out[:, _place(f"{side}_{first}")]
            out[:, _place(f"{side}_{second}")] = start + length * _direction(line)
        head = points[:, _places(HEAD)]
        middle = head.mean(dim=1, keepdim=True)
        out[:, _places(HEAD)] = middle + _turned(self.head, head - middle)
        for shape, (base, side) in zip(self.ends, _extremities(), strict=True):
            joints = _places(f"{side}_{joint}" for joint in ENDS[base])
            start = out[:, [_place(f"{side}_{base}")]]
            out[:, joints] = start + _turned(shape, _end(points, base, side))
        return out


def _lines(points: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the lines of the trunk and of the limbs, each ``[T, 3]``."""
    trunk = [
        _joint(points, "left_shoulder") - _joint(points, "right_shoulder"),
        _middle(points, "hip") - _middle(points, "shoulder"),
        _joint(points, "left_hip") - _joint(points, "right_hip"),
    ]
    limbs = [
        _joint(points, f"{side}_{second}") - _joint(points, f"{side}_{first}")
        for side in SIDES
        for first, second in LIMBS
    ]
    return trunk, limbs


def _joint_std(std: Tensor) -> Tensor:
    """Return the deviation of what ends each of the lines, ``[T, bones]``."""
    pairs = [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
             ("left_hip", "right_hip")]  # fmt: skip
    pairs += [(f"{s}_{first}", f"{s}_{second}") for s in SIDES for first, second in LIMBS]
    worst = [torch.maximum(_joint(std, a), _joint(std, b)) for a, b in pairs]
    return torch.stack(worst, dim=1).clamp_min(1e-3)


def _extremities() -> list[tuple[str, str]]:
    return [(base, side) for base in ENDS for side in SIDES]


def _end(points: Tensor, base: str, side: str) -> Tensor:
    joints = _places(f"{side}_{joint}" for joint in ENDS[base])
    return points[:, joints] - points[:, [_place(f"{side}_{base}")]]


def _shape(poses: Tensor) -> Tensor:
    """Return the rigid shape ``[J, 3]`` that comes nearest to turned ones ``[T, J, 3]``."""
    shape = poses[len(poses) // 2]
    for _ in range(_ROUNDS):
        back = _rotation(poses, shape.expand_as(poses))
        shape = torch.einsum("tij,tkj->tki", back, poses).mean(dim=0)
    # the mean of what does not quite fit is smaller than each of them
    size = poses.square().sum(dim=(1, 2)).sqrt().mean() / shape.square().sum().sqrt()
    return shape * size


def _turned(shape: Tensor, poses: Tensor) -> Tensor:
    """Return the shape as it comes nearest to each of the poses ``[T, J, 3]``."""
    turn = _rotation(shape.expand_as(poses), poses)
    return torch.einsum("tij,kj->tki", turn, shape)


def _rotation(source: Tensor, target: Tensor) -> Tensor:
    """Return the rotations about the origin that bring points nearest to others (Kabsch 1976)."""
    left, _, right = torch.linalg.svd(torch.einsum("tki,tkj->tij", target, source))
    flip = torch.ones_like(left[:, 0])
    flip[:, 2] = torch.linalg.det(left @ right).sign()
    turn: Tensor = (left * flip[:, None]) @ right
    return turn


def _direction(line: Tensor) -> Tensor:
    return torch.nn.functional.normalize(line, dim=-1)


def _middle(points: Tensor, joint: str) -> Tensor:
    return points[:, _places(f"{side}_{joint}" for side in SIDES)].mean(dim=1)


def _put(points: Tensor, joint: str, left: Tensor, right: Tensor) -> None:
    points[:, _place(f"left_{joint}")] = left
    points[:, _place(f"right_{joint}")] = right


def _joint(points: Tensor, joint: str) -> Tensor:
    return points[:, _place(joint)]


def _place(joint: str) -> int:
    return Skeleton.load(CANONICAL).index(joint)


def _places(joints: Iterable[str]) -> list[int]:
    return Skeleton.load(CANONICAL).indices(joints)
