"""What every lifter keeps, over every conf/lifter/*.yaml, live and not."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from solid_people import seen, sight

from kpcomplete import normalize
from kpcomplete.lens import Lens
from kpcomplete.lifter import Lifter, Streaming
from kpcomplete.lifter.sight import Sight

CONF = Path(__file__).parents[1] / "conf"
MIRROR = Lens(position=[0.0, -1.2, 1.08], looks_at=[0.0, 0.0, 0.74]).camera((640, 480)).mounting
NAMES = sorted(file.stem for file in (CONF / "lifter").glob("*.yaml"))


@cache
def load(name, causal):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(compose(f"lifter/{name}").lifter, causal=causal, _convert_="all")


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["offline", "causal"])
def lifter(name, request):
    return load(name, request.param)


def hidden(clean, share=0.3, seed=0):
    draw = torch.rand(clean.observed.shape, generator=torch.Generator().manual_seed(seed))
    return draw < share


def test_there_is_one_for_every_yaml():
    assert {"planar", "temporal"} <= set(NAMES)


def test_it_gives_what_was_seen_a_place_and_a_deviation(lifter):
    assert isinstance(lifter, Lifter)
    clean = seen()
    found = lifter(sight(clean))
    assert found.points.shape == clean.solid.shape
    assert found.std.shape == clean.observed.shape
    assert found.points.isfinite().all()
    assert (found.std > 0).all()


def test_what_was_seen_projects_to_where_it_was_seen(name, lifter):
    """Exactly, or, if a network may doubt what detectors report, nearly so."""
    clean = seen()
    points = lifter(sight(clean)).points
    pixels = points[..., :2] / points[..., 2:] * 500.0
    off = (pixels - clean.keypoints).norm(dim=-1) / normalize.fit(clean).scale[:, None, None]
    most, mean = (0.1, 0.05) if name == "temporal" else (1e-3, 1e-3)
    shoulders = off[:, :, [11, 12]]
    assert shoulders.max() < most
    assert off.mean() < mean


def test_the_root_is_about_as_far_as_it_is(lifter):
    clean = seen(windows=6)
    found = lifter(sight(clean)).points[:, :, 11:13, 2].mean()
    assert found == pytest.approx(float(clean.solid[:, :, 11:13, 2].mean()), rel=0.3)


def test_what_is_hidden_cannot_be_seen(lifter):
    clean = seen()
    gone = hidden(clean)
    plain = sight(clean, gone)
    rays = torch.where(gone[..., None], torch.tensor([0.6, 0.0, 0.8]), plain.rays)
    a, b = lifter(plain), lifter(replace(plain, rays=rays))
    torch.testing.assert_close(a.points, b.points, equal_nan=True)
    torch.testing.assert_close(a.std, b.std, equal_nan=True)


def test_windows_do_not_depend_on_each_other(lifter):
    clean = seen(windows=3)
    whole = lifter(sight(clean)).points
    alone = lifter(sight(clean.select(slice(1, 2)))).points
    torch.testing.assert_close(whole[1:2], alone, atol=1e-4, rtol=1e-4)


def test_live_frames_do_not_depend_on_later_ones(name):
    lifter = load(name, True)
    clean = seen(time=20)
    early = replace(
        sight(clean),
        **{field: value[:, :12] for field, value in vars(sight(clean)).items()},
    )
    whole, part = lifter(sight(clean)), lifter(early)
    torch.testing.assert_close(whole.points[:, :12], part.points, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_it_stands_everything_and_nothing(lifter, share):
    clean = seen(time=1)
    found = lifter(sight(clean, hidden(clean, share)))
    given = torch.full_like(clean.observed, share == 0)
    assert found.points[given].isfinite().all()


def frames(whole, people, stream):
    """Return what a stream says of a sight, frame by frame, put together."""
    found = [
        stream(Sight(**{k: v[:, t : t + 1] for k, v in vars(whole).items()}), people)
        for t in range(whole.rays.shape[1])
    ]
    return (torch.cat([getattr(one, k) for one in found], dim=1) for k in ("points", "std"))


def doubtful(clean, seed=3):
    """Return a sight with gaps, some of which are filled in with a deviation."""
    clean = replace(clean, mounting=clean.mounting.clone())
    clean.mounting[0] = torch.from_numpy(MIRROR)
    plain = sight(clean, hidden(clean, 0.4, seed))
    draw = torch.Generator().manual_seed(seed)
    guessed = plain.given & (torch.rand(plain.given.shape, generator=draw) < 0.3)
    std = 0.05 * torch.rand(plain.std.shape, generator=draw) * guessed
    return replace(plain, seen=plain.seen & ~guessed, std=std)


def test_frame_by_frame_it_says_what_it_says_of_the_window(name):
    lifter = load(name, True)
    assert isinstance(lifter, Streaming)
    whole = doubtful(seen(windows=3, time=90))
    wanted = lifter(whole)
    points, std = frames(whole, ["a", "b", "c"], lifter.stream(window=90))
    torch.testing.assert_close(points, wanted.points, atol=1e-5, rtol=1e-5, equal_nan=True)
    torch.testing.assert_close(std, wanted.std, atol=1e-5, rtol=1e-5, equal_nan=True)


def test_what_looks_ahead_has_no_form_frame_by_frame(name):
    assert load(name, False).stream(window=90) is None


def test_people_come_and_go_frame_by_frame_without_touching_each_other(name):
    lifter, whole = load(name, True), doubtful(seen(windows=3, time=20))
    alone = [
        next(frames(Sight(**{k: v[i : i + 1, 8 * (i == 2) :] for k, v in vars(whole).items()}),
                    ["x"], lifter.stream(window=12)))
        for i in range(3)
    ]  # fmt: skip
    stream = lifter.stream(window=12)
    for t in range(20):
        # c comes after 8 frames, a leaves after 14, and the others change places
        rows = [0, 1] if t < 8 else [0, 1, 2] if t < 14 else [2, 1]
        one = Sight(**{k: v[rows, t : t + 1] for k, v in vars(whole).items()})
        points = stream(one, ["abc"[row] for row in rows]).points
        for place, row in enumerate(rows):
            wanted = alone[row][0, t - 8 * (row == 2)]
            torch.testing.assert_close(points[place, 0], wanted, atol=1e-5, rtol=1e-5,
                                       equal_nan=True)  # fmt: skip


def test_whoever_comes_back_is_new_frame_by_frame(name):
    lifter, whole = load(name, True), doubtful(seen(windows=2, time=12))
    stream = lifter.stream(window=12)
    one, other = (Sight(**{k: v[i : i + 1] for k, v in vars(whole).items()}) for i in (0, 1))
    list(frames(one, ["a"], stream))
    stream(Sight(**{k: v[:, :1] for k, v in vars(other).items()}), ["b"])  # nobody on a's seat
    again, _ = frames(other, ["a"], stream)
    torch.testing.assert_close(again, lifter(other).points, atol=1e-5, rtol=1e-5, equal_nan=True)
