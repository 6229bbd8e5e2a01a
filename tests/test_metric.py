import numpy as np
import pytest

from kpcomplete import metric
from kpcomplete.errors import ShapeError
from kpcomplete.skeleton import Skeleton

NAN = np.nan
TRUTH = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [NAN, NAN]])
GUESS = np.array([[3.0, 4.0], [0.0, 1.0], [NAN, NAN], [0.0, 0.0]])


def test_mean_error_counts_what_is_known_on_both_sides():
    assert metric.mean_error(GUESS, TRUTH) == 3.0
    assert metric.mean_error(GUESS, TRUTH, unit=2.0) == 1.5
    assert metric.mean_error(GUESS, TRUTH, counted=np.array([True, False, True, True])) == 5.0
    assert np.isnan(metric.mean_error(GUESS, TRUTH, counted=np.zeros(4, dtype=bool)))
    with pytest.raises(ShapeError, match=r"one shape, but got \(4, 2\) and \(3, 2\)"):
        metric.mean_error(GUESS, TRUTH[:3])


def test_pck_counts_a_missing_joint_as_wrong():
    assert metric.pck(GUESS, TRUTH, 2.0) == pytest.approx(1 / 3)
    assert metric.pck(GUESS, TRUTH, 6.0) == pytest.approx(2 / 3)
    assert metric.pck(GUESS, TRUTH, 1.0) == 0.0  # on the circle is not within


def test_coverage_and_area_of_an_ellipse():
    level = 1 - np.exp(-2)  # chi-square 4: two standard deviations
    covariance = np.broadcast_to(np.diag([4.0, 1.0]), (4, 2, 2))
    truth = np.zeros((4, 2))
    guess = np.array([[3.9, 0.0], [4.1, 0.0], [0.0, 1.9], [0.0, 2.1]])
    assert metric.coverage(guess, truth, covariance, level) == 0.5
    np.testing.assert_allclose(metric.area(covariance, level), np.pi * 4 * 2)
    flat = np.zeros((4, 2, 2))  # of observed joints: says nothing
    assert np.isnan(metric.coverage(guess, truth, flat, level))
    turned = np.array([[2.0, 1.5], [1.5, 2.0]])  # along the diagonal variance 3.5, across it 0.5
    points = np.array([[1.0, 1.0], [1.0, -1.0]]) * np.sqrt(0.5) * 1.5
    one = [metric.coverage(p, np.zeros(2), turned, level) for p in points]
    assert one == [1.0, 0.0]


def test_coverage_of_what_it_says():
    generator = np.random.default_rng(0)
    factor = np.array([[1.0, 0.0], [0.7, 0.3]])
    points = generator.normal(size=(20000, 2)) @ factor.T
    covariance = np.broadcast_to(factor @ factor.T, (20000, 2, 2))
    found = metric.coverage(points, np.zeros_like(points), covariance, 0.9)
    assert found == pytest.approx(0.9, abs=0.01)


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.15, 0.15])
    right = np.array([True, False, False, False])
    # bins: |2 * 0.95 - 1| and |2 * 0.15 - 0|
    assert metric.calibration_error(confidence, right) == pytest.approx((0.9 + 0.3) / 4)
    assert metric.calibration_error(np.ones(3), np.ones(3)) == 0.0


def test_jitter_is_the_acceleration_also_of_uneven_frames():
    times = np.array([0.0, 0.1, 0.3, 0.4])
    fall = np.stack([np.zeros(4), 3 * times**2], axis=-1)[:, None]
    assert metric.jitter(fall, times) == pytest.approx(6.0)
    straight = np.stack([times, 2 * times], axis=-1)[:, None]
    assert metric.jitter(straight, times) == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(metric.jitter(fall[:2], times[:2]))


def test_bone_variation_by_hand():
    points = np.zeros((2, 3, 2))
    points[:, 1, 0] = [1.0, 3.0]  # lengths 1 and 3: mean 2, deviation 1
    points[:, 2] = NAN
    points[0, 2] = [0.0, 5.0]
    bones = np.array([[0, 1], [0, 2], [1, 2]])
    np.testing.assert_allclose(metric.bone_variation(points, bones), [0.5, 0.0, 0.0])


def test_pa_mpjpe_forgives_move_turn_and_scale_but_not_mirrors():
    generator = np.random.default_rng(1)
    pose = generator.normal(size=(1, 6, 3))
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = 2.5 * pose @ turn.T + [1, 2, 3]
    assert metric.mpjpe(moved, pose) > 1
    assert metric.pa_mpjpe(moved, pose) == pytest.approx(0, abs=1e-9)
    assert metric.pa_mpjpe(pose * [-1, 1, 1], pose) > 0.1
    gone = moved.copy()
    gone[0, 2:] = NAN
    assert np.isnan(metric.pa_mpjpe(gone, pose))


def test_mpjpe_by_hand():
    truth = np.zeros((1, 2, 3))
    guess = np.array([[[1.0, 2, 2], [0, 0, 1]]])
    assert metric.mpjpe(guess, truth) == 2.0


def test_auroc_by_hand():
    positive = np.array([True, True, False, False])
    assert metric.auroc(np.array([4.0, 3, 2, 1]), positive) == 1.0
    assert metric.auroc(np.array([1.0, 2, 3, 4]), positive) == 0.0
    assert metric.auroc(np.ones(4), positive) == 0.5
    assert metric.auroc(np.array([3.0, 1, 2, 0]), positive) == 0.75
    assert np.isnan(metric.auroc(np.ones(4), np.ones(4, dtype=bool)))


def test_interval_draws_people_not_values():
    values = [0.0] * 100 + [1.0]
    people = ["a"] * 100 + ["b"]
    # a quarter of all draws is b twice, a quarter a twice
    assert metric.interval_by_person(values, people, level=0.9) == (0.0, 1.0)
    same = metric.interval_by_person([2.0, 2.0], ["a", "b"])
    assert same == (2.0, 2.0)
    with pytest.raises(ShapeError, match="each value needs a person, but got 2 and 1"):
        metric.interval_by_person([1.0, 2.0], ["a"])


def test_body_unit_by_hand():
    skeleton = Skeleton.load("coco17")
    points = np.full((2, 17, 2), NAN)
    points[:, skeleton.index("nose")] = [100, 50]
    points[:, skeleton.index("left_shoulder")] = [150, 150]
    points[:, skeleton.index("right_shoulder")] = [50, 150]
    assert metric.body_unit(points, skeleton) == pytest.approx(150)  # 1.5 times 100 px to the neck
    assert metric.radius(150) == pytest.approx(0.2 * 1.25 * 150)
