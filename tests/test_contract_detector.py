from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kpcomplete.detector import Detector
from kpcomplete.frame import Detection, Frame, StreamInfo

FOLDER = Path(__file__).parents[1] / "conf" / "detector"
INFO = StreamInfo(name="contract", fps=30.0, image_size=(40, 30))


@pytest.fixture(scope="module", params=sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def detector(request):
    return instantiate(OmegaConf.load(request.param), _convert_="all")


def test_is_a_detector_before_and_after_it_was_used(detector):
    assert isinstance(detector, Detector)
    assert isinstance(detector.seats, tuple)


def test_frames_come_out_once_in_order_with_people_of_33_joints(detector):
    image = np.zeros((30, 40, 3), dtype=np.uint8)
    frames = [Frame(index=i, time=i / 30, image=image) for i in range(3)]
    out = list(detector(iter(frames), INFO))
    assert [(f.index, f.time) for f in out] == [(f.index, f.time) for f in frames]
    assert all(f.image is image for f in out)
    assert all(p.keypoints.shape == (33, 2) for f in out for p in f.people.values())


def test_frames_without_image_keep_their_people(detector):
    person = Detection(keypoints=np.ones((33, 2), np.float32), confidence=np.ones(33, np.float32))
    frames = [Frame(index=0, time=0.0, people={"driver": person}), Frame(index=1, time=0.1)]
    out = list(detector(iter(frames), INFO))
    assert [dict(f.people) for f in out] == [{"driver": person}, {}]


def test_no_frames_are_no_frames(detector):
    assert list(detector(iter([]), INFO)) == []
