"""Classical completers frame by frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.normalize import Placement
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.whereabouts import Whereabouts


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What is known of P people when their next frame is completed.

    Attributes:
        rows: What the completer itself keeps.
        before: ``[P, 1, J, 2]`` where each joint was seen last, body units.
        since: ``[P, 1, J]`` seconds since then; inf if never, or if it left the window.
        placement: Of the people, now.
        pause: ``[P]`` seconds since their last frame.
        now: Number of the frame.
    """

    rows: Rows
    before: Tensor
    since: Tensor
    placement: Placement
    pause: Tensor
    now: int


Step = Callable[[PoseBatch, Kept], PoseBatch]


class ByFrame:
    """Completes live frames with what was kept of those before; places people as windows do.

    Args:
        step: Completes windows of one frame in body units.
        window: Frames after which observations are forgotten.
        keep: What the step keeps of a person, by name; it changes ``kept.rows``.
    """

    def __init__(self, step: Step, *, window: int, keep: Mapping[str, Array] | None = None) -> None:
        self._step, self._window, self._now = step, window, 0
        self._places = Whereabouts(window)
        joints = len(Skeleton.load(CANONICAL))
        self._rows = Rows(
            seen=np.full(joints, -window), then=np.zeros(joints), time=np.zeros(()),
            points=np.zeros((joints, 2)), **(keep or {}),
        )  # fmt: skip

    @torch.inference_mode()
    def __call__(self, batch: PoseBatch, people: Sequence[str], seconds: float, /) -> PoseBatch:
        """Return the next frame of some people with missing joints filled in, in pixels."""
        rows = self._rows
        rows.follow(people)
        self._now += 1
        observed = batch.observed[:, 0].numpy()
        pixels = batch.keypoints[:, 0].numpy()
        centre, scale = self._places(pixels, observed, people)
        rows["seen"][observed] = self._now
        rows["then"][observed] = seconds
        rows["points"][observed] = pixels[observed]
        lost = rows["seen"] <= self._now - self._window
        before = (rows["points"] - centre[:, None]) / scale[:, None, None]
        since = np.where(lost, np.inf, seconds - rows["then"])
        kept = Kept(
            rows=rows,
            before=torch.from_numpy(np.where(lost[..., None], 0.0, before)).float()[:, None],
            since=torch.from_numpy(since).float()[:, None],
            placement=Placement(centre=torch.from_numpy(centre), scale=torch.from_numpy(scale)),
            pause=torch.from_numpy(seconds - rows["time"]),
            now=self._now,
        )
        rows["time"][:] = seconds
        body = kept.placement.into_body(replace(batch, memory=None))
        return kept.placement.into_pixels(self._step(body, kept))
