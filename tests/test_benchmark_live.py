"""The benchmarks of watching: what they time and count."""

import numpy as np
import pytest
from video_files import write as write_video

from kpcomplete.archive import read_archive
from kpcomplete.benchmark import live, soak
from kpcomplete.completer.hold import Hold
from kpcomplete.desk import Desk
from kpcomplete.detector.stored import Stored
from kpcomplete.frame import Frame
from kpcomplete.pipeline import Pipeline
from kpcomplete.result import Result
from kpcomplete.source.video import Video
from kpcomplete.window import Window


def pipeline():
    return Pipeline(
        detector=Stored(), window=Window(past=9, hop=1, future=0), completer=Hold(),
        keep_images=True,
    )  # fmt: skip


def test_every_frame_after_the_first_sixty_is_timed():
    taken = live.work(pipeline(), 5, 30, 0)
    assert taken.shape == (30,)
    assert (taken > 0).all()


def test_the_video_is_720p_whatever_it_was(tmp_path):
    clip = live.hd(write_video(tmp_path / "a.mp4", length=5), tmp_path / "b.mp4", 0.5)
    info = Video(clip).info
    assert (info.image_size, info.fps, info.length) == ((1280, 720), 30, 15)


def test_how_late_frames_are_is_counted_after_the_warm_up(tmp_path):
    clip = live.hd(write_video(tmp_path / "a.mp4", length=5), tmp_path / "b.mp4", 0.5)
    late, dropped = live._late(pipeline(), clip, 0.2)
    assert [
        found.frames + round(share * 9) <= 9 for found, share in zip(late, dropped, strict=True)
    ] == [1, 1]
    assert all(found.p95 >= 0 for found in late if found.frames)
    assert live._speed(pipeline(), clip) > 0


def test_memory_and_the_clock_are_noted():
    gauge = soak.Gauge(Desk(), seconds=100)
    image = np.zeros((1, 1, 3), np.uint8)
    for captured in (101.0, 102.0):
        gauge._next = 0
        frame = Frame(index=0, time=1.0, image=image, captured=captured)
        gauge.write(Result(frames=(frame,), people={}))
    assert [late for _, late in gauge.behind] == [100.0, 101.0]
    assert all(1 < memory < 100_000 for _, memory in gauge.memory)
    assert gauge.held == []  # garbage is left alone so early


def test_growth_is_that_between_warm_up_and_end():
    gauge = soak.Gauge(Desk(), seconds=100)
    notes = [(second, 500.0 + (100 if second < 20 else second / 10)) for second in range(101)]
    assert gauge.growth(notes) == pytest.approx((95 - 25) / 10)


def test_what_is_held_leaves_garbage_out(monkeypatch):
    gauge = soak.Gauge(Desk(), seconds=1e-9)
    monkeypatch.setattr(soak, "_COMPARED", ((0, 0.5), (0.5, 1)))
    collected = []
    monkeypatch.setattr(soak.gc, "collect", lambda: collected.append(True))
    frame = Frame(index=0, time=1.0, captured=2.0)
    gauge.write(Result(frames=(frame,), people={}))
    assert len(gauge.held) == len(collected) == 1


@pytest.mark.slow
def test_a_killed_recording_is_counted_as_read(tmp_path):
    video = write_video(tmp_path / "a.mp4", length=50)
    settings = ["seats=mirror2", "completer=hold", "gate=null", "lifter=null"]
    readable, lost = soak._killed(video, tmp_path / "out", 2.0, settings)
    assert readable
    assert 0 <= lost < 5
    (archive,) = (tmp_path / "out").glob("*.parquet")
    assert len(read_archive(archive)) > 0
