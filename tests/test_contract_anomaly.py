"""What every score of anomaly keeps, over every conf/anomaly/*.yaml."""

from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from kpcomplete import checkpoint
from kpcomplete.anomaly import Anomaly, Moments
from kpcomplete.anomaly.normality import Normality
from kpcomplete.metric import auroc

CONF = Path(__file__).parents[1] / "conf"
NAMES = sorted(file.stem for file in (CONF / "anomaly").glob("*.yaml"))


@cache
def load(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(compose(f"anomaly/{name}").anomaly, _convert_="all")


@pytest.fixture(params=NAMES)
def part(request):
    return load(request.param)


@cache
def driving(seed, place=(300.0, 200.0), size=100.0, frames=64):
    """Return ``[T, 33, 2]`` pixels of somebody who sits and moves a little."""
    draw = torch.Generator().manual_seed(seed)
    body = checkpoint.load(checkpoint.shipped("completer")).tensors["centre"].float()
    sway = 0.02 * torch.randn(frames, 33, 2, generator=draw).cumsum(dim=0)
    sway = sway - 0.9 * sway.mean(dim=0) + 0.05 * torch.randn(1, 33, 2, generator=draw)
    points = torch.tensor(place) + size * (body + sway)
    points[torch.rand(frames, 33, generator=draw) < 0.1] = torch.nan
    return points


def people(count=2, clips=2):
    return [[driving(10 * i + c) for c in range(clips)] for i in range(count)]


def watched(part, **settings):
    own = [driving(100 + c, place=(360.0, 180.0), size=120.0) for c in range(2)]
    return Normality.fit({"part": part}, people(), own, **settings)


def away(seed=7):
    points = driving(seed, place=(360.0, 180.0), size=120.0).clone()
    points[32:, 15:17] += torch.tensor([240.0, -360.0])  # both hands leave the wheel
    return points


def test_it_is_a_score(part):
    assert isinstance(part, Anomaly)
    assert part.past >= 1


def test_hands_where_they_never_are_are_unusual(part):
    score = watched(part)(away())[:, 0]
    assert auroc(score.numpy(), (torch.arange(64) >= 32).numpy()) > 0.9
    assert score[:32].mean().abs() < 3  # standard deviations of normal driving


def test_frame_by_frame_the_scores_are_the_same(part):
    normality = watched(part)
    points = away()[27:37]
    stream = normality.stream()
    live = torch.stack([stream(frame) for frame in points])
    torch.testing.assert_close(live, normality(points), rtol=1e-3, atol=1e-3)


def test_later_frames_do_not_matter(part):
    normality = watched(part)
    points = away()
    changed = points.clone()
    changed[40:] += 50
    torch.testing.assert_close(
        normality(changed)[:40], normality(points)[:40], rtol=1e-4, atol=1e-4
    )


def test_place_and_size_in_the_image_do_not_matter_once_enrolled(part):
    own = [driving(100 + c) for c in range(3)]
    moved = [clip * 1.7 + torch.tensor([40.0, -20.0]) for clip in own]
    points = away()
    one = Normality.fit({"a": part}, people(), own)(points)
    two = Normality.fit({"a": part}, people(), moved)(points * 1.7 + torch.tensor([40.0, -20.0]))
    torch.testing.assert_close(one, two, rtol=1e-2, atol=2e-2)


def test_it_works_for_nobody_in_particular(part):
    normality = Normality.fit({"a": part}, people())
    assert normality(driving(50)).isfinite().all()


def test_frames_without_anybody_have_a_score(part):
    normality = watched(part)
    points = torch.full((5, 33, 2), torch.nan)
    assert normality(points).isfinite().all()


def test_moments_are_put_together():
    one = Moments(torch.zeros(2, 4, 33, 2), torch.zeros(2, 33, 2))
    both = Moments.concatenate([one, one.select(slice(1))])
    assert both.away.shape == (3, 4, 33, 2)
    assert both.last(2).away.shape == (3, 2, 33, 2)
