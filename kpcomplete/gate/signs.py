"""Signs that a joint is not where it is reported: confidence, place, bones, movement, company."""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.gate.surroundings import Surroundings
from kpcomplete.skeleton import CANONICAL, Skeleton

TRUSTED = 0.5
"""Confidence from which a joint counts as a witness against others."""
KEY = ("nose", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
       "right_elbow", "left_wrist", "right_wrist", "left_index", "right_index", "left_hip",
       "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot_index",
       "right_foot_index")  # fmt: skip
"""Joints whose places are compared with what the rest of the body says; others go with one."""
PARTS = {"head": ("nose", "ear", "eye", "mouth"), "trunk": ("shoulder",),
         "left_arm": ("left_elbow", "left_wrist", "left_index", "left_pinky", "left_thumb"),
         "right_arm": ("right_elbow", "right_wrist", "right_index", "right_pinky", "right_thumb"),
         "legs": ("hip", "knee", "ankle", "heel", "foot")}  # fmt: skip
_WITH = {"eye": "ear", "mouth": "nose", "pinky": "index", "thumb": "index", "heel": "foot_index"}
_PARENT = {"eye": "nose", "ear": "nose", "mouth": "nose", "nose": "shoulder", "elbow": "shoulder",
           "wrist": "elbow", "pinky": "wrist", "index": "wrist", "thumb": "wrist",
           "hip": "shoulder", "knee": "hip", "ankle": "knee", "heel": "ankle", "foot": "ankle",
           "shoulder": "shoulder"}  # fmt: skip
SLOW, FAST = 1.0, 0.2  # seconds after which what was counts 1/e
USUAL = 5.0  # seconds, likewise, of what is usual of a bone
_AT_ONCE = 128  # frames that are summed by one matrix
FAR = 4.0  # body units; no distance says more than this one


class Layout(NamedTuple):
    """Who is who among the canonical joints.

    Attributes:
        key: ``[S]`` the `KEY` joints.
        goes_with: ``[J]`` the key joint, as a number in 0..S-1, that speaks for each joint.
        parent: ``[J]`` the joint at the other end of a bone; shoulders have each other.
        part: ``[J]`` number of the part in `PARTS`.
        kind: ``[J]`` what the joint is, left and right alike.
        left_out: The key joints of each part.
        mirror: ``[J]`` the joint of the other side.
    """

    key: Tensor
    goes_with: Tensor
    parent: Tensor
    part: Tensor
    kind: Tensor
    left_out: tuple[Tensor, ...]
    mirror: Tensor


@cache
def layout() -> Layout:
    """Return the layout of the canonical skeleton."""
    skeleton = Skeleton.load(CANONICAL)
    names = skeleton.joints
    side = [next((s for s in ("left", "right") if s in n.split("_")), "") for n in names]
    bare = ["_".join(w for w in n.split("_") if w not in ("left", "right")) for n in names]

    def joint(part: str, at: int, other: bool = False) -> str:
        sides = {"left": "right", "right": "left"} if other else {}
        return part if part == "nose" else f"{sides.get(side[at], side[at]) or 'left'}_{part}"

    speaks = [
        n if n in KEY else joint(next(w for k, w in _WITH.items() if k in n), i)
        for i, n in enumerate(names)
    ]
    parent = [
        joint(next(p for k, p in _PARENT.items() if k in bare[i].split("_")), i, "shoulder" in n)
        for i, n in enumerate(names)
    ]
    kinds = sorted(set(bare))
    part = [
        next(i for i, ends in enumerate(PARTS.values()) if any(e in n for e in ends)) for n in names
    ]
    key = torch.tensor(skeleton.indices(KEY))
    opposite = {"left": "right", "right": "left"}
    mirror = ["_".join(opposite.get(w, w) for w in n.split("_")) for n in names]
    return Layout(
        key=key,
        goes_with=torch.tensor([KEY.index(n) for n in speaks]),
        parent=torch.tensor(skeleton.indices(parent)),
        part=torch.tensor(part),
        kind=torch.tensor([kinds.index(n) for n in bare]),
        left_out=tuple(
            (torch.tensor(part)[key] == number).nonzero()[:, 0] for number in range(len(PARTS))
        ),
        mirror=torch.tensor(skeleton.indices(mirror)),
    )


def signs(
    batch: PoseBatch, edges: Tensor | None, rest: Surroundings, asked: slice = slice(None)
) -> Tensor:
    """Return numbers ``[B, T, J, F]`` that speak for or against each reported joint.

    Args:
        batch: Body units, all that the detector reports.
        edges: ``[B, 4]`` left, top, right, bottom of the image, body units; None: far away.
        rest: Leaves out `KEY` joints one by one and part by part, see `ways`.
        asked: The frames whose signs are wanted; the others are their past.
    """
    points = torch.where(batch.observed[..., None], batch.keypoints, 0.0)
    points = points.clamp(-3 * FAR, 3 * FAR)
    sure = torch.where(batch.observed, batch.confidence, 0.0).clamp(1e-3, 1 - 1e-3).logit()
    trusted = batch.observed & (batch.confidence >= TRUSTED)
    now = points[:, asked]
    over_time = [
        *_confidences(sure, trusted, batch.times),
        *_bones(points, sure, trusted, batch.times),
        *_movements(points, batch.observed, batch.times),
    ]
    found = [
        *(sign[:, asked] for sign in over_time),
        *_places(now, trusted[:, asked], rest),
        *_company(now, sure[:, asked], batch.observed[:, asked]),
        *_whereabouts(now, edges),
    ]
    return torch.stack(found, dim=-1)


def _confidences(sure: Tensor, trusted: Tensor, times: Tensor) -> list[Tensor]:
    """The detector's confidence: now, lately, of the part, of the body."""
    part, of = layout().part, len(PARTS)
    share = torch.nn.functional.one_hot(part, of).to(sure)
    share = share / share.sum(dim=0)
    of_parts = sure @ share  # [B, T, P]
    slow, fast = faded(torch.cat([sure, sure.abs()], dim=-1), times, (SLOW, FAST))
    joints = sure.shape[-1]
    everywhere = [of_parts[..., p, None].expand_as(sure) for p in range(of)]
    return [
        sure,
        slow[..., :joints],
        fast[..., :joints],
        sure - of_parts[..., part],
        sure[..., layout().mirror],
        trusted.to(sure).mean(dim=-1, keepdim=True).expand_as(sure),
        *everywhere,
    ]


def ways() -> tuple[tuple[Tensor, ...], ...]:
    """Return the ways to leave out key joints: each by itself, and part by part."""
    return tuple(torch.arange(len(KEY))[:, None]), layout().left_out


def _places(points: Tensor, trusted: Tensor, rest: Surroundings) -> list[Tensor]:
    """How far joints are from where the rest of the body says, and how well that is known."""
    who, size = layout(), trusted.shape[:2]
    flat = points.flatten(0, 1)
    key = flat[:, who.key]
    found: list[Tensor] = []
    for gap, covariance in rest(key, trusted[:, :, who.key].flatten(0, 1)):
        x, y = (flat - (key - gap)[:, who.goes_with]).unbind(dim=-1)
        a, b, c = (covariance[:, who.goes_with, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
        volume = (a * c - b * b).clamp_min(1e-9)
        square = (c * x * x - 2 * b * x * y + a * y * y) / volume
        found += [
            square.clamp(0, 1e4).log1p(),
            torch.hypot(x, y).clamp_max(FAR),
            y.clamp(-FAR, FAR),
            volume.log() / 4,
        ]
    return [sign.reshape(*size, len(who.kind)) for sign in found]


def _bones(points: Tensor, sure: Tensor, trusted: Tensor, times: Tensor) -> list[Tensor]:
    """Length of the bone, against what it was when the detector was sure, and its other end."""
    parent = layout().parent
    length = (points - points[:, :, parent]).norm(dim=-1).clamp(1e-2, FAR).log()
    known = (trusted & trusted[..., parent]).to(length)
    joints = length.shape[-1]
    (sums,) = summed(torch.cat([known * length, known], dim=-1), times, (USUAL,))
    count = sums[..., joints:]
    usual = sums[..., :joints] / count.clamp_min(1e-6)
    change = torch.where(count > 0, length - usual, 0.0)
    return [length, change.clamp(-2, 2), count.log1p(), sure[..., parent]]


def _movements(points: Tensor, observed: Tensor, times: Tensor) -> list[Tensor]:
    """Speed and trembling: jumps are no movements."""
    step = torch.zeros_like(points)
    both = (observed[:, 1:] & observed[:, :-1])[..., None]
    pause = (times[:, 1:] - times[:, :-1]).clamp_min(1e-3)[:, :, None, None]
    step[:, 1:] = torch.where(both, (points[:, 1:] - points[:, :-1]) / pause, 0.0)
    turn = torch.zeros_like(step)
    turn[:, 1:] = step[:, 1:] - step[:, :-1]
    size = torch.cat([step.norm(dim=-1), turn.norm(dim=-1)], dim=-1).clamp_max(30).log1p()
    joints = points.shape[2]
    slow, fast = faded(size, times, (SLOW, FAST))
    return [size[..., :joints], fast[..., :joints], slow[..., :joints], fast[..., joints:],
            slow[..., joints:]]  # fmt: skip


def _company(points: Tensor, sure: Tensor, observed: Tensor) -> list[Tensor]:
    """Distance to the nearest joint of another part, and to the same joint of the other side."""
    who = layout()
    apart = torch.cdist(
        points, points[:, :, who.key], compute_mode="donot_use_mm_for_euclid_dist"
    ).clamp_max(FAR)  # products of matrices lose the distances of neighbours
    same = who.part[:, None] == who.part[who.key]
    apart = torch.where(same | ~observed[..., None, who.key], FAR, apart)
    nearest, which = apart.min(dim=-1)
    rival = sure[..., who.key].gather(-1, which)
    twin = (points - points[:, :, who.mirror]).norm(dim=-1).clamp_max(FAR)
    return [nearest, rival - sure, (-4 * nearest).exp() * (rival - sure), twin]


def _whereabouts(points: Tensor, edges: Tensor | None) -> list[Tensor]:
    """Where in the body's frame, and how far inside the image."""
    x, y = points.unbind(dim=-1)
    if edges is None:
        inside = torch.full_like(x, 1.0)
    else:
        low, high = edges[:, None, None, :2], edges[:, None, None, 2:]
        inside = torch.cat([points - low, high - points], dim=-1).amin(dim=-1)
    return [x.abs().clamp_max(FAR), y.clamp(-FAR, FAR), inside.clamp(-1, 1)]


def faded(values: Tensor, times: Tensor, seconds: tuple[float, ...]) -> list[Tensor]:
    """Return means ``[B, T, N]`` of what was until then, older ones fading in some seconds."""
    one = torch.ones_like(values[..., :1])
    return [
        sums[..., :-1] / sums[..., -1:]
        for sums in summed(torch.cat([values, one], dim=-1), times, seconds)
    ]


def summed(values: Tensor, times: Tensor, seconds: tuple[float, ...]) -> list[Tensor]:
    """Return sums ``[B, T, N]`` of what was until then, older ones fading in some seconds."""
    out = []
    for each in seconds:
        parts: list[Tensor] = []
        for first in range(0, max(values.shape[1], 1), _AT_ONCE):
            now = times[:, first : first + _AT_ONCE]
            age = now[:, :, None] - now[:, None]
            part = torch.exp(-age.clamp_min(0) / each).tril() @ values[:, first : first + _AT_ONCE]
            if parts:
                since = now - times[:, first - 1, None]
                part = part + torch.exp(-since / each)[..., None] * parts[-1][:, -1:]
            parts.append(part)
        out.append(torch.cat(parts, dim=1))
    return out
