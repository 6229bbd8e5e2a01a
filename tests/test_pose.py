import numpy as np
import pytest

from kpcomplete.errors import ShapeError
from kpcomplete.pose import PoseSequence, Visibility
from kpcomplete.skeleton import Skeleton

COCO = Skeleton.load("coco17")


def made(keypoints, **options):
    return PoseSequence.observed(
        keypoints, skeleton=COCO, fps=30, image_size=(640, 480), person="driver", **options
    )


@pytest.fixture
def pose(rng):
    keypoints = rng.random((6, 17, 2)) * 400
    keypoints[2, 3, 0] = np.nan
    return made(keypoints)


def test_nan_means_missing(pose):
    assert pose.is_missing.sum() == 1
    assert np.isnan(pose.keypoints[2, 3]).all()
    assert pose.confidence[2, 3] == 0
    assert pose.keypoints.dtype == np.float32


def test_nan_without_missing_is_refused(pose):
    wrong = pose.visibility.copy()
    wrong[2, 3] = Visibility.OBSERVED
    values = {name: getattr(pose, name) for name in pose.__dataclass_fields__}
    with pytest.raises(ValueError, match="'left_ear' of 'driver' in frame 2 must be NaN exactly"):
        PoseSequence(**(values | {"visibility": wrong}))


def test_wrong_shape_says_which(pose):
    with pytest.raises(ShapeError, match=r"confidence of 'driver' must have shape \(6, 17\)"):
        PoseSequence(
            **{n: getattr(pose, n) for n in pose.__dataclass_fields__}
            | {"confidence": np.ones((6, 13))}
        )


def test_hide(pose):
    hidden = np.zeros((6, 17), dtype=bool)
    hidden[0, 5] = True
    after = pose.hide(hidden)
    assert after.is_missing[0, 5]
    assert after.is_missing.sum() == 2
    assert not pose.is_missing[0, 5]


def test_to_another_skeleton_and_back(pose):
    there = pose.to(Skeleton.load("blazepose33"))
    back = there.to(COCO)
    np.testing.assert_array_equal(back.keypoints, pose.keypoints)
    np.testing.assert_array_equal(back.visibility, pose.visibility)
    assert there.is_missing.sum() == 6 * 16 + 1


def test_a_midpoint_is_only_as_observed_as_its_parts(skeleton):
    values = np.zeros((1, 33, 2), dtype=np.float32)
    state = np.full((1, 33), Visibility.OBSERVED, dtype=np.uint8)
    state[0, skeleton.index("left_hip")] = Visibility.COMPLETED
    pose = PoseSequence(keypoints=values, confidence=np.ones((1, 33), np.float32),
                        visibility=state, times=np.zeros(1), skeleton=skeleton, fps=30,
                        image_size=(9, 9), person="p")  # fmt: skip
    body25 = Skeleton.load("body25")
    assert pose.to(body25).visibility[0, body25.index("mid_hip")] == Visibility.COMPLETED


def test_a_stretch_of_frames(pose):
    part = pose[2:4]
    assert len(part) == 2
    np.testing.assert_array_equal(part.times, pose.times[2:4])
