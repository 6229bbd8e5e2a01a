"""How each joint moves in what was seen of it: how far around, how fast, how often at all."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

APART = 4  # frames between two observations that tell a velocity
LAGS = (APART, 1)  # over which speeds are measured: the longer one is that of the motion itself
RESTING = 0.06  # body units a second at which a joint counts as half at rest
HABITS = 2 + len(LAGS)


def habits(
    keypoints: Float[Tensor, "batch time joint 2"],
    observed: Bool[Tensor, "batch time joint"],
    times: Float[Tensor, "batch time"],
    *,
    causal: bool,
) -> Float[Tensor, "batch time joint 4"]:
    """Return how joints move in the window, when causal so far; 0 where nothing tells it.

    What a hidden joint may have done depends on it: drivers rest for minutes, and their detector
    may report them in whole steps; somebody who gesticulates never rests, and moves smoothly.

    Args:
        keypoints: Body units; 0 where not observed.
        observed: Where they are.
        times: Seconds.
        causal: Let nothing depend on later frames.

    Returns:
        The distance from its average place (root mean square), the mean speed over `APART` frames
        and over single ones, body units a second, and the share of frames at rest, 0..1, soft.
    """

    def over(values: Tensor) -> Tensor:
        """Return the sum over the frames that may be looked at."""
        if causal:
            return values.cumsum(dim=1)
        return values.sum(dim=1, keepdim=True).expand_as(values)

    if not times.shape[1]:
        return keypoints.new_zeros(*observed.shape, HABITS)
    first = observed.int().argmax(dim=1, keepdim=True)[..., None].expand(-1, -1, -1, 2)
    away = torch.where(observed[..., None], keypoints - keypoints.gather(1, first), 0.0)
    count = over(observed.to(keypoints.dtype)).clamp_min(1)
    mean = over(away) / count[..., None]
    variance = over(away.square().sum(dim=-1)) / count - mean.square().sum(dim=-1)
    found = [(variance.clamp_min(0.0) + 1e-9).sqrt()]
    for lag in LAGS:
        speed, told = _speed(keypoints, observed, times, lag)
        told = told.to(speed.dtype)
        pairs = over(told).clamp_min(1)
        found.append(over(speed * told) / pairs)
    found.append(over(told / (1 + (speed / RESTING).square())) / pairs)  # over single frames
    return torch.stack(found, dim=-1)


def scaled(habit: Tensor) -> Tensor:
    """Return habits on a scale on which slow and fast can be told apart; about 0..1."""
    wander, pace, flutter, resting = habit.unbind(dim=-1)
    lengths = [torch.log1p(20 * wander), torch.log1p(5 * pace), torch.log1p(5 * flutter)]
    return torch.stack([*(length / 3 for length in lengths), resting], dim=-1)


def _speed(keypoints: Tensor, observed: Tensor, times: Tensor, lag: int) -> tuple[Tensor, Tensor]:
    """Return speeds at each frame since some frames earlier, and where there are any."""
    frame = torch.arange(times.shape[1], device=times.device)
    earlier = (frame - lag).clamp_min(0)
    passed = (times - times[:, earlier]).clamp_min(1e-6)[..., None]
    moved = (keypoints - keypoints[:, earlier]).square().sum(dim=-1)
    speed = (moved + 1e-18).sqrt() / passed  # with a slope at 0
    return speed, observed & observed[:, earlier] & (frame >= lag)[:, None]
