import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch


def person(batch=2, time=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, time, 33, 2, generator=generator) * 200 + 100


def keep(batch, joints):
    hidden = torch.ones_like(batch.observed)
    hidden[:, :, list(joints)] = False
    return batch.hide(hidden)


def test_there_and_back():
    batch = PoseBatch.from_keypoints(person())
    placement = normalize.fit(batch)
    back = placement.into_pixels(placement.into_body(batch))
    torch.testing.assert_close(back.keypoints, batch.keypoints)


def test_the_body_unit_by_hand():
    points = torch.full((1, 3, 33, 2), torch.nan)
    points[:, :, 0] = torch.tensor([50.0, 10.0])  # nose
    points[:, :, 11] = torch.tensor([70.0, 50.0])  # shoulders, 40 apart, neck at (50, 50)
    points[:, :, 12] = torch.tensor([30.0, 50.0])
    placement = normalize.fit(PoseBatch.from_keypoints(points))
    assert placement.scale.tolist() == [60.0]  # 1.5 * 40 from nose to neck
    assert placement.centre.tolist() == [[50.0, 50.0]]


def test_hidden_joints_do_not_matter():
    points = person()
    hidden = torch.rand(2, 6, 33, generator=torch.Generator().manual_seed(1)) < 0.4
    a = normalize.fit(PoseBatch.from_keypoints(points).hide(hidden))
    b = normalize.fit(PoseBatch.from_keypoints(points + 1000 * hidden[..., None]).hide(hidden))
    assert torch.equal(a.centre, b.centre)
    assert torch.equal(a.scale, b.scale)


@settings(max_examples=60)
@given(st.sets(st.integers(0, 32), min_size=1), st.floats(0.2, 5), st.floats(-300, 300))
def test_moving_and_scaling_the_person_moves_the_placement(joints, factor, shift):
    points = person(time=3)
    a = normalize.fit(keep(PoseBatch.from_keypoints(points), joints))
    b = normalize.fit(keep(PoseBatch.from_keypoints(points * factor + shift), joints))
    inside_a = a.into_body(keep(PoseBatch.from_keypoints(points), joints)).keypoints
    inside_b = b.into_body(
        keep(PoseBatch.from_keypoints(points * factor + shift), joints)
    ).keypoints
    if (a.scale != 1).all():  # a single joint tells no scale
        torch.testing.assert_close(b.scale, a.scale * factor, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(inside_a, inside_b, rtol=1e-3, atol=5e-3)


@pytest.mark.parametrize("joints", [(), (20,), (0, 7), (25, 26)])
def test_any_joints_give_a_finite_placement(joints):
    placement = normalize.fit(keep(PoseBatch.from_keypoints(person()), joints))
    assert placement.centre.isfinite().all()
    assert (placement.scale > 0).all()


def test_no_frames():
    placement = normalize.fit(PoseBatch.from_keypoints(torch.zeros(2, 0, 33, 2)))
    assert placement.scale.tolist() == [1, 1]
