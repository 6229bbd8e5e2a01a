"""The video with the poses drawn on it."""

import os
import threading
import time
from dataclasses import replace

import av
import made
import numpy as np
import pytest

from kpcomplete.errors import OutputError, SourceError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.result import Result
from kpcomplete.sink._encoder import Encoder
from kpcomplete.sink.overlay import Overlay


def decoded(path):
    with av.open(os.fspath(path)) as file:
        return [(f.time, f.to_ndarray(format="bgr24")) for f in file.decode(video=0)]


def written(path, people, source=None, hop=4, **settings):
    with Overlay(path=path, source=source, **settings) as sink:
        for result in made.results(people, hop):
            sink.write(result)
    return decoded(path)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_pictures_keep_their_times(tmp_path):
    times = np.array([0.0, 0.033, 0.1, 0.101, 0.5, 2.0, 2.04])
    people = {"driver": made.driver(7, times=times)}
    pictures = written(tmp_path / "a.mp4", people, made.Images(times=tuple(times)))
    np.testing.assert_allclose([t for t, _ in pictures], times, atol=1e-4)
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_a_recording_may_start_late(tmp_path):
    times = np.array([1.5, 1.6, 1.7])
    pictures = written(tmp_path / "a.mp4", {"driver": made.driver(3, times=times)})
    np.testing.assert_allclose([t for t, _ in pictures], times, atol=1e-4)


@pytest.mark.parametrize("hop", [1, 5])
def test_images_are_found_by_their_index(tmp_path, hop):
    source = made.Images(length=10)
    pictures = written(tmp_path / "a.mp4", {"codriver": made.nobody(10)}, source, hop)
    corners = [float(picture[120:180, 250:300].mean()) for _, picture in pictures]
    np.testing.assert_allclose(corners, [made.brightness(i) for i in range(10)], atol=3)
    assert source.started == 1


def test_frames_that_were_left_out_are_skipped_in_the_source(tmp_path):
    with Overlay(path=tmp_path / "a.mp4", source=made.Images(length=10)) as sink:
        for index in (2, 7):
            frame = Frame(index=index, time=index / 30)
            sink.write(Result(frames=(frame,), people={}))
    corners = [float(picture[120:180, 250:300].mean()) for _, picture in decoded(sink.path)]
    np.testing.assert_allclose(corners, [made.brightness(2), made.brightness(7)], atol=3)


def test_images_of_the_results_come_first(tmp_path):
    source = made.Images(length=3)
    with Overlay(path=tmp_path / "a.mp4", source=source) as sink:
        sink.write(Result(frames=tuple(made.Images(length=3)), people={}))
    assert source.started == 0
    assert len(decoded(tmp_path / "a.mp4")) == 3


def test_without_images_the_background_is_grey(tmp_path, caplog):
    (_, picture), *_ = written(tmp_path / "a.mp4", {"codriver": made.nobody(2)})
    assert abs(float(picture[120:180, 250:300].mean()) - 70) < 3
    assert not caplog.records


def test_a_source_that_is_shorter_the_second_time_is_reported_once(tmp_path, caplog):
    pictures = written(tmp_path / "a.mp4", {"driver": made.driver(6)}, made.Images(length=2))
    assert len(pictures) == 6
    assert [r.message for r in caplog.records] == [
        f"drives/ride.mp4 ended before frame 2 when it was read again; the rest of "
        f"{tmp_path / 'a.mp4'} is plain"
    ]


def test_people_are_drawn_and_empty_seats_are_named(tmp_path):
    plain = written(tmp_path / "a.mp4", {"codriver": made.nobody(2)})[0][1].astype(int)
    people = {"driver": made.driver(2), "codriver": made.nobody(2)}
    drawn = written(tmp_path / "b.mp4", people)[0][1].astype(int)
    assert (abs(plain - 70).max(axis=-1)[:20, :120] > 60).sum() > 50  # "codriver: empty"
    assert (abs(drawn - plain).max(axis=-1) > 60).sum() > 500


@pytest.mark.parametrize(
    ("size", "max_height", "wanted"),
    [
        ((1, 1), 720, (2, 2)),
        ((101, 57), 720, (102, 58)),
        ((1920, 1080), 720, (1280, 720)),
        ((1080, 1920), 719, (404, 720)),
        ((640, 480), None, (640, 480)),
    ],
)
def test_any_size_becomes_one_that_players_know(tmp_path, size, max_height, wanted):
    info = StreamInfo(name="a", fps=30.0, image_size=size)
    source = made.Images(info=info, length=2)
    people = {"driver": made.driver(2, info=info)}
    pictures = written(tmp_path / "a.mp4", people, source, max_height=max_height)
    assert [(p.shape[1], p.shape[0]) for _, p in pictures] == [wanted] * 2


def test_images_of_another_size_are_fitted_in(tmp_path):
    info = StreamInfo(name="a", fps=30.0, image_size=(100, 200))
    frames = [*made.Images(length=1), *made.Images(info=info, length=2)]
    with Overlay(path=tmp_path / "a.mp4") as sink:
        sink.write(Result(frames=tuple(frames), people={}))
    assert {picture.shape for _, picture in decoded(tmp_path / "a.mp4")} == {(240, 320, 3)}


def test_a_recording_without_frames_can_be_opened(tmp_path):
    with Overlay(path=tmp_path / "a.mp4", source=made.Images()):
        pass
    ((_, picture),) = decoded(tmp_path / "a.mp4")
    assert picture.shape == (240, 320, 3)
    assert picture.max() > 150  # says so


def test_an_error_of_the_source_reaches_the_pipeline(tmp_path):
    source = made.Images(length=9, fail_at=3, error=SourceError("frame 3 is broken"))
    with pytest.raises(SourceError, match="frame 3 is broken"):
        written(tmp_path / "a.mp4", {"driver": made.driver(9)}, source)
    assert os.listdir(tmp_path) == []


def test_write_raises_what_went_wrong_in_the_thread(tmp_path):
    source = made.Images(length=99, fail_at=0, error=SourceError("gone"))
    result = next(made.results({"driver": made.driver(50)}, hop=50))
    sink = Overlay(path=tmp_path / "a.mp4", source=source, queue_results=1)
    again = pytest.raises(SourceError, match="gone")  # when it closes

    def write_all():
        for _ in range(3):  # one is drawn, one waits, the third must hear of it
            sink.write(result)

    with again, sink, pytest.raises(SourceError, match="gone"):
        write_all()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("method", ["_open", "write", "finish"])
def test_a_full_disk_leaves_no_file(tmp_path, monkeypatch, method):
    def fail(self, *_):
        from kpcomplete.output import guard

        with guard(self._path):
            made.full_disk()

    monkeypatch.setattr(Encoder, method, fail)
    with pytest.raises(OutputError, match=r"cannot write .*a\.mp4: No space left on device"):
        written(tmp_path / "a.mp4", {"driver": made.driver(6)})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SourceError("broken")])
def test_an_interruption_leaves_no_file_and_does_not_wait(tmp_path, error):
    source, (result,) = made.Images(length=500), made.results({"driver": made.driver(60)}, 60)
    start = time.perf_counter()
    with (  # noqa: PT012
        pytest.raises(error if isinstance(error, type) else type(error)),
        Overlay(path=tmp_path / "a.mp4", source=source) as sink,
    ):
        sink.write(result)
        raise error
    assert time.perf_counter() - start < 5
    assert os.listdir(tmp_path) == []


def test_a_slow_thread_holds_the_pipeline_back(tmp_path, monkeypatch):
    gate = threading.Event()
    original = Encoder.write
    monkeypatch.setattr(Encoder, "write", lambda *a: gate.wait(10) and original(*a))
    person = made.driver(12)
    done = []
    with Overlay(path=tmp_path / "a.mp4", queue_results=3) as sink:
        writer = threading.Thread(
            target=lambda: [
                done.append(sink.write(result)) for result in made.results({"driver": person}, 2)
            ]
        )
        writer.start()
        time.sleep(0.4)
        assert len(done) < 6
        gate.set()
        writer.join()
    assert len(done) == 6
    assert len(decoded(tmp_path / "a.mp4")) == 12


def test_nothing_is_drawn_for_joints_that_are_nan_or_far_away(tmp_path):
    person = made.driver(3)
    far = np.full_like(person.completed.keypoints, 1e9)
    far = np.where(person.completed.is_missing[..., None], np.float32(np.nan), far)
    wide = np.full_like(person.completed.covariance, 1e12)
    moved = replace(person.completed, keypoints=far, covariance=wide)
    assert len(written(tmp_path / "a.mp4", {"driver": replace(person, completed=moved)})) == 3
