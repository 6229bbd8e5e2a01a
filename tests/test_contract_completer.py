"""What every completer keeps, over every conf/completer/*.yaml."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from kpcomplete import normalize, pipeline
from kpcomplete.batch import PoseBatch
from kpcomplete.completer import Completer, Streaming
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton

CONF = Path(__file__).parents[1] / "conf"
NAMES = sorted(file.stem for file in (CONF / "completer").glob("*.yaml"))
SKELETON = Skeleton.load("blazepose33")
TORSO = {"nose": (0, -0.65), "left_shoulder": (0.5, 0), "right_shoulder": (-0.5, 0.0),
         "left_elbow": (0.65, 0.7), "right_elbow": (-0.6, 0.75), "left_wrist": (0.5, 1.1),
         "right_wrist": (-0.3, 1.0), "left_hip": (0.3, 1.25), "right_hip": (-0.3, 1.2)}  # fmt: skip


@cache
def load(name, causal=False):
    """Return a completer as its YAML has it, or, where it can be told to be, as a causal one."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = compose(f"completer/{name}").completer
    if causal and "causal" in settings:
        settings.causal = True
    return instantiate(settings, _convert_="all")


@pytest.fixture(params=NAMES)
def completer(request):
    return load(request.param)


def people(count=2, time=12, seed=0):
    """Return people in body units, all 33 joints observed, with a slow movement."""
    generator = torch.Generator().manual_seed(seed)
    pose = 0.3 * torch.randn(count, 1, 33, 2, generator=generator)
    for joint, place in TORSO.items():
        pose[:, 0, SKELETON.index(joint)] = torch.tensor(place, dtype=torch.float32)
    steps = 0.02 * torch.randn(count, time, 33, 2, generator=generator).cumsum(dim=1)
    return PoseBatch.from_keypoints(pose + steps)


def holes(batch, share=0.4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.rand(batch.observed.shape, generator=generator) < share
    hidden[:, 3:8, SKELETON.indices(["left_elbow", "left_wrist"])] = True  # a gap
    hidden[:, :, SKELETON.index("right_wrist")] = True  # never seen
    return hidden


def assert_same(a, b, tolerance=1e-4):
    assert torch.equal(a.observed, b.observed)
    for name in ("keypoints", "covariance", "confidence"):
        torch.testing.assert_close(
            getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance, msg=lambda m: m
        )


def test_there_is_one_for_every_yaml():
    assert {"hold", "linear", "gaussian", "kalman", "guided_linear"} <= set(NAMES)


def test_it_is_a_completer(completer):
    assert isinstance(completer, Completer)
    assert isinstance(completer.causal, bool)


def test_what_is_hidden_cannot_be_seen(completer):
    clean = people()
    hidden = holes(clean)
    moved = PoseBatch.from_keypoints(clean.keypoints + 1000.0 * hidden[..., None])
    assert_same(completer(clean.hide(hidden)), completer(moved.hide(hidden)), 0)


def test_values_under_missing_joints_carry_nothing(completer):
    batch = people().hide(holes(people()))
    dirty = PoseBatch(
        keypoints=torch.where(batch.observed[..., None], batch.keypoints, 7.0),
        confidence=batch.confidence,
        observed=batch.observed,
        times=batch.times,
    )
    one, two = completer(batch), completer(dirty)
    given = one.observed
    assert torch.equal(given, two.observed)
    torch.testing.assert_close(one.keypoints[given], two.keypoints[given], rtol=1e-5, atol=1e-5)


def test_observed_joints_go_out_unchanged(completer):
    clean = people()
    hidden = holes(clean)
    batch = clean.hide(hidden)
    done = completer(batch)
    assert (done.observed | ~batch.observed).all()
    assert torch.equal(done.keypoints[batch.observed], batch.keypoints[batch.observed])
    assert torch.equal(done.confidence[batch.observed], batch.confidence[batch.observed])
    assert not done.covariance[batch.observed].any()
    assert (done.observed & hidden).any()  # and it does fill something in


def test_covariance_and_confidence_of_what_is_filled_in(completer):
    batch = people(time=20).hide(holes(people(time=20)))
    done = completer(batch)
    filled = done.observed & ~batch.observed
    covariance = done.covariance[filled]
    torch.testing.assert_close(covariance, covariance.mT)
    assert (torch.linalg.eigvalsh(covariance) > 0).all()
    assert done.confidence.min() >= 0
    assert done.confidence.max() <= 1
    assert 0 < done.confidence[filled].min() <= done.confidence[filled].max()
    missing = ~done.observed
    assert not done.keypoints[missing].any()
    assert not done.confidence[missing].any()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_any_subset_of_joints_gives_finite_numbers(completer, count):
    generator = torch.Generator().manual_seed(count)
    clean = people(count=24, time=6, seed=count)
    rank = torch.rand(24, 1, 33, generator=generator).argsort(dim=-1).argsort(dim=-1)
    batch = clean.hide((rank >= count).expand_as(clean.observed))
    done = completer(batch)
    for values in (done.keypoints, done.covariance, done.confidence):
        assert torch.isfinite(values).all()
    if not count:
        assert not done.observed.any()


@pytest.mark.parametrize("time", [0, 1])
def test_short_windows(completer, time):
    clean = people(time=time)
    done = completer(clean.hide(holes(clean)))
    assert done.keypoints.shape == (2, time, 33, 2)
    assert done.covariance.shape == (2, time, 33, 2, 2)
    assert torch.isfinite(done.keypoints).all()


def test_windows_do_not_depend_on_each_other(completer):
    clean = people(count=3, seed=2)
    batch = clean.hide(holes(clean, seed=3))
    together = completer(batch)
    for row in range(3):
        assert_same(
            together.select(slice(row, row + 1)), completer(batch.select(slice(row, row + 1)))
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_causal_one_does_not_look_ahead(name):
    completer = load(name, causal=True)
    if not completer.causal:
        pytest.skip(f"{name} cannot be causal")
    clean = people(time=16)
    hidden = holes(clean)
    other = people(time=16, seed=9)
    mixed = PoseBatch.from_keypoints(
        torch.cat([clean.keypoints[:, :9], 3 + other.keypoints[:, 9:]], dim=1)
    )
    changed = torch.cat([hidden[:, :9], holes(other, seed=8)[:, 9:]], dim=1)
    first, second = completer(clean.hide(hidden)), completer(mixed.hide(changed))
    assert_same(first.frames(slice(0, 9)), second.frames(slice(0, 9)))
    short = completer(clean.hide(hidden).frames(slice(0, 9)))
    assert_same(first.frames(slice(0, 9)), short)


def sequence(keypoints):
    return PoseSequence.observed(
        keypoints, skeleton=SKELETON, fps=30.0, image_size=(1280, 720), person="driver"
    )


def test_moving_and_scaling_the_person_moves_and_scales_the_completion(completer):
    clean = people(count=1, time=16)
    batch = clean.hide(holes(clean))
    body = np.where(batch.observed[0, ..., None], batch.keypoints[0], np.nan).astype(np.float32)
    done, far = (
        pipeline.complete([sequence(points)], completer)["driver"]
        for points in (100 * body + 300, 250 * body + np.float32([700, 200]))
    )
    assert (done.visibility == far.visibility).all()
    wanted = (done.keypoints - 300) * 2.5 + [700, 200]
    np.testing.assert_allclose(far.keypoints, wanted, atol=0.5)  # px, of a body of 250 px
    np.testing.assert_allclose(done.confidence, far.confidence, atol=1e-2)
    given = ~done.is_missing
    np.testing.assert_allclose(
        far.covariance[given], 2.5**2 * done.covariance[given], rtol=2e-2, atol=1
    )


AHEAD = {"linear", "akima"}  # wait for the next sight


def seated(time=40):
    """Return people in pixels whose head and shoulders keep still, and are always seen."""
    batch = people(count=3, time=time)
    hidden = holes(batch)
    still = SKELETON.indices(["nose", "left_shoulder", "right_shoulder"])
    points = batch.keypoints.clone()
    points[:, :, still], hidden[:, :, still] = points[:, :1, still], False
    return replace(batch, keypoints=100 * points + 300).hide(hidden)


@pytest.mark.parametrize("name", NAMES)
def test_frame_by_frame_it_says_what_it_says_of_the_window(name):
    completer = load(name, causal=True)
    if not completer.causal:
        assert name in AHEAD
        assert not isinstance(completer, Streaming) or completer.stream(40) is None
        return
    assert isinstance(completer, Streaming)
    batch, stream = seated(), completer.stream(40)
    placement = normalize.fit(batch)
    whole = placement.into_pixels(completer(placement.into_body(batch)))
    some = 0
    for t in range(40):
        now = batch.frames(slice(t, t + 1))
        done = stream(now, ["a", "b", "c"], float(batch.times[0, t]))
        wanted = whole.frames(slice(t, t + 1))
        assert torch.equal(done.observed, wanted.observed)
        torch.testing.assert_close(done.keypoints, wanted.keypoints, rtol=1e-5, atol=1e-3)
        size = wanted.covariance.diagonal(dim1=-2, dim2=-1).amax(dim=-1)[..., None, None]
        off = (done.covariance - wanted.covariance).abs()
        assert (off <= 1e-4 * size + 1e-2).all()  # of a joint's variance, not of each entry
        torch.testing.assert_close(done.confidence, wanted.confidence, rtol=1e-4, atol=1e-4)
        some += int((done.observed & ~now.observed).sum())
    assert some > 300


@pytest.mark.parametrize("name", sorted(set(NAMES) - AHEAD))
def test_whoever_leaves_is_forgotten_frame_by_frame(name):
    batch, completer = seated(time=12), load(name, causal=True)
    one, other = batch.select(slice(0, 1)), batch.select(slice(1, 2))
    stream, alone = completer.stream(20), completer.stream(20)
    for t in range(12):
        stream(one.frames(slice(t, t + 1)), ["a"], t / 30)
    stream(one.frames(slice(0, 1)), ["b"], 0.5)  # nobody on the seat of a
    for t in range(12):
        found = stream(other.frames(slice(t, t + 1)), ["a"], 1 + t / 30)
        assert_same(found, alone(other.frames(slice(t, t + 1)), ["a"], 1 + t / 30), 1e-3)
