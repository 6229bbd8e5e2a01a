"""What the shipped network knows of each joint in each frame."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kpcomplete.model.chooser import SCALARS
from kpcomplete.model.habit import scaled
from kpcomplete.model.layers import asinh
from kpcomplete.model.places import age, earlier, moved_along
from kpcomplete.model.timeline import NEVER, Timeline

STEPS = (2, 8)  # frames back over which a joint's movement is looked at
FEATURES = 26 + SCALARS


def features(
    timeline: Timeline,
    guess: Float[Tensor, "batch time joint 2"],
    *,
    supported: Bool[Tensor, " joint"],
    standardised: Callable[[Tensor, Tensor], Tensor],
    anchors: Sequence[int],
) -> Float[Tensor, "batch time joint feature"]:
    """Return where each joint is, how moved, how far apart, how long ago; last `SCALARS`.

    Args:
        timeline: What neighbouring frames know.
        guess: Where joints are that were never seen.
        supported: Joints with training material; of others nothing is told.
        standardised: Brings places to the scale on which each joint varies.
        anchors: Numbers of head and shoulders.
    """
    seen, had = timeline.seen[..., None], timeline.remembered[:, None, :, None]
    base = torch.where(seen, timeline.base, guess)
    near = torch.where(seen, timeline.base, timeline.memory[:, None])
    memory = timeline.memory[:, None].expand_as(base)
    steps = [base - earlier(base, frames) for frames in STEPS]
    apart = [
        timeline.after - timeline.before,
        timeline.before - timeline.average,
        timeline.after - timeline.average,
        0.4 * timeline.arriving,
        0.4 * timeline.leaving,
        (near - memory) * had,
        *(4 * step for step in steps),
    ]
    first, last = timeline.since < NEVER, timeline.until < NEVER
    share = timeline.since / (timeline.since + timeline.until).clamp_min(1e-9)
    everywhere = torch.ones_like(timeline.seen)
    parts = [
        standardised(base, everywhere),
        standardised(timeline.average, timeline.seen),
        standardised(memory, had[..., 0].expand_as(timeline.seen)),
        *(asinh(4 * v) / 2 for v in apart),
        (asinh(4 * (moved_along(timeline, anchors) - memory)) / 2) * had,
        asinh(4 * (base - guess)) / 2,
        *(torch.log1p(20 * (v.square().sum(-1, keepdim=True) + 1e-9).sqrt()) / 3 for v in apart),
        timeline.observed[..., None],
        first[..., None],
        last[..., None],
        had.expand_as(base[..., :1]),
        age(timeline.since)[..., None],
        age(timeline.until)[..., None],
        torch.where(first & last, share - 0.5, 0.0)[..., None],
        *(
            0.5 * asinh((v.square().sum(-1, keepdim=True) + 1e-9).sqrt())
            for v in (
                timeline.arriving_now - timeline.arriving,
                timeline.leaving_now - timeline.leaving,
            )
            if not timeline.causal
        ),
    ]
    if timeline.causal:
        parts.append(torch.zeros_like(base))
    parts.append(scaled(timeline.habit))
    return torch.cat(parts, dim=-1) * supported[:, None]
