"""Watching what does not wait: a video at its own speed, a stream from the network."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from rtsp_server import Camera, Server
from video_files import write as write_video

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.source import Source
from kpcomplete.source._newest import Newest, Shot
from kpcomplete.source.live import open_live
from kpcomplete.source.paced import Paced
from kpcomplete.source.video import Video


def test_a_video_comes_at_its_own_speed_with_its_own_times(tmp_path):
    path = write_video(tmp_path / "a.mp4", length=10)
    source = Paced(path)
    assert isinstance(source, Source)
    start = time.monotonic()
    frames = list(source)
    assert [f.index for f in frames] == list(range(10))
    assert [f.time for f in frames] == [f.time for f in Video(path)]
    for frame in frames:
        assert frame.captured - start >= frame.time - 0.002  # never before it is due
    assert source.info.length == 10


def test_whoever_is_slow_misses_frames_and_none_of_their_times(tmp_path):
    path = write_video(tmp_path / "a.mp4", length=12)
    source = Paced(path, speed=20)  # 500 a second: none waits too long to be kept
    iterator = iter(source)
    frames = [next(iterator)]
    source._newest._thread.join()
    frames += list(iterator)
    assert [f.index for f in frames] == list(range(12))
    assert frames[-1].image is not None
    missed = sum(f.image is None for f in frames)
    assert source.dropped == missed > 0


def test_of_a_long_wait_only_the_last_half_second_is_given_on():
    """Completing all that was missed would make whoever is slow later still."""
    image = np.zeros((4, 4, 3), np.uint8)
    newest = Newest(lambda _: (Shot(image, t / 10) for t in range(40)), fps=10)
    iterator = iter(newest)
    newest._thread.start = lambda: None
    newest._run()  # all of it, before anybody asks
    newest._thread.join = lambda timeout: None
    frames = list(iterator)
    assert [f.index for f in frames] == list(range(34, 40))
    assert [f.image is None for f in frames] == [True] * 5 + [False]
    assert newest.dropped == 39


def test_a_loop_goes_on_in_time(tmp_path):
    path = write_video(tmp_path / "a.mp4", length=5)
    source = Paced(path, loop=True, speed=10)
    times = []
    for frame in source:
        times.append(frame.time)
        if len(times) == 13:
            source.stop()
    np.testing.assert_allclose(np.diff(times), 1 / 250, atol=1e-6)
    assert source.info.length is None


def test_leaving_ends_the_thread(tmp_path):
    iterator = iter(Paced(write_video(tmp_path / "a.mp4"), loop=True))
    next(iterator)
    iterator.close()
    assert not [t for t in threading.enumerate() if t.name == "kpcomplete-capture"]


def test_an_error_while_reading_is_raised_where_frames_are_taken(tmp_path, monkeypatch):
    source = Paced(write_video(tmp_path / "a.mp4"))
    monkeypatch.setattr(Video, "__iter__", lambda _: (_ for _ in ()).throw(OSError("disk gone")))
    with pytest.raises(OSError, match="disk gone"):
        list(source)


def test_what_a_path_stands_for(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    assert isinstance(open_live(path, pace=True), Paced)
    with pytest.raises(SettingError, match="pace=true, or complete it with kpcomplete process"):
        open_live(path)
    with pytest.raises(SettingError, match="asked of cameras"):
        open_live(path, pace=True, fps=10)
    with pytest.raises(SourceError, match=r"no camera and no file .*cameras of this computer"):
        open_live(tmp_path / "b.mp4", pace=True)
    with pytest.raises(SettingError, match="pace and loop are for video files"):
        open_live("0", pace=True)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: pytest.fail("was opened"))
    with pytest.raises(SettingError, match="speed"):
        Paced(path, speed=0)


@pytest.mark.parametrize("name", ["0", "/dev/video7", "rtsp://host/a", "http://host/a.mjpg"])
def test_cameras_and_addresses_are_opened_as_such(name, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "kpcomplete.source.webcam.Webcam", lambda device, **_: opened.append(device)
    )
    open_live(name)
    assert opened == [name]


class Stream(BaseHTTPRequestHandler):
    """A camera on the network: JPEG after JPEG, until its server's ``left`` are given."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        for shade in range(40, 240, 8):
            image = np.full((48, 64, 3), shade, np.uint8)
            data = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

    def log_message(self, *_):
        pass


def test_a_stream_from_the_network_that_breaks_off_is_taken_up_again(caplog):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        source = open_live(f"http://127.0.0.1:{server.server_port}/cabin.mjpg", patience=20)
        assert source.info.image_size == (64, 48)
        times = []
        for frame in source:
            times.append(frame.time)
            if "is back after" in caplog.text:
                source.stop()
        assert (np.diff(times) > 0).all()
        assert "is lost after" in caplog.text
        assert source.problem is None
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_camera_that_speaks_rtsp():
    with Server(("127.0.0.1", 0), Camera) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            source = open_live(f"rtsp://127.0.0.1:{server.server_address[1]}/cabin")
            assert source.info.image_size == (64, 48)
            shades = []
            for frame in source:
                if frame.image is not None:
                    shades.append(frame.image.mean())
                if len(shades) == 10:
                    source.stop()
            assert (np.diff(shades) > 0).all()
            assert source.problem is None
        finally:
            server.shutdown()
            thread.join()
