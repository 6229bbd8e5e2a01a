import threading
import time

import cv2
import numpy as np
import pytest

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.source import Source
from kpcomplete.source.webcam import Webcam, cameras


class Camera:
    """What OpenCV gives for a camera: images with their number in them, when they are asked for.

    One that is ``slow`` waits for whoever has the last image to be done with it.
    """

    def __init__(self, length=20, fps=100.0, opened=True, size=(8, 6)):
        self.length, self.fps, self.opened, self.size = length, fps, opened, size
        self.count, self.released, self.asked = 0, False, {}
        self.go = None

    def isOpened(self):
        return self.opened

    def get(self, name):
        return self.fps if name == cv2.CAP_PROP_FPS else 0

    def set(self, name, value):
        self.asked[name] = value

    def read(self):
        if self.go is not None and self.count:
            self.go.acquire(timeout=10)
        if self.count == self.length:
            return False, None
        self.count += 1
        return True, np.full((*self.size[::-1], 3), self.count, np.uint8)

    def release(self):
        self.released = True


@pytest.fixture
def plug(monkeypatch):
    """Plug in cameras; each opening takes the next one, and the last one stays."""
    monkeypatch.setattr("kpcomplete.source.webcam._FIRST", 0.01)

    def plug(*cameras, **settings):
        left = list(cameras) or [Camera(**settings)]
        plugged = left[0]
        monkeypatch.setattr(
            cv2, "VideoCapture", lambda *_: left.pop(0) if len(left) > 1 else left[0]
        )
        return plugged

    return plug


def step(camera):
    """Let a camera give an image only when it is told to."""
    camera.go = threading.Semaphore(0)
    return camera


def test_whoever_is_fast_gets_every_image(plug):
    camera = step(plug())
    source = Webcam(size=[8, 6], fps=100, patience=0)
    assert isinstance(source, Source)
    assert source.info.image_size == (8, 6)
    assert source.info.fps == 100
    assert source.info.length is None
    assert camera.asked[cv2.CAP_PROP_FRAME_WIDTH] == 8
    frames, iterator = [], iter(source)
    camera.go.release()
    for frame in iterator:
        frames.append(frame)
        camera.go.release()
    assert [f.index for f in frames] == list(range(19))
    assert [f.image[0, 0, 0] for f in frames] == list(range(2, 21))
    assert frames[0].time == 0
    assert (np.diff([f.time for f in frames]) > 0).all()
    assert all(0 <= time.monotonic() - f.captured < 60 for f in frames)
    assert "gave no more images after 19 frames" in source.problem
    assert source.dropped == 0
    assert camera.released


def test_whoever_is_slow_gets_the_newest_image_and_the_times_of_all(plug):
    camera = step(plug(length=40))
    source = Webcam(patience=0)
    iterator = iter(source)
    camera.go.release()
    frames = [next(iterator)]
    for _ in range(9):
        camera.go.release()
    wait_until(lambda: camera.count == 11 and len(source._newest._waiting) == 9)
    frames += [next(iterator) for _ in range(9)]
    camera.go, go = None, camera.go
    go.release()
    iterator.close()
    assert [f.index for f in frames] == list(range(10))
    assert [f.image is None for f in frames] == [False, *[True] * 8, False]
    assert frames[-1].image[0, 0, 0] == 11
    assert (np.diff([f.time for f in frames]) > 0).all()
    assert source.dropped == 8


def wait_until(true):
    for _ in range(2000):
        if true():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came true")


def test_of_a_long_wait_only_the_end_is_kept(plug):
    camera = plug(length=500, fps=20.0)
    source = Webcam(patience=0)
    iterator = iter(source)
    frames = [next(iterator)]
    source._newest._thread.join()
    frames += list(iterator)
    assert camera.count == 500
    assert len(frames) <= 13
    assert [f.index for f in frames[1:]] == list(range(499 - len(frames) + 1, 499))
    assert frames[-1].image is not None


def test_leaving_frees_the_camera_at_once(plug):
    camera = plug(length=10_000_000)
    iterator = iter(Webcam())
    next(iterator)
    iterator.close()
    assert camera.released
    assert not [t for t in threading.enumerate() if t.name == "kpcomplete-capture"]


def test_a_lost_camera_is_found_again_and_time_goes_on(plug, caplog):
    first, gone, back = Camera(length=5), Camera(opened=False), Camera(length=4, size=(16, 12))
    plug(first, gone, gone, back)
    source = Webcam(patience=None)
    frames = []
    for frame in source:
        frames.append(frame)
        if back.count == 4 and frame.index == 7:
            source.stop()
    assert first.released
    shown = [f for f in frames if f.image is not None]
    assert {f.image.shape for f in shown} == {(6, 8, 3)}  # as before, whatever came back
    assert (np.diff([f.time for f in frames]) > 0).all()
    assert [f.index for f in frames] == list(range(len(frames)))
    assert "camera 0 is lost after 4 frames" in caplog.text
    assert "camera 0 is back after" in caplog.text
    assert source.status is None


def test_while_it_is_lost_frames_come_without_images_and_it_says_so(plug, monkeypatch):
    monkeypatch.setattr("kpcomplete.source._newest._SILENCE", 0.02)
    plug(Camera(length=3, fps=200.0), Camera(opened=False))
    source = Webcam()
    said = []
    for frame in source:
        if frame.image is None and source.status:
            said.append(source.status)
        if len(said) == 3:
            source.stop()
    assert "camera 0 lost for 0 s, looking for it" in said[0]
    assert source.problem is None


def test_patience_ends(plug):
    plug(Camera(length=3), Camera(opened=False))
    source = Webcam(patience=0.05)
    assert [f.image is not None for f in source].count(True) >= 1
    assert "gave no more images after 2 frames" in source.problem


def test_a_camera_that_states_no_rate_is_logged(plug, caplog):
    plug(fps=0.0)
    assert Webcam().info.fps == 30
    assert "does not state its frame rate" in caplog.text


def test_refuses(plug, monkeypatch, tmp_path):
    plug(opened=False)
    with pytest.raises(SourceError, match="camera 3 cannot be opened; cameras of this computer"):
        Webcam("3")
    with pytest.raises(SourceError, match="camera rtsp://host/a cannot be opened") as caught:
        Webcam("rtsp://me:secret@host/a?token=1")
    assert "secret" not in str(caught.value)
    camera = plug(length=0)
    with pytest.raises(SourceError, match="is there, but gives no image"):
        Webcam()
    assert camera.released
    with pytest.raises(SettingError, match="fps > 0"):
        Webcam(fps=0)
    with pytest.raises(SettingError, match="a size of two"):
        Webcam(size=[640])
    with pytest.raises(SettingError, match="patience"):
        Webcam(patience=-1)


def test_it_says_which_cameras_there_are(monkeypatch):
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: iter([]))
    assert cameras() == "cameras of this computer: none in /dev"


def test_it_names_the_cameras_that_are_there(monkeypatch, tmp_path):
    found = [tmp_path / "video0", tmp_path / "video2"]
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: iter(found))
    assert cameras() == f"cameras of this computer: {found[0]}, {found[1]}"
    monkeypatch.setattr("pathlib.Path.read_text", lambda path: f"of {path.parent.name}\n")
    assert cameras().endswith(f"{found[0]} (of video0), {found[1]} (of video2)")
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Camera(opened=False))
    with pytest.raises(SourceError, match=r"camera 1 cannot be opened; .*video0 \(of video0\)"):
        Webcam(1)
