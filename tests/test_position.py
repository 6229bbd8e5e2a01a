from dataclasses import replace

import numpy as np
import pytest

from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError
from kpcomplete.pose import PoseSequence
from kpcomplete.position import Position
from kpcomplete.result import Person, Result
from kpcomplete.skeleton import Skeleton

NAMES = ("in_position", "leaning_forward", "unknown")
CAMERA = Camera(width=640, height=480, fx=500, fy=500, cx=320, cy=240)


def result(nose=(0, 0, 1.0), classes=None, camera=CAMERA):
    skeleton = Skeleton.load("blazepose33")
    pose = PoseSequence.observed(
        np.zeros((1, 33, 2), np.float32), np.ones((1, 33), np.float32), skeleton=skeleton,
        fps=30.0, image_size=(640, 480), person="driver", times=np.zeros(1),
    )  # fmt: skip
    solid = np.zeros((1, 33, 3), np.float32)
    solid[:, 0] = nose
    found = {} if classes is None else {"position": np.array([classes], np.float32)}
    person = Person(observed=pose, completed=pose, joints3d=solid, classes=found)
    tasks = {} if classes is None else {"position": NAMES}
    return Result(frames=(), people={"driver": person}, camera=camera, tasks=tasks)


DASH = {"point": [0.0, 0.0, 0.5], "normal": [0.0, 0.0, 2.0]}


def test_a_nose_near_the_dash():
    position = Position(dash=DASH)
    assert position(result((0, 0, 0.71)), 0) == {}
    assert position(result((0.3, 0, 0.64)), 0) == {"driver": "nose 14 cm from the dash"}
    assert position(result((0, 0, 0.4)), 0) == {"driver": "nose 0 cm from the dash"}
    assert position(result((0, 0, np.nan)), 0) == {}
    assert Position(dash=DASH, near=0.3)(result((0, 0, 0.71)), 0)


def test_in_the_frame_of_the_car():
    turned = replace(CAMERA, turn=np.diag([1.0, -1.0, -1.0]), shift=np.array([0, 0, 1.0]))
    position = Position(dash=DASH, frame="car")
    assert position(result((0, 0, 0.4), camera=turned), 0) == {"driver": "nose 10 cm from the dash"}
    with pytest.raises(SettingError, match="not known"):
        position(result(), 0)


def test_a_camera_that_is_only_assumed_tells_no_centimetres():
    with pytest.raises(SettingError, match=r"camera\.calibration or camera\.fx"):
        Position(dash=DASH)(result(camera=replace(CAMERA, assumed=True)), 0)


def test_without_a_dash_what_is_decided_counts_or_else_the_likeliest_class():
    position = Position()
    assert position(result(), 0) == {}
    leaning = result(classes=(0.1, 0.9, 0))
    assert position(leaning, 0) == {"driver": "leaning forward"}
    for decided, said in ((0, {}), (1, {"driver": "leaning forward"}), (2, {})):
        person = replace(leaning.people["driver"], decisions={"position": np.array([decided])})
        assert position(replace(leaning, people={"driver": person}), 0) == said


@pytest.mark.parametrize(
    "settings",
    [{"near": 0}, {"frame": "moon"}, {"dash": {"point": [0, 0, 1]}},
     {"dash": {"point": [0, 0, 1], "normal": [0, 0, 0]}}, {"dash": {"point": [0], "normal": [1]}}],
)  # fmt: skip
def test_refuses(settings):
    with pytest.raises(SettingError):
        Position(**settings)
