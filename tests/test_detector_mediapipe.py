import io
import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kpcomplete.detector import Detector
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.detector.quiet import quiet
from kpcomplete.detector.seats import Seats
from kpcomplete.detector.stored import Stored
from kpcomplete.detector.task_file import DETECTOR, LANDMARKS, cached_path, task_bytes
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.frame import Detection, Frame, StreamInfo

MEDIA = Path(__file__).parents[2] / "shared" / "media"


@pytest.fixture(scope="module")
def detector():
    return MediaPipe()


def blank(*shape):
    return np.zeros((*shape, 3), dtype=np.uint8)


def bundle(path, *, members=(DETECTOR, LANDMARKS), content=b"\0\0\0\0TFL3", compress=0):
    with zipfile.ZipFile(path, "w", compress) as writer:
        for member in members:
            writer.writestr(member, content * 100)
    return str(path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (3, 5), (37, 251), (2000, 3)])
def test_any_size_of_image_is_looked_at(detector, shape):
    info = StreamInfo(name="blank", fps=30, image_size=shape[::-1])
    frames = [Frame(index=i, time=0.0, image=blank(*shape)) for i in range(2)]
    assert [dict(f.people) for f in detector(frames, info)] == [{}, {}]


def test_seats_of_a_picture_of_one_pixel_are_empty(detector):
    info = StreamInfo(name="blank", fps=30, image_size=(1, 1))
    frames = [Frame(index=0, time=0.0, image=blank(1, 1))]
    for zones in ("auto", "dash"):
        assert [dict(f.people) for f in Seats(trackers=detector, zones=zones)(frames, info)] == [{}]


def test_times_may_stand_still_fall_or_start_again(detector):
    tracker = detector.tracker()
    for time in (0.0, 0.0, 5.0, 4.9, 4.9, 1e5):
        assert tracker.look(blank(20, 20), time) == []
    tracker.reset()
    assert tracker.look(blank(20, 20), 0.0) == []


def test_a_frame_without_image_keeps_its_people(detector):
    person = Detection(keypoints=np.zeros((33, 2), np.float32), confidence=np.ones(33, np.float32))
    frame = Frame(index=0, time=0.0, people={"driver": person})
    info = StreamInfo(name="stored", fps=30, image_size=(9, 9))
    for each in (detector, Seats(trackers=detector), Stored()):
        assert isinstance(each, Detector)
        assert [f.people["driver"] for f in each([frame], info)] == [person]


def test_stored_names_come_first():
    person = Detection(keypoints=np.zeros((33, 2), np.float32), confidence=np.ones(33, np.float32))
    stored = Stored(names=["driver", "passenger"])
    frames = [Frame(index=0, time=0.0, people={"child": person, "driver": person})]
    assert list(stored(frames, StreamInfo(name="", fps=1, image_size=(1, 1)))) == frames
    assert stored.seats == ("driver", "passenger", "child")


@pytest.mark.parametrize(
    ("name", "value"), [("min_visibility", 1.5), ("min_presence_confidence", -0.1)]
)
def test_refuses_shares_that_are_none(name, value):
    with pytest.raises(SettingError, match=rf"{name} must lie in 0\.\.1, but got {value}"):
        MediaPipe(**{name: value})


def test_refuses_to_find_nobody():
    with pytest.raises(SettingError, match="num_people must be at least 1, but got 0"):
        MediaPipe(num_people=0)


def test_refuses_files_that_are_no_model(tmp_path):
    with pytest.raises(ModelFileError, match=r"absent\.task.*there is no such file"):
        MediaPipe(model=str(tmp_path / "absent.task"))
    with pytest.raises(ModelFileError, match="it is a folder"):
        MediaPipe(model=str(tmp_path))
    (tmp_path / "text.task").write_text("hello")
    with pytest.raises(ModelFileError, match=r"text\.task.*must be a zip file.*5 bytes"):
        MediaPipe(model=str(tmp_path / "text.task"))
    with pytest.raises(ModelFileError, match=r"but it holds hand\.tflite"):
        MediaPipe(model=bundle(tmp_path / "hand.task", members=["hand.tflite"]))
    with pytest.raises(ModelFileError, match="no TensorFlow Lite model"):
        MediaPipe(model=bundle(tmp_path / "junk.task", content=b"\0\0\0\0JUNK"))
    with pytest.raises(ModelFileError, match="is compressed"):
        MediaPipe(model=bundle(tmp_path / "small.task", compress=zipfile.ZIP_DEFLATED))


def test_what_mediapipe_refuses_is_named(tmp_path):
    hollow = MediaPipe(model=bundle(tmp_path / "hollow.task"))
    with pytest.raises(ModelFileError, match=r"hollow\.task.*MediaPipe 0.*can load, but it says"):
        hollow.tracker()


def test_the_bundle_is_made_once_and_again_where_it_is_damaged(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    content = task_bytes(None)
    assert cached_path().read_bytes() == content
    assert [p.name for p in cached_path().parent.iterdir()] == [cached_path().name]
    cached_path().write_bytes(content[:1000])
    with caplog.at_level(logging.WARNING):
        assert task_bytes(None) == content
    assert "made anew" in caplog.text
    assert cached_path().read_bytes() == content
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        assert sorted(made.namelist()) == [DETECTOR, LANDMARKS]


def test_a_cache_that_cannot_be_written_is_warned_of(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert task_bytes(None)[:2] == b"PK"
    assert "cannot be kept in" in caplog.text


def test_quiet_drops_chatter_and_passes_errors_on(capfd):
    with quiet():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"E0000 something is wrong\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "E0000 something is wrong\nafter\n"


def test_mediapipe_says_nothing():
    code = (
        "import numpy as np; from kpcomplete.detector.mediapipe import MediaPipe\n"
        "print(MediaPipe().tracker().look(np.zeros((9, 9, 3), np.uint8), 0.0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_real_person_is_found_where_google_expects_her(detector):
    path = MEDIA / "mediapipe_samples" / "test_image.jpg"
    if not path.exists():
        pytest.skip(f"the picture is not here: {path}")
    import cv2

    image = cv2.imread(str(path))
    (person,) = detector.finder().look(image, 0.0)
    assert person.keypoints.dtype == person.confidence.dtype == np.float32
    assert person.world.shape == (33, 3)
    nose = person.keypoints[0] / image.shape[1::-1]
    np.testing.assert_allclose(nose, [0.342, 0.200], atol=0.01)  # the expected file's, rounded
    info = StreamInfo(name="test_image", fps=1, image_size=image.shape[1::-1])
    (frame,) = Seats(trackers=detector, zones="dash")([Frame(index=0, time=0, image=image)], info)
    assert list(frame.people) == ["driver"]
    small = Frame(index=0, time=0, image=np.ascontiguousarray(image[::4, ::4]))
    (frame,) = Seats(trackers=detector, zones="dash")([small], info)
    assert list(frame.people) == ["driver"]
