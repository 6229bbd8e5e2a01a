"""What is remembered of a person, in training and in use, and what the network makes of it."""

from dataclasses import replace

import made
import numpy as np
import pytest
import torch

from kpcomplete import normalize
from kpcomplete.album import Album
from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.model.temporal import Temporal
from kpcomplete.objective.augment import Augment
from kpcomplete.recall import Recall
from kpcomplete.sampler import Sampler, motion
from kpcomplete.skeleton import CANONICAL, Skeleton

SKELETON = Skeleton.load(CANONICAL)


def poses(*values, length=100, cameras=()):
    """One clip a value: every joint of every frame lies at (value, value)."""
    clips = [torch.full((length, 33, 2), float(value)) for value in values]
    people = ["ann" if i % 2 == 0 else "bob" for i in range(len(values))]
    return PoseSet.from_clips(clips, people=people, views=["x"] * len(values), fps=30.0,
                              cameras=cameras)  # fmt: skip


def drawn(album, first, last, share=1.0, seed=0):
    first, last = torch.tensor(first), torch.tensor(last)
    return album.draw(first, last, share, torch.Generator().manual_seed(seed))


def test_an_album_shows_the_same_person_through_the_same_camera():
    album = Album(poses=poses(1, 2, 3, 4, cameras=["front", "front", "front", "side"]))
    memory = drawn(album, [100] * 50 + [300] * 50, [159] * 50 + [359] * 50)
    assert (memory.mean[:50][memory.known[:50]] == 2).all()
    assert (memory.mean[50:][memory.known[50:]] == 4).all()
    shown = drawn(album, [0] * 50, [59] * 50).mean
    assert shown.min() < 2
    assert shown.max() > 2
    assert ((shown >= 1) & (shown <= 3) | (shown == 0)).all()


def test_an_album_never_shows_the_window_itself():
    album = Album(poses=poses(5, length=64))
    memory = drawn(album, [0] * 20, [63] * 20)
    assert not memory.known.any()
    assert (memory.mean == 0).all()


def test_without_cameras_each_clip_is_its_own():
    album = Album(poses=poses(1, 2, 3))
    memory = drawn(album, [200] * 40, [210] * 40)
    assert (memory.mean[memory.known] == 3).all()


def test_some_windows_remember_nothing():
    memory = drawn(Album(poses=poses(1)), [0] * 400, [9] * 400, share=0.3)
    assert memory.known.any(dim=1).float().mean() == pytest.approx(0.3, abs=0.08)


def test_the_sampler_hands_memories_on_in_pixels():
    sets = {"a": poses(7, 8, cameras=["c", "c"])}
    batch = Sampler(sets=sets, length=20, remembered=1.0).draw(16, torch.Generator().manual_seed(0))
    assert batch.memory.known.any(dim=1).all()
    places = batch.keypoints[:, 0, 0, 0]
    assert torch.equal(batch.memory.mean[:, 0, 0], places)


@pytest.mark.parametrize("share", [{"moving": 1.2}, {"remembered": -0.1}])
def test_shares_must_be_shares(share):
    with pytest.raises(SettingError, match=r"must be shares in 0\.\.1"):
        Sampler(sets={"a": poses(1)}, length=20, **share)


def moving_arm():
    """Two clips of a person of body unit 100; in the second the left wrist moves all the time."""
    points = torch.zeros(400, 33, 2)
    for joint, place in {"nose": (0, -60), "left_shoulder": (50, 0), "right_shoulder": (-50, 0),
                         "left_wrist": (50, 100), "right_wrist": (-50, 100)}.items():  # fmt: skip
        points[:, SKELETON.index(joint)] = torch.tensor(place, dtype=torch.float32)
    points[200:, SKELETON.index("left_wrist"), 0] += 3.0 * torch.arange(200)
    return PoseSet.from_clips(
        [points[:200], points[200:]], people=["a", "b"], views=["x", "x"], fps=30.0
    )


def test_motion_is_in_body_units_and_stays_in_its_clip():
    found = motion(moving_arm())
    assert (found[:200] == 0).all()
    torch.testing.assert_close(found[200:392], torch.full((192,), 24 / 100))
    assert (found[392:] == 0).all()


def test_windows_in_which_arms_move_are_drawn_more():
    wrist = SKELETON.index("left_wrist")
    share = {}
    for moving in (0.0, 0.8):
        sampler = Sampler(sets={"a": moving_arm()}, length=50, moving=moving)
        batch = sampler.draw(400, torch.Generator().manual_seed(0))
        moves = batch.keypoints[:, 0, wrist] != batch.keypoints[:, -1, wrist]
        share[moving] = float(moves.any(dim=-1).float().mean())
    assert share[0.0] == pytest.approx(0.5, abs=0.1)
    assert share[0.8] == pytest.approx(0.9, abs=0.05)


def remembering(count=3):
    """Windows of frames 0..29, and a memory of joints 0..9."""
    generator = torch.Generator().manual_seed(0)
    batch = PoseBatch.from_keypoints(torch.randn(count, 30, 33, 2, generator=generator) * 50)
    known = (torch.arange(33) < 10).float().expand(count, 33)
    mean = torch.randn(count, 33, 2, generator=generator) * 50 * known[..., None]
    return replace(batch, memory=Memory(mean=mean, count=40 * known))


def test_a_memory_follows_its_windows():
    batch = remembering()
    assert torch.equal(batch.select(slice(1, 2)).memory.mean, batch.memory.mean[1:2])
    assert torch.equal(batch.frames(slice(3, 9)).memory.mean, batch.memory.mean)
    both = PoseBatch.concatenate([batch.select(slice(0, 1)), batch.select(slice(1, 3))])
    assert torch.equal(both.memory.mean, batch.memory.mean)
    without = replace(batch, memory=None)
    assert PoseBatch.concatenate([batch, without]).memory is None


def test_a_memory_is_placed_as_the_windows_are():
    batch = remembering()
    placement = normalize.fit(batch)
    body = placement.into_body(batch)
    at = (batch.memory.mean[1, 4] - placement.centre[1]) / placement.scale[1]
    torch.testing.assert_close(body.memory.mean[1, 4], at)
    assert (body.memory.mean[:, 10:] == 0).all()
    torch.testing.assert_close(placement.into_pixels(body).memory.mean, batch.memory.mean)


def test_a_memory_is_mirrored_and_turned_with_its_windows():
    batch = remembering()
    still = replace(batch, keypoints=batch.memory.mean[:, None].expand(-1, 30, -1, -1).clone(),
                    observed=batch.memory.known[:, None].expand(-1, 30, -1))  # fmt: skip
    changed = Augment(mirror=0.5, rotation=20, stretch=0.2, shift=3.0, scale=0.2, seed=4)(still)
    torch.testing.assert_close(changed.memory.mean, changed.keypoints[:, 0])
    assert torch.equal(changed.memory.known, changed.observed[:, 0])


def network():
    model = Temporal(width=16, dilations=[1, 3], codes=4)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.out, std=0.3)
    model.prepare(PoseBatch.from_keypoints(torch.randn(8, 60, 33, 2)))
    return model.eval()


@pytest.mark.parametrize("causal", [False, True])
def test_a_hidden_joint_is_drawn_to_where_the_person_has_it(causal):
    batch = remembering()
    batch = replace(batch, keypoints=batch.keypoints / 50,
                    memory=batch.memory.map(lambda x: x / 50))  # fmt: skip
    nose = torch.arange(33).expand(batch.observed.shape) == 0
    hidden = batch.hide(nose)
    model = network()
    far = replace(hidden, memory=replace(batch.memory, mean=batch.memory.mean + 2.0))
    one, other = (model(x, causal=causal).mean for x in (hidden, far))
    assert (other - one)[:, :, 0].mean() > 0.5
    ignored = replace(far, memory=replace(far.memory, count=torch.zeros(3, 33)))
    torch.testing.assert_close(
        model(ignored, causal=causal).mean, model(replace(hidden, memory=None), causal=causal).mean
    )


def test_recall_is_the_mean_of_what_was_seen_and_fades():
    recall = Recall(frames=20.0)
    first = made.driver(10).observed
    recall.add(first)
    memory = recall.of([first])
    seen = first.is_observed
    for joint in np.flatnonzero(seen.any(axis=0)):
        mean = first.keypoints[seen[:, joint], joint].mean(axis=0)
        torch.testing.assert_close(memory.mean[0, joint], torch.from_numpy(mean))
    assert torch.equal(memory.known[0], torch.from_numpy(seen.any(axis=0)))
    moved = replace(first, keypoints=first.keypoints + 30)
    recall.add(moved)
    drift = (recall.of([first]).mean - memory.mean)[memory.known]
    weight = 1 / (1 + np.exp(-10 / 20))
    torch.testing.assert_close(drift, torch.full_like(drift, 30 * weight), atol=1e-3, rtol=1e-4)


def test_recall_forgets():
    recall, driver = Recall(), made.driver(10).observed
    assert recall.of([driver]) is None
    recall.add(driver)
    recall.forget(driver.person)
    assert recall.of([driver]) is None
