import time

import cv2
import numpy as np
import pytest

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.source import Source
from kpcomplete.source.webcam import Webcam


class Camera:
    """What OpenCV gives for a camera: images with their number in them, one every few ms."""

    def __init__(self, length=20, fps=100.0, opened=True):
        self.length, self.fps, self.opened = length, fps, opened
        self.count, self.released, self.asked = 0, False, {}

    def isOpened(self):
        return self.opened

    def get(self, name):
        return self.fps if name == cv2.CAP_PROP_FPS else 0

    def set(self, name, value):
        self.asked[name] = value

    def read(self):
        if self.count == self.length:
            return False, None
        time.sleep(0.005)
        self.count += 1
        return True, np.full((6, 8, 3), self.count, np.uint8)

    def release(self):
        self.released = True


@pytest.fixture
def plug(monkeypatch):
    def plug(**settings):
        camera = Camera(**settings)
        monkeypatch.setattr(cv2, "VideoCapture", lambda device: camera)
        return camera

    return plug


def test_a_fast_reader_gets_every_image(plug):
    camera = plug()
    source = Webcam(size=[8, 6], fps=100)
    assert isinstance(source, Source)
    assert source.info.image_size == (8, 6)
    assert source.info.fps == 100
    assert source.info.length is None
    assert camera.asked[cv2.CAP_PROP_FRAME_WIDTH] == 8
    frames = list(source)
    assert [f.index for f in frames] == list(range(19))
    assert frames[0].time == 0
    assert (np.diff([f.time for f in frames]) > 0).all()
    assert "gave no more images after 19 frames" in source.problem
    assert camera.released


def test_a_slow_reader_gets_the_newest_image_and_the_times_of_all(plug):
    plug(length=40)
    frames = []
    for frame in Webcam():
        frames.append(frame)
        if frame.image is not None:
            time.sleep(0.03)
    assert [f.index for f in frames] == list(range(39))
    dropped = [f for f in frames if f.image is None]
    assert len(dropped) > 10
    shown = [f for f in frames if f.image is not None]
    assert [int(f.image[0, 0, 0]) for f in shown] == [f.index + 2 for f in shown]
    assert frames[-1].image is not None


def test_leaving_frees_the_camera_at_once(plug):
    camera = plug(length=10_000)
    iterator = iter(Webcam())
    next(iterator)
    iterator.close()
    assert camera.released
    assert camera.count < 100


def test_a_camera_that_states_no_rate_is_logged(plug, caplog):
    plug(fps=0.0)
    assert Webcam().info.fps == 30
    assert "does not state its frame rate" in caplog.text


def test_refuses(plug):
    plug(opened=False)
    with pytest.raises(SourceError, match="camera 3 cannot be opened; cameras of this computer"):
        Webcam("3")
    camera = plug(length=0)
    with pytest.raises(SourceError, match="is there, but gives no image"):
        Webcam()
    assert camera.released
    with pytest.raises(SettingError, match="fps > 0"):
        Webcam(fps=0)
    with pytest.raises(SettingError, match="a size of two"):
        Webcam(size=[640])
