import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpcomplete.calibration import write
from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError
from kpcomplete.lens import Lens, fitted

BENDS = (-0.28, 0.09, 0.0007, -0.0004, -0.01)


def camera(**changes):
    values = {"width": 640, "height": 480, "fx": 520.0, "fy": 515.0, "cx": 322.0, "cy": 238.0}
    return Camera(**{**values, "distortion": BENDS, **changes})


def solid(count=200, seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 4.0, (count, 1))
    return np.concatenate([rng.uniform(-0.5, 0.5, (count, 2)) * depth, depth], axis=1)


@pytest.mark.parametrize("bends", [(), BENDS[:4], BENDS, (*BENDS, 0.01, -0.02, 0.003)])
def test_it_projects_as_opencv_does(bends):
    eye = camera(distortion=bends)
    matrix = np.array([[eye.fx, 0, eye.cx], [0, eye.fy, eye.cy], [0, 0, 1]])
    theirs, _ = cv2.projectPoints(
        solid(), np.zeros(3), np.zeros(3), matrix, np.array(bends or (0.0,) * 4)
    )
    np.testing.assert_allclose(eye.project(solid()), theirs[:, 0], atol=1e-6)


@pytest.mark.parametrize("bends", [(), BENDS])
def test_rays_lead_back_to_the_points(bends):
    eye = camera(distortion=bends)
    rays = eye.rays(eye.project(solid()))
    np.testing.assert_allclose(rays * np.linalg.norm(solid(), axis=1)[:, None], solid(), atol=1e-5)


def test_what_is_unknown_or_behind_stays_unknown():
    eye = camera()
    assert np.isnan(eye.project(np.array([0.1, 0.0, -1.0]))).all()
    assert np.isnan(eye.project(np.full(3, np.nan))).all()
    assert np.isnan(eye.rays(np.array([np.nan, 3.0]))).all()


def test_pixels_that_no_direction_reaches_have_no_ray():
    barrel = camera(distortion=(-0.5, 0.0, 0.0, 0.0))  # folds back 0.54 focal lengths out
    assert np.isnan(barrel.rays(np.array([5000.0, 240.0]))).all()
    assert np.isfinite(barrel.rays(np.array([500.0, 240.0]))).all()


def test_it_knows_its_place_in_the_car():
    turn = cv2.Rodrigues(np.array([0.3, -0.2, 0.1]))[0]
    eye = camera(turn=turn, shift=np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(eye.to_camera(eye.to_world(solid())), solid(), atol=1e-9)
    with pytest.raises(SettingError, match="is in the car is not known"):
        camera().to_world(solid())


@given(st.integers(200, 4000), st.integers(200, 4000), st.floats(20, 150))
@example(200, 3527, 20.0)
def test_a_field_of_view_is_what_the_longer_side_shows(width, height, degrees):
    eye = Camera.from_field_of_view((width, height), degrees)
    assert eye.assumed
    assert eye.field_of_view == pytest.approx(degrees)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fx": 0.0}, "focal lengths > 0"),
        ({"fx": float("nan")}, "finite numbers"),
        ({"cx": 900.0}, "do not fit an image of 640 x 480"),
        ({"fx": 60000.0}, "do not fit an image"),
        ({"distortion": (0.1,)}, "0, 4, 5 or 8 distortion coefficients"),
        ({"turn": np.ones((3, 3))}, "must be a rotation"),
        ({"turn": np.eye(3), "shift": np.zeros(2)}, "shift of 'camera' must be 3 finite metres"),
        ({"turn": np.eye(3), "shift": np.full(3, np.nan)}, "must be 3 finite metres"),
    ],
)
def test_it_refuses_what_no_camera_has(changes, text):
    with pytest.raises(SettingError, match=text):
        camera(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"fx": None}, {"turn": "north"}, {"distortion": 1.0}, {"distortion": ["a"] * 4}, {"zoom": 2}],
)
def test_what_describes_no_camera_is_refused(changes):
    described = camera().as_dict()
    assert Camera.from_dict(described).as_dict() == described
    with pytest.raises(SettingError, match="should describe a camera, but does not"):
        Camera.from_dict(described | changes)
    del described["turn"]
    with pytest.raises(SettingError, match="'turn'"):
        Camera.from_dict(described)


def test_a_camera_fits_larger_images_of_the_same_shape():
    large = fitted(camera(), (1280, 960))
    np.testing.assert_allclose(  # the middle of pixel 0 is at 0: edges double, not middles
        large.project(solid()) + 0.5, 2 * (camera().project(solid()) + 0.5), rtol=1e-9
    )


def test_an_encoders_border_may_be_missing(caplog):
    cut = fitted(camera(), (632, 480))
    assert (cut.width, cut.cx, cut.fx) == (632, 322.0, 520.0)
    assert "cut off" in caplog.text


def test_images_of_another_shape_are_refused():
    with pytest.raises(SettingError, match="no larger or smaller form of 640 x 640"):
        fitted(camera(), (640, 640))


def test_without_anything_known_a_field_of_view_is_assumed():
    assert Lens().camera((640, 480)).assumed
    given = Lens(fx=500.0).camera((640, 480))
    assert not given.assumed
    assert (given.fy, given.cx, given.cy) == (500.0, 319.5, 239.5)


def test_a_file_and_a_focal_length_are_one_too_many():
    with pytest.raises(SettingError, match="not by both"):
        Lens(fx=500.0, calibration="camera.yml")
    with pytest.raises(SettingError, match="need its fx"):
        Lens(cx=320.0)


def test_where_a_camera_is_in_the_car_can_be_said():
    found = Lens(position=[0.0, -1.2, 1.08], looks_at=[0.1, 0.2, 0.7]).camera((640, 480))
    assert found.in_car
    np.testing.assert_allclose(found.to_world(np.zeros(3)), [0.0, -1.2, 1.08], atol=1e-9)
    middle = found.project(found.to_camera(np.array([0.1, 0.2, 0.7])))
    np.testing.assert_allclose(middle, [319.5, 239.5], atol=1e-6)
    above = found.project(found.to_camera(np.array([0.1, 0.2, 0.9])))
    assert above[1] < middle[1]
    assert above[0] == pytest.approx(middle[0])
    np.testing.assert_allclose(found.mounting @ [0.1, 0.2, 0.7, 1.0],
                               found.to_camera(np.array([0.1, 0.2, 0.7])), atol=1e-6)  # fmt: skip


def test_only_the_car_is_a_car(tmp_path):
    path = tmp_path / "camera.yml"
    write(path, Camera(width=640, height=480, fx=500, fy=500, cx=320, cy=240, turn=np.eye(3),
                       shift=np.array([0.1, 0.2, 0.3])))  # fmt: skip
    room, car = (Lens(calibration=str(path), in_car=c).camera((640, 480)) for c in (False, True))
    assert not room.mounting.any()
    np.testing.assert_allclose(car.mounting[:, 3], [0.1, 0.2, 0.3], atol=1e-6)
    assert Camera.from_dict(car.as_dict()).in_car
    assert not Camera.from_dict({k: v for k, v in car.as_dict().items() if k != "in_car"}).in_car


@pytest.mark.parametrize(
    "settings",
    [
        {"position": [0, 0, 1]},
        {"looks_at": [0, 0, 1]},
        {"position": [0, 0, 1], "looks_at": [1, 0, 1], "in_car": True},
        {"position": [0, 1], "looks_at": [1, 0, 1]},
        {"position": [0, 0, 1], "looks_at": [0, 0, 2]},
        {"position": [0, 0, np.nan], "looks_at": [0, 1, 2]},
    ],
)
def test_a_place_in_the_car_is_said_whole_and_once(settings):
    with pytest.raises(SettingError, match="position"):
        Lens(**settings)


def test_nothing_but_a_known_place_is_in_the_car():
    with pytest.raises(SettingError, match="where 'camera' is in the car is not known"):
        Lens(fx=500.0, in_car=True).camera((640, 480))
