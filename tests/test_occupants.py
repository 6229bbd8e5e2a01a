"""Simulated occupants with classes, as cameras and as a detector see them."""

import pytest
import torch
from one_child import Detector, child_file

from kpcomplete.data.labelled import NONE
from kpcomplete.data.occupants import OCCUPANTS, POSITIONS, Occupants
from kpcomplete.errors import SourceError


@pytest.fixture
def file(tmp_path):
    return child_file(tmp_path)


def test_hidden_joints_are_missing_and_classes_are_numbers(file):
    data = Occupants(file=file, noise=0.0, lost=0.0).load()
    assert data.poses.people == ("sim_0", "sim_0")
    seen = ~data.poses.keypoints.isnan().any(dim=-1)
    assert seen[:, :13].all()
    assert not seen[:, 13:16].any()
    expected = [0] * 20 + [POSITIONS.index("leaning_forward")] * 19 + [NONE]
    assert data.targets["position"].tolist() == expected * 2
    assert set(data.targets["occupant"].tolist()) == {OCCUPANTS.index("child")}


def test_a_detector_reports_what_it_is_sure_of(file):
    true = Occupants(file=file, noise=0.0, lost=0.0).load().poses.keypoints
    told = Occupants(file=file, detector=Detector()).load().poses.keypoints
    torch.testing.assert_close(told[:, :13], true[:, :13])
    unit = told[:, 14, 0] - told[:, 13, 0]  # both lie in the same place, 1 and 3 units off
    assert told[:, 15].isnan().all()
    nose, neck = true[:, 0], true[:, 11:13].mean(dim=1)
    across = (true[:, 11] - true[:, 12]).norm(dim=-1).median()
    usual = torch.maximum(1.5 * (nose - neck).norm(dim=-1).median(), across)
    torch.testing.assert_close(unit, (2 * usual).expand(len(unit)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("views", "told"),
    [(("camera driver", "camera passenger"), 1), (("mirror passenger",), -1)],
)
def test_a_detector_is_told_which_camera_sees_whom_if_it_knows_them(file, views, told):
    detector = Detector(views)
    Occupants(file=file, detector=detector).load()
    assert detector.told == [told, told]


def test_frames_are_thinned_out(file):
    whole, half = (Occupants(file=file, noise=0.0, lost=0.0, fps=fps).load() for fps in (30, 15))
    assert half.poses.fps == 15
    torch.testing.assert_close(half.poses.keypoints, whole.poses.keypoints[::2], equal_nan=True)
    assert torch.equal(half.targets["position"], whole.targets["position"][::2])
    with pytest.raises(SourceError, match=r"crowd.safetensors should hold frame rates that are"):
        Occupants(file=file, fps=20.0).load()
