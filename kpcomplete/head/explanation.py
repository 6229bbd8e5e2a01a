"""Which joints and which moments carried a decision."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.head.several import Several
from kpcomplete.head.trees import Trees
from kpcomplete.pose import Array

_SIDES = ("left", "right")
_PARTS = {
    "leg": {"knee", "ankle", "heel", "foot"},  # before hands: left_foot_index
    "hand": {"wrist", "pinky", "index", "thumb"},
    "head": {"nose", "eye", "ear", "mouth"},
    "shoulders": {"shoulder"},
    "hips": {"hip"},
}
_WHOLE = ("head", "shoulders", "hips")
_LITTLE = 0.5  # log odds; less than that is carried by nothing in particular


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What speaks for the class of one window.

    Attributes:
        task: Name.
        answer: Name of the class that is explained.
        joints: ``[J]`` by how much the class's log odds fall without the joint; 0 where
            it was not seen.
        moments: ``[T]`` the same without the joints of a moment and those around it.
        gradients: ``[T, J]`` integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) of
            the same, from the mean pose of the window on; 0 where not seen. None where trees
            decide, which have none.
    """

    task: str
    answer: str
    joints: Float[Tensor, " joint"]
    moments: Float[Tensor, " time"]
    gradients: Float[Tensor, "time joint"] | None


def explain(
    network: Several,
    window: PoseBatch,
    task: str,
    answer: str | None = None,
    *,
    around: int = 2,
    steps: int = 16,
) -> Explanation:
    """Explain the class of one window in image widths.

    Where the body is and how large stays what the whole window says of it, whatever is hidden.

    Args:
        network: The head.
        window: A single one.
        task: Of the head.
        answer: Class to be explained; None: the most likely one.
        around: Moments to either side that are hidden with each.
        steps: Of the integral.

    Raises:
        SettingError: If the head has no such task or class, or there are more windows.
    """
    if task not in network.tasks or len(window) != 1:
        raise SettingError(
            f"one window and a task of {', '.join(network.tasks)} can be explained, but got "
            f"{len(window)} windows and {task!r}"
        )
    names = network.tasks[task]
    if answer is not None and answer not in names:
        raise SettingError(f"{task} has no class {answer!r}; it has {', '.join(names)}")
    with torch.no_grad():
        logits = network(window)[task][0]
        number = int(logits.argmax()) if answer is None else names.index(answer)
        time, joints = window.observed.shape[1:]
        near = (torch.arange(time)[:, None] - torch.arange(time)).abs() <= around
        moment = near[:, :, None].expand(-1, -1, joints)
        return Explanation(
            task=task,
            answer=names[number],
            joints=_without_each(
                network, window, torch.eye(joints, dtype=torch.bool), task, number
            ),
            moments=_lost(network, window, moment, task, number),
            gradients=None
            if isinstance(network.heads[task], Trees)
            else _integrated(network, window, task, number, steps),
        )


def carried(network: Several, window: PoseBatch, task: str, answer: str) -> Float[Tensor, " joint"]:
    """Return by how much the log odds of a class fall without the part that each joint is of.

    Parts are hidden as wholes, because a thumb alone is guessed from its hand, and because it is
    several times less work. Joints that are not seen carry nothing.

    Args:
        network: The head.
        window: A single one, in image widths.
        task: Of the head.
        answer: Class of the task.
    """
    names = [part(joint) for joint in network.encoder.skeleton.joints]
    same = torch.tensor([[a == b for b in names] for a in dict.fromkeys(names)])
    return _without_each(network, window, same, task, network.tasks[task].index(answer))


def part(joint: str) -> str:
    """Return what people call the part of the body that a joint belongs to.

    Example:
        >>> part("left_thumb"), part("nose"), part("right_elbow")
        ('left hand', 'head', 'right elbow')
    """
    words = joint.split("_")
    for name, members in _PARTS.items():
        if members & set(words):
            sided = name not in _WHOLE
            return " ".join([word for word in words if sided and word in _SIDES] + [name])
    return " ".join(words)


def shares(joints: Array) -> Array:
    """Return how much to make of each joint ``[..., J]`` in a picture, 0..1.

    Joints that speak against the class count nothing. The first is all there is, unless the log
    odds hardly fall without it.

    Args:
        joints: As `carried` has them, NaN where not explained.
    """
    lost = np.maximum(np.nan_to_num(joints), 0)
    share: Array = lost / np.maximum(lost.max(axis=-1, keepdims=True), _LITTLE)
    return share


def _without_each(
    network: Several, window: PoseBatch, groups: Tensor, task: str, number: int
) -> Tensor:
    """Return by how much log odds fall ``[J]`` without the group ``[G, J]`` each joint is of."""
    seen = window.observed[0].any(dim=0)
    groups = groups[(groups & seen).any(dim=1)]
    hidden = groups[:, None].expand(-1, window.observed.shape[1], -1)
    lost = _lost(network, window, hidden, task, number)
    return torch.where(seen, (lost[:, None] * groups).sum(dim=0), 0.0)


def _lost(network: Several, window: PoseBatch, hidden: Tensor, task: str, number: int) -> Tensor:
    """Return by how much log odds fall ``[N]`` without what is hidden ``[N, T, J]``."""
    many = _repeat(window, len(hidden) + 1)
    nothing = torch.zeros_like(window.observed)
    batch = many.hide(torch.cat([nothing, hidden]))
    odds = _odds(network(batch, _placed(window, len(batch)))[task], number)
    return odds[0] - odds[1:]


def _integrated(network: Several, window: PoseBatch, task: str, number: int, steps: int) -> Tensor:
    seen = window.observed[..., None]
    mean = (window.keypoints * seen).sum(dim=1, keepdim=True) / seen.sum(
        dim=1, keepdim=True
    ).clamp_min(1)
    shift = torch.where(seen, window.keypoints - mean, 0.0)
    share = (torch.arange(steps) + 0.5) / steps
    with torch.enable_grad():
        points = (mean + share[:, None, None, None] * shift) * seen
        points = points.detach().requires_grad_(True)
        many = _repeat(window, steps)
        batch = PoseBatch(keypoints=points, confidence=many.confidence, observed=many.observed,
                          times=many.times)  # fmt: skip
        logits = network(batch, _placed(window, steps))[task]
        total = _odds(logits, number).sum()
        (slope,) = torch.autograd.grad(total, points)
    return (slope.mean(dim=0) * shift[0]).sum(dim=-1)


def _placed(window: PoseBatch, count: int) -> normalize.Placement:
    found = normalize.fit(window)
    return normalize.Placement(
        centre=found.centre.repeat(count, 1), scale=found.scale.repeat(count)
    )


def _odds(logits: Tensor, number: int) -> Tensor:
    """Return log odds ``[B]`` of a class; they tell differences where probabilities are all 1."""
    others = torch.arange(logits.shape[1]) != number
    return logits[:, number] - logits[:, others].logsumexp(dim=1)


def _repeat(window: PoseBatch, count: int) -> PoseBatch:
    return PoseBatch(
        keypoints=window.keypoints.repeat(count, 1, 1, 1),
        confidence=window.confidence.repeat(count, 1, 1),
        observed=window.observed.repeat(count, 1, 1),
        times=window.times.repeat(count, 1),
    )
