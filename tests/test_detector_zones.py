import numpy as np
import pytest

from kpcomplete.detector.zones import PRESETS, custom, preset, zone
from kpcomplete.errors import SettingError


def centre(zones, seat):
    return next(z for z in zones if z.name == seat).corners.mean(axis=0)


def test_depth_is_1_in_the_middle_0_on_the_edge_and_negative_outside():
    box = zone("driver", [0.2, 0.2, 0.6, 0.6])
    depth = box.depth(np.array([[0.4, 0.4], [0.2, 0.4], [0.1, 0.4], [0.5, 0.3]]))
    np.testing.assert_allclose(depth, [1.0, 0.0, -0.5, 0.5], atol=1e-9)


def test_depth_of_a_polygon_knows_its_notch():
    notched = zone("driver", [[0, 0], [1, 0], [1, 1], [0.5, 0.5], [0, 1]])
    assert notched.depth(np.array([0.5, 0.25])) > 0
    assert notched.depth(np.array([0.5, 0.9])) < 0


def test_window_has_a_margin_and_stays_in_the_image():
    assert zone("a", [0.0, 0.25, 0.5, 0.75]).window((200, 100), 0.5) == (0, 0, 150, 100)
    assert zone("a", [0.2, 0.2, 0.4, 0.4]).window((1, 1), 0.0) == (0, 0, 1, 1)


def test_the_driver_of_a_left_hand_drive_car_is_on_the_right_of_a_mirror_camera():
    for name in ("mirror2", "mirror5"):
        assert centre(preset(name), "driver")[0] > 0.5
        assert centre(preset(name, right_hand_drive=True), "driver")[0] < 0.5
        assert centre(preset(name, right_hand_drive=True), "passenger")[0] > 0.5


def test_rear_left_is_the_left_of_the_car_whoever_drives():
    for right_hand_drive in (False, True):
        zones = preset("mirror5", right_hand_drive=right_hand_drive)
        assert centre(zones, "rear_left")[0] > centre(zones, "rear_right")[0]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("right_hand_drive", [False, True])
def test_presets_do_not_overlap(name, right_hand_drive):
    zones = preset(name, right_hand_drive=right_hand_drive)
    points = np.random.default_rng(0).uniform(0, 1, (2000, 2))
    inside = np.array([z.depth(points) > 1e-9 for z in zones])
    assert inside.sum(axis=0).max() == 1
    assert {z.name for z in zones} == set(PRESETS[name])


def test_an_unknown_preset_is_refused_with_all_that_there_are():
    with pytest.raises(SettingError, match=r"mirror2, mirror5, side, dash, auto, none.*'miror'"):
        preset("miror")


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ([0.5, 0.0, 1.2, 1.0], "in 0..1, but got"),
        ([0.5, 0.0, 0.2, 1.0], "x0 < x1"),
        ([0.5, 0.5, 0.5, 1.0], "x0 < x1"),
        ([[0, 0], [1, 1]], "at least three"),
        ([[0, 0], [0.5, 0.5], [1, 1]], "area"),
        ([0.1, 0.2, 0.3], "at least three"),
        ([0.1, 0.2, float("nan"), 0.9], "x0 < x1"),
        ("left", "at least three"),
        ([[0, 0], [1], [1, 1]], "at least three"),
        ({"x": 1}, "at least three"),
    ],
)
def test_a_bad_zone_is_refused_by_the_name_of_its_seat(shape, text):
    with pytest.raises(SettingError, match=f"seat 'co-driver' must be.*{text}"):
        custom({"driver": [0, 0, 1, 1], "co-driver": shape})


def test_no_zone_at_all_is_refused():
    with pytest.raises(SettingError, match="at least one seat"):
        custom({})
