"""Live people in 3D: what is kept of them, and for how long."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from solid_people import SKELETON, seen
from test_lifting import CAMERA, lengths, poses

from kpcomplete.lifter.bones import Bones
from kpcomplete.lifter.growing import Growing
from kpcomplete.lifter.learned import Learned
from kpcomplete.lifting import Lifting


@pytest.fixture(scope="module")
def lifter():
    return Learned(causal=True)


def shaken(time=60, seed=0):
    """Return points of a body that moves, trembling, and deviations."""
    draw = torch.Generator().manual_seed(seed)
    solid = seen(windows=1, time=time).solid[0]
    return (solid + 0.01 * torch.randn(solid.shape, generator=draw)).double(), 0.02 + 0.05 * (
        torch.rand(solid.shape[:-1], generator=draw).double()
    )


def test_a_body_that_was_measured_has_the_bones_that_a_window_gives_it():
    points, std = shaken()
    bones = Bones.fit(points.float(), std.float())
    growing = Growing(enough=60)
    for t in range(60):
        growing(points[t : t + 1].numpy(), std[t : t + 1].numpy(), np.array([True]), ["a"])
    later, _ = shaken(seed=1)
    for t in range(60):  # measured no more
        now = growing(later[t : t + 1].numpy(), std[t : t + 1].numpy(), np.array([True]), ["a"])
        wanted = bones.apply(later[t : t + 1].float())
        np.testing.assert_allclose(now, wanted, atol=4e-3)  # shapes: one round, not four
        limbs = SKELETON.indices(["left_shoulder", "left_elbow", "left_wrist", "right_knee"])
        np.testing.assert_allclose(now[:, limbs], wanted[:, limbs], atol=1e-4)


def test_bones_keep_their_lengths_and_people_do_not_touch_each_other():
    points, std = (x.numpy() for x in shaken())
    other, _ = (x.numpy() for x in shaken(seed=5))
    both, alone = Growing(enough=20), Growing(enough=20)
    found = []
    for t in range(60):
        two = np.stack([points[t], 1.3 * other[t]])
        usable = np.array([True, t % 3 > 0])
        out = both(two, std[[t, t]], usable, ["a", "b"])
        np.testing.assert_array_equal(out[1][None][~usable[1:]], two[1][None][~usable[1:]])
        one = alone(points[t : t + 1], std[t : t + 1], np.array([True]), ["a"])
        np.testing.assert_allclose(out[0], one[0], atol=1e-9)
        found.append(out[0])
    assert lengths(np.array(found[20:])).std() < 1e-9
    assert lengths(points[20:]).std() > 3e-3


def test_live_frames_are_those_of_the_window_of_the_past(lifter):
    whole = poses(seen(windows=1, time=80))
    hidden = np.random.default_rng(0).random((80, 33)) < 0.3
    whole = whole.hide(hidden)
    lifting = Lifting(lifter=lifter, camera=CAMERA, rigid=False)
    live = [lifting.follow({"a": whole[t : t + 1]})["a"] for t in range(80)]
    wanted = Lifting(lifter=lifter, camera=CAMERA, rigid=False)({"a": whole})["a"]
    np.testing.assert_allclose(
        np.concatenate([solid.points for solid in live]), wanted.points, atol=1e-5, rtol=1e-5
    )
    np.testing.assert_allclose(
        np.concatenate([solid.std for solid in live]), wanted.std, atol=1e-5, rtol=1e-5
    )


def test_no_window_is_lifted_when_live(lifter, monkeypatch):
    monkeypatch.setattr(Learned, "__call__", lambda *_: pytest.fail("a whole window"))
    one = poses(seen(windows=1, time=1))
    assert np.isfinite(Lifting(lifter=lifter, camera=CAMERA).follow({"a": one})["a"].points).all()


def test_an_empty_seat_is_forgotten_and_then_filled_by_somebody_else(lifter):
    child = poses(seen(windows=1, time=40))
    grown = replace(child, keypoints=(child.keypoints - 300) * 1.5 + 300)
    empty = child[:1].hide(np.ones((1, 33), bool))

    def follow(lifting, *parts):
        return [lifting.follow({"a": part[t : t + 1]}) for part in parts for t in range(len(part))]

    for gap, same in ((10, False), (81, True)):
        lifting = Lifting(lifter=lifter, camera=CAMERA)
        follow(lifting, grown)
        between = [lifting.follow({"a": empty}) for _ in range(gap)]
        assert all(np.isnan(found["a"].points).all() for found in between[:80])
        assert ("a" in between[-1]) == (not same)
        again = np.concatenate([f["a"].points for f in follow(lifting, child)])
        alone = Lifting(lifter=lifter, camera=CAMERA)
        wanted = np.concatenate([f["a"].points for f in follow(alone, child)])
        assert np.allclose(again, wanted, atol=1e-6) == same
