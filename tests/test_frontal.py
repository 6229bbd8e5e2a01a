"""People as seen from ahead, whatever camera in the car saw them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_scenes import EYE, file_of, scene
from one_child import Detector, child_file

from kpcomplete.cabin.cameras import CAMERAS, draw_camera
from kpcomplete.camera import Camera
from kpcomplete.car import SHOULDERS
from kpcomplete.data.drawn_occupants import DrawnOccupants
from kpcomplete.data.occupants import Occupants
from kpcomplete.data.take import takes
from kpcomplete.errors import SettingError
from kpcomplete.frontal import frontal, seen_from_ahead
from kpcomplete.lens import Lens
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

PLANE = SHOULDERS[:2, 1].mean()


def camera_of(kind, seed=0):
    eye = draw_camera(kind, (640, 480), np.random.default_rng(seed))
    return Camera.from_dict(eye.as_dict()).as_in_car()


def seen_by(camera, points):
    return camera.project(camera.to_camera(points))


@pytest.mark.parametrize("kind", sorted(CAMERAS))
def test_what_is_in_the_plane_is_in_the_same_place_for_every_camera(kind):
    points = np.array([[0.36, PLANE, 0.77], [-0.2, PLANE, 0.5], [0.0, PLANE, 1.0]])
    found = frontal(seen_by(camera_of(kind), points), camera_of(kind))
    expected = np.stack([1 + points[:, 0], 1.5 - points[:, 2]], axis=-1) / 2
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_who_leans_to_the_camera_is_larger_and_who_sits_in_the_rear_smaller():
    camera, width = camera_of("mirror"), []
    for back in (PLANE - 0.3, PLANE, PLANE + 0.9):
        ends = np.array([[-0.1, back, 0.8], [0.1, back, 0.8]])
        width.append(float(np.diff(frontal(seen_by(camera, ends), camera)[:, 0])[0]))
    assert width[0] > 1.15 * width[1] > 1.5 * width[2]


def test_rays_that_miss_the_plane_or_meet_it_far_outside_show_nothing():
    camera = camera_of("mirror")
    sky = np.array([[320.0, -5000.0], [np.nan, np.nan], [320.0, 240.0]])
    assert np.isfinite(frontal(sky, camera)).all(axis=1).tolist() == [False, False, True]
    out = Lens(position=[0, -1.2, 1.0], looks_at=[0, -3, 1.0]).camera((640, 480))
    assert np.isnan(frontal(np.array([[320.0, 240.0]]), out)).all()


def test_it_needs_a_camera_whose_place_is_known():
    with pytest.raises(SettingError, match=r"camera.position and camera.looks_at"):
        frontal(np.zeros((1, 2)), EYE)


def test_a_person_keeps_times_and_what_is_missing():
    camera = camera_of("dash")
    points = np.broadcast_to([0.3, 0.1, 0.7], (3, 33, 3)) + np.linspace(-0.2, 0.2, 33)[:, None]
    keypoints = seen_by(camera, points).astype(np.float32)
    keypoints[1, 4] = np.nan
    confidence = np.linspace(0.2, 1.0, 99, dtype=np.float32).reshape(3, 33)
    poses = PoseSequence.observed(
        keypoints, confidence, skeleton=Skeleton.load(CANONICAL), fps=15.0,
        image_size=(640, 480), person="driver", times=np.array([0.0, 0.1, 0.3]),
    )  # fmt: skip
    hidden = np.zeros((3, 33), bool)
    hidden[2, 7] = True
    found = seen_from_ahead(poses.hide(hidden), camera)
    assert (found.person, found.fps, found.image_size) == ("driver", 15.0, (1000, 750))
    np.testing.assert_array_equal(found.times, poses.times)
    np.testing.assert_array_equal(np.argwhere(~found.is_observed), [[1, 4], [2, 7]])
    expected = frontal(keypoints, camera) * 1000
    np.testing.assert_allclose(found.keypoints[0], expected[0], atol=0.01)
    np.testing.assert_array_equal(found.confidence[0], confidence[0])


def test_simulated_people_can_be_seen_from_ahead(tmp_path):
    file = child_file(tmp_path)
    given = Occupants(file=file, detector=Detector(), frontal=True).load()
    plain = Occupants(file=file, detector=Detector()).load()
    take = next(iter(takes(file)))
    pixels = plain.poses.keypoints[:40, 11].numpy() * take.camera.width
    expected = frontal(pixels, take.camera.as_in_car())
    np.testing.assert_allclose(given.poses.keypoints[:40, 11].numpy(), expected, atol=1e-4)
    assert torch.equal(given.targets["position"], plain.targets["position"])


def test_drawn_people_can_be_seen_from_ahead(tmp_path):
    one = scene()
    with pytest.raises(SettingError, match="seen from ahead"):
        DrawnOccupants(files=[file_of(tmp_path, one)], frontal=True).load()
    camera = camera_of("pillar")
    one = replace(one, eye=replace(camera, in_car=False).as_dict())
    found = DrawnOccupants(files=[file_of(tmp_path, one)], frontal=True).load()
    expected = frontal(one.keypoints, camera)
    np.testing.assert_allclose(found.poses.keypoints.numpy(), expected, atol=1e-5, equal_nan=True)
