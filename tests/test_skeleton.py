from importlib.resources import files

import numpy as np
import pytest

from kpcomplete.errors import SkeletonError
from kpcomplete.skeleton import Skeleton, convert, convert_confidence

NAMES = sorted(f.name[:-5] for f in (files("kpcomplete.conf") / "skeleton").iterdir()
               if f.name.endswith(".yaml"))  # fmt: skip
COUNTS = {"blazepose33": 33, "coco17": 17, "body25": 25, "h36m17": 17, "halpe26": 26,
          "openpose18": 18, "mpii16": 16}  # fmt: skip


def test_all_formats_are_there():
    assert {name: len(Skeleton.load(name)) for name in NAMES} == COUNTS


@pytest.mark.parametrize("name", NAMES)
def test_mirror_is_its_own_inverse(name):
    mirror = Skeleton.load(name).mirror
    assert (mirror[mirror] == np.arange(len(mirror))).all()


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_by_value(name):
    skeleton = Skeleton.load(name)
    assert Skeleton.from_dict(skeleton.as_dict()) == skeleton


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_keeps_every_joint_that_both_know(name, skeleton, rng):
    points = rng.random((4, 33, 2))
    back = convert(convert(points, skeleton, Skeleton.load(name)), Skeleton.load(name), skeleton)
    known = np.isfinite(back)
    assert known[..., skeleton.index("left_wrist"), :].all()
    np.testing.assert_array_equal(back[known], points[known])


def test_order_is_by_name(skeleton):
    points = np.arange(33)[:, None].repeat(2, axis=1).astype(float)
    body25 = Skeleton.load("body25")
    moved = convert(points, skeleton, body25)
    for joint in ("nose", "left_elbow", "right_ear", "right_heel"):
        assert moved[body25.index(joint), 0] == skeleton.index(joint)
    assert moved[body25.index("left_big_toe"), 0] == skeleton.index("left_foot_index")


def test_midpoints_are_means_and_missing_when_a_part_is(skeleton):
    points = np.full((2, 33, 2), np.nan)
    left, right = skeleton.indices(["left_shoulder", "right_shoulder"])
    points[0, left], points[0, right] = (0, 2), (4, 6)
    points[1, left] = (0, 2)
    neck = convert(points, skeleton, Skeleton.load("h36m17"))[:, 8]
    np.testing.assert_array_equal(neck, [[2, 4], [np.nan, np.nan]])


def test_a_midpoint_of_midpoints(skeleton):
    points = np.zeros((33, 2))
    points[skeleton.indices(["left_hip", "right_hip"])] = 8.0
    h36m = Skeleton.load("h36m17")
    assert convert(points, skeleton, h36m)[h36m.index("spine"), 0] == 4.0


def test_confidence_of_a_midpoint_is_the_lowest(skeleton):
    confidence = np.ones((1, 33), dtype=np.float32)
    confidence[0, skeleton.index("left_shoulder")] = 0.3
    body25 = Skeleton.load("body25")
    got = convert_confidence(confidence, skeleton, body25)
    assert got[0, body25.index("neck")] == np.float32(0.3)
    assert got[0, body25.index("left_small_toe")] == 0


def test_unknown_names_are_all_named():
    with pytest.raises(SkeletonError, match="no joint 'tail', 'wing'; it has nose, "):
        Skeleton.load("coco17").indices(["wing", "nose", "tail"])
    with pytest.raises(SkeletonError, match="no skeleton is called 'coco18'; there are blazepose"):
        Skeleton.load("coco18")


def test_wrong_number_of_joints(skeleton):
    with pytest.raises(SkeletonError, match=r"'blazepose33' must have 33 joints.*17, 2"):
        convert(np.zeros((5, 17, 2)), skeleton, Skeleton.load("coco17"))


def test_a_joint_named_twice():
    with pytest.raises(SkeletonError, match="names a joint twice"):
        Skeleton(name="x", joints=("a", "a"))
