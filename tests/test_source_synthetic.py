import numpy as np
import pytest

from kpcomplete.errors import SettingError
from kpcomplete.skeleton import Skeleton
from kpcomplete.source import Source
from kpcomplete.source.synthetic import Synthetic

CANONICAL = Skeleton.load("blazepose33")


def test_truth_is_what_is_seen_unless_there_is_noise():
    frames = list(Synthetic(length=5, seats=("a", "b")))
    assert isinstance(Synthetic(), Source)
    assert [f.time for f in frames] == pytest.approx(np.arange(5) / 30)
    for frame in frames:
        for seat in ("a", "b"):
            np.testing.assert_array_equal(frame.people[seat].keypoints, frame.truth[seat].keypoints)
    noisy = list(Synthetic(length=50, noise=3.0))
    off = [f.people["driver"].keypoints - f.truth["driver"].keypoints for f in noisy]
    assert np.std(off) == pytest.approx(3, rel=0.1)


def test_the_same_seed_gives_the_same_people_and_another_does_not():
    a, b, c = Synthetic(seed=1), Synthetic(seed=1), Synthetic(seed=2)
    np.testing.assert_array_equal(a.truth["driver"], b.truth["driver"])
    assert np.abs(a.truth["driver"] - c.truth["driver"]).max() > 5


@pytest.mark.parametrize("seed", range(5))
def test_motion_is_natural(seed):
    source = Synthetic(length=900, seed=seed, seats=("a", "b"))
    for i, joints in enumerate(source.truth.values()):
        assert np.isfinite(joints).all()
        assert (joints >= 0).all()
        assert (joints <= source.image_size).all()
        assert (joints[..., 0].mean() < 320) == (i == 0)
        step = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
        assert step.max() < 8  # pixels a frame
        wrist = joints[:, CANONICAL.index("left_wrist")]
        assert np.ptp(wrist, axis=0).min() > 15  # but hands do move
        shoulders = joints[:, CANONICAL.indices(["left_shoulder", "right_shoulder"])]
        width = np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=-1)
        for bone in (("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist")):
            ends = joints[:, CANONICAL.indices(bone)]
            length = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1) / width
            assert np.ptp(length) < 0.01  # bones keep their length


def test_twice_the_rate_is_the_same_motion():
    slow, fast = Synthetic(length=10, fps=15), Synthetic(length=20, fps=30)
    np.testing.assert_allclose(slow.truth["driver"], fast.truth["driver"][::2], atol=1e-3)


def test_people_are_drawn_where_they_are():
    frame = next(iter(Synthetic(length=1, images=True)))
    assert frame.image.shape == (480, 640, 3)
    x, y = frame.people["driver"].keypoints[CANONICAL.index("left_elbow")].round().astype(int)
    assert frame.image[y, x].max() > 100
    assert (frame.image[:20, :20] == 40).all()


@pytest.mark.parametrize(
    ("settings", "cause"),
    [({"length": -1}, "length >= 0"), ({"fps": 0.0}, "fps > 0"), ({"seats": ("a", "a")}, "differ")],
)
def test_refuses(settings, cause):
    with pytest.raises(SettingError, match=cause):
        Synthetic(**settings)
