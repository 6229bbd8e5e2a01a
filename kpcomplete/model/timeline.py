"""When each joint was observed last and will be next, and the straight line between."""

from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.model.habit import APART, habits
from kpcomplete.skeleton import CANONICAL, Skeleton

NEVER = 1e4  # seconds; stands for an observation that does not exist
_DOUBLINGS = 13  # windows that are exported have up to 2^13 frames
EDGES = (0.03, 0.08, 0.19, 0.59)  # seconds of `Timeline.wait`; no whole frames at 30 fps
REGIONS = ("face", "arms", "body")
RESTS = 0.2  # body units a second, below which a joint rests when it vanishes or comes back
STAYS = 0.1  # body units; one that rests comes back within this
KINDS = (
    *(f"{region}_{how}" for how in ("unseen", "remembered") for region in REGIONS),
    *(f"{region}_{motion}_{until}" for region in REGIONS for motion in ("resting", "moving")
      for until in (*(f"{edge:g}s" for edge in EDGES), "longer")),
)  # fmt: skip
"""Ways in which joints are hidden that differ in what can be known; see `Timeline.kind`."""
_COARSE = (*KINDS[:6], *(kind for kind in KINDS if "_resting_" in kind))


def fine(values: Float[Tensor, "mode _"]) -> Float[Tensor, "mode kind"]:
    """Return what is known of the `KINDS`, also from when rest and motion were told apart by none.

    Args:
        values: A column a kind, of today or of those of older checkpoints.
    """
    if values.shape[-1] != len(_COARSE):
        return values
    return values[:, [_COARSE.index(kind.replace("_moving_", "_resting_")) for kind in KINDS]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """What neighbouring frames know of a joint, body units and seconds.

    Attributes:
        base: Straight line between the last and the next observation; at the ends, and
            everywhere when causal, the one there is; 0 if there is none.
        since: Time since the last observation, 0 where observed; `NEVER` if there was none.
        until: Time until the next one; `NEVER` if there is none, and everywhere when causal.
        before: Last observation; the next one if there is none, 0 if there is neither.
        after: Next observation; the last one if there is none, everywhere when causal.
        arriving: Velocity at ``before``, body units a second, over `APART` frames; 0 where not
            known.
        leaving: The same at ``after``, going back in time; 0 where not known.
        arriving_now: As ``arriving``, over a single frame; 0 when causal.
        leaving_now: As ``leaving``, over a single frame; 0 when causal.
        average: Mean of what is observed in the window, when causal so far; 0 if nothing is.
        habit: How the joint moves in the window, when causal so far; see `habits`.
        memory: Where the person usually has the joint, by other stretches of the recording.
        remembered: Whether there is such a memory.
        seen: Whether ``base`` exists.
        observed: Whether the joint is observed in this frame.
        causal: Whether only the past was looked at.
    """

    base: Float[Tensor, "batch time joint 2"]
    since: Float[Tensor, "batch time joint"]
    until: Float[Tensor, "batch time joint"]
    before: Float[Tensor, "batch time joint 2"]
    after: Float[Tensor, "batch time joint 2"]
    arriving: Float[Tensor, "batch time joint 2"]
    leaving: Float[Tensor, "batch time joint 2"]
    arriving_now: Float[Tensor, "batch time joint 2"]
    leaving_now: Float[Tensor, "batch time joint 2"]
    average: Float[Tensor, "batch time joint 2"]
    habit: Float[Tensor, "batch time joint 4"]
    memory: Float[Tensor, "batch joint 2"]
    remembered: Bool[Tensor, "batch joint"]
    seen: Bool[Tensor, "batch time joint"]
    observed: Bool[Tensor, "batch time joint"]
    causal: bool

    @classmethod
    def of(cls, batch: PoseBatch, *, causal: bool) -> "Timeline":
        """Return the timeline of windows; hidden values are not looked at."""
        keypoints = torch.where(batch.observed[..., None], batch.keypoints, 0.0)
        before, since, arriving, arriving_now = _nearest(keypoints, batch.observed, batch.times)
        if causal:
            after, until = before, torch.full_like(since, NEVER)
            arriving_now = leaving = leaving_now = torch.zeros_like(arriving)
            base = before
        else:
            after, until, leaving, leaving_now = (
                x.flip(1)
                for x in _nearest(keypoints.flip(1), batch.observed.flip(1), -batch.times.flip(1))
            )
            first, last = (since < NEVER)[..., None], (until < NEVER)[..., None]
            before, after = torch.where(first, before, after), torch.where(last, after, before)
            share = (since / (since + until).clamp_min(1e-9))[..., None]
            base = torch.where(first & last, before + share * (after - before), before)
        memory = batch.memory
        if memory is None:
            nothing = torch.zeros_like(keypoints[:, :1, :, 0]).sum(dim=1)
            memory = Memory(mean=torch.stack([nothing, nothing], dim=-1), count=nothing)
        return cls(
            base=base,
            since=since,
            until=until,
            before=before,
            after=after,
            arriving=arriving,
            leaving=leaving,
            arriving_now=arriving_now,
            leaving_now=leaving_now,
            average=_average(keypoints, batch.observed, causal),
            habit=habits(keypoints, batch.observed, batch.times, causal=causal),
            memory=memory.mean,
            remembered=memory.known,
            seen=torch.minimum(since, until) < NEVER,
            observed=batch.observed,
            causal=causal,
        )

    @property
    def wait(self) -> Float[Tensor, "batch time joint"]:
        """Seconds that uncertainty grew over: as of a Brownian bridge between observations."""
        bridge = self.since * self.until / (self.since + self.until).clamp_min(1e-9)
        one_sided = torch.minimum(self.since, self.until)
        both = torch.maximum(self.since, self.until) < NEVER
        return torch.where(both, bridge, one_sided)

    @property
    def moves(self) -> Bool[Tensor, "batch time joint"]:
        """Whether each joint moved when it vanished, or came back moving or elsewhere."""
        apart = self.after - self.before
        ways = ((self.arriving, RESTS), (self.leaving, RESTS), (apart, STAYS))
        far = [way.square().sum(dim=-1) > least**2 for way, least in ways]
        return far[0] | far[1] | far[2]

    @cached_property
    def kind(self) -> Int[Tensor, "batch time joint"]:
        """Which of `KINDS` each joint is, were it hidden."""
        edges = torch.tensor(EDGES, device=self.wait.device)
        waited = (self.wait[..., None] > edges).sum(dim=-1)
        where = region().to(self.wait.device)
        seen = 2 * len(REGIONS) + (len(EDGES) + 1) * (2 * where + self.moves) + waited
        return torch.where(self.seen, seen, where + len(REGIONS) * self.remembered[:, None])


@cache
def region() -> Int[Tensor, " joint"]:
    """Return which of the regions each joint belongs to."""
    joints = Skeleton.load(CANONICAL).joints
    hands = ("elbow", "wrist", "pinky", "index", "thumb")
    parts = [joint.split("_") for joint in joints]
    arms = [any(part in hands for part in p) and "foot" not in p for p in parts]
    shoulder = joints.index("left_shoulder")
    return torch.tensor([0 if i < shoulder else 1 if arm else 2 for i, arm in enumerate(arms)])


def _nearest(
    keypoints: Tensor, observed: Tensor, times: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the last observation of each joint at each frame, time since, and velocities then."""
    if not times.shape[1]:
        return keypoints, keypoints[..., 0], keypoints, keypoints
    last = _latest(observed)
    place = last.clamp_min(0)
    times = times[..., None].expand(observed.shape)
    then = times.gather(1, place)
    since = torch.where(last >= 0, times - then, NEVER).clamp_max(NEVER)
    value = keypoints.gather(1, place[..., None].expand_as(keypoints))

    def velocity(apart: int) -> Tensor:
        earlier = (last - apart).clamp_min(0)
        passed = (then - times.gather(1, earlier)).clamp_min(1e-6)
        step = value - keypoints.gather(1, earlier[..., None].expand_as(keypoints))
        told = observed.gather(1, earlier) & (last >= apart)
        return torch.where(told[..., None], step / passed[..., None], 0.0)

    return torch.where((last >= 0)[..., None], value, 0.0), since, velocity(APART), velocity(1)


def _latest(observed: Tensor) -> Tensor:
    """Return the number of the last frame that shows each joint; -1 if there was none."""
    frame = torch.arange(observed.shape[1], device=observed.device)
    if not torch.onnx.is_in_onnx_export():
        return torch.where(observed, frame[:, None], -1).cummax(dim=1).values
    last = torch.where(observed, frame[:, None], -1)  # ONNX has no running maximum
    for power in range(_DOUBLINGS):
        earlier = nn.functional.pad(last, (0, 0, 2**power, 0), value=-1)
        last = torch.maximum(last, earlier[:, : observed.shape[1]])
    return last


def _average(keypoints: Tensor, observed: Tensor, causal: bool) -> Tensor:
    count = observed.to(keypoints.dtype)[..., None]
    if causal:
        return keypoints.cumsum(dim=1) / count.cumsum(dim=1).clamp_min(1)
    mean = keypoints.sum(dim=1, keepdim=True) / count.sum(dim=1, keepdim=True).clamp_min(1)
    return mean.expand_as(keypoints)
