"""Watching: what is shown, recorded, hidden and stopped; without a window and without MediaPipe."""

import threading
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits
from video_files import write as write_video

from kpcomplete.app.cli import run as run_command
from kpcomplete.archive import read_archive
from kpcomplete.completer.hold import Hold
from kpcomplete.desk import Desk
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import OutputError, SettingError
from kpcomplete.live import Live
from kpcomplete.pipeline import Pipeline
from kpcomplete.recorder import Recorder
from kpcomplete.result import Result
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.overlay import Overlay
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.window import Window


@dataclass
class Watcher:
    """A window without one: does something at some frames, and keeps what it was shown."""

    desk: Desk
    does: dict = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, result, /):
        self.results.append(result)
        do = self.does.get(result.frames[-1].index)
        if do:
            do(self.desk)


class Camera(Synthetic):
    """Synthetic people whose every third image is dropped."""

    def __iter__(self):
        for frame in super().__iter__():
            gone = frame.index % 3 == 1
            yield replace(frame, captured=1.0, **({"image": None, "people": {}} if gone else {}))


def pipeline(future=0):
    return Pipeline(
        detector=Stored(), window=Window(past=9, hop=1, future=future), completer=Hold(),
        keep_images=True,
    )  # fmt: skip


@pytest.fixture
def live(tmp_path):
    """Return a function that makes what watches, and its watcher."""

    def live(does=None, future=0, **settings):
        watchers = []

        def window(desk):
            watchers.append(Watcher(desk, does or {}))
            return watchers[0]

        given = {
            "source": Camera(length=30, images=True, image_size=(64, 48)),
            "pipeline": pipeline(future), "windows": {"screen": window},
            "sinks": {"archive": partial(Archive, flush=1.0),
                      "overlay": partial(Overlay, fragments=True)},
            "outputs": {"archive": ".parquet", "overlay": ".overlay.mp4"},
            "into": ["screen"], "output_dir": tmp_path / "live",
        } | settings  # fmt: skip
        return Live(**given), watchers

    return live


def test_everything_is_shown_in_order_and_late_frames_are_counted(live):
    job, watchers = live()
    done = job()
    assert done.frames == 30
    assert [r.frames[0].index for r in watchers[0].results] == list(range(30))
    assert done.latency.frames == 20  # a dropped image is not late
    assert done.latency.p50 > 1
    assert done.problem is None
    assert done.files == ()


def test_dropped_frames_are_completed_as_occluded_ones(live):
    job, watchers = live()
    job()
    dropped = [r for r in watchers[0].results if r.frames[0].image is None]
    assert len(dropped) == 10
    for result in dropped:
        assert not result.people["driver"].observed.is_observed.any()
        assert not result.people["driver"].completed.is_missing.any()


def test_products_of_matrices_leave_the_other_cores_to_the_detector(live):
    def threads(_):
        counts.append(
            {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}
        )

    counts = []
    with threadpool_limits(2, user_api="blas"):
        live({3: threads})[0]()
        threads(None)
    assert counts[0] == {1}
    assert counts[1] != {1}  # as they were before


def test_looking_ahead_delays_by_a_number_of_frames_that_is_known(live):
    job, watchers = live(future=4)
    assert job.delay == pytest.approx(4 / 30)
    assert job().frames == 30
    assert watchers[0].desk.delay == 4
    shown = [r.frames[0].image is not None for r in watchers[0].results]
    assert shown == [i % 3 != 1 for i in range(30)]


def test_from_a_key_to_the_next_is_recorded_with_times_from_zero(live, tmp_path):
    job, watchers = live({9: lambda d: d.record(), 20: lambda d: d.record()})
    done = job()
    assert [p.name.split(".", 1)[1] for p in done.files] == ["parquet", "overlay.mp4"]
    archive = read_archive(done.files[0])
    assert archive.frames.tolist() == list(range(11))  # the key's own frame is in it
    assert archive.times[0] == 0
    assert done.files[1].exists()
    assert not list((tmp_path / "live").glob("*.journal"))
    with_poses = watchers[0].results[10].people["driver"].completed.keypoints[0]
    np.testing.assert_array_equal(archive.completed["driver"].keypoints[1], with_poses)


def test_two_recordings_have_two_names(live):
    keys = {5: Desk.record, 10: Desk.record, 15: Desk.record}
    job, _ = live({at: lambda d: d.record() for at in keys})
    files = job().files
    assert len(set(files)) == 4
    assert all(path.exists() for path in files)


def test_recorded_from_the_first_frame_on_without_a_window(live):
    job, watchers = live(into=["archive"])
    done = job()
    assert not watchers
    (path,) = done.files
    assert len(read_archive(path)) == 30


def test_what_is_hidden_is_completed_and_its_truth_is_kept(live):
    job, watchers = live({9: lambda d: d.veil.next_limb()})
    job()
    before, after = watchers[0].results[9], watchers[0].results[11]
    assert before.frames[0].truth is not None  # synthetic people know theirs
    hidden = np.isnan(after.frames[0].people["driver"].keypoints[:, 0])
    assert hidden.sum() == 5
    assert not after.people["driver"].completed.is_missing.any()


def test_it_can_be_stopped_and_snapshots_taken(live, tmp_path):
    picture = np.full((4, 6, 3), (10, 20, 30), np.uint8)
    names = []
    job, _ = live({
        3: lambda d: names.append(d.snapshot(picture)), 7: lambda d: d.stop()
    })  # fmt: skip
    assert job().frames == 8
    (path,) = (tmp_path / "live").glob("snapshot-*.png")
    assert names == [str(path)]


def test_it_ends_after_some_seconds(live):
    job, _ = live(seconds=0.5)
    assert job().frames == 16


def test_a_recording_that_cannot_go_on_ends_and_the_rest_does_not(tmp_path, caplog):
    class Full(Watcher):
        def write(self, result, /):
            raise OutputError("cannot write a.parquet: no space")

    recorder = Recorder(
        sinks={"archive": lambda **_: Full(Desk())}, outputs={"archive": ".parquet"},
        output_dir=tmp_path, source=Synthetic(),
    )  # fmt: skip
    (result, *_) = pipeline().run(Synthetic(length=2))
    with recorder:
        recorder.toggle()
        recorder.write(result)
        assert recorder.since is None
        assert "no space" in recorder.problem
        recorder.write(result)
    with pytest.raises(OutputError), replace(recorder, at_once=["archive"]) as strict:
        strict.write(result)


def test_refuses(live):
    with pytest.raises(SettingError, match="there are screen, archive, overlay"):
        live(into=["scren"])
    with pytest.raises(SettingError, match="at least one"):
        live(into=[])
    with pytest.raises(SettingError, match="seconds must be positive"):
        live(seconds=0)
    with pytest.raises(SettingError, match="keep_images"):
        live(pipeline=replace(pipeline(), keep_images=False))


def test_no_thread_is_left(live):
    before = set(threading.enumerate())
    live(into=["screen", "archive", "overlay"])[0]()
    assert set(threading.enumerate()) <= before


def command(*arguments):
    run_command("live", *arguments)


def test_the_command_without_a_window(tmp_path, capsys):
    video = write_video(tmp_path / "a.mp4", length=12)
    command(f"source={video}", "pace=true", "sink=[archive]", f"output_dir={tmp_path / 'out'}",
            "seats=mirror2", "lifter=null", "gate=null", "completer=hold")  # fmt: skip
    said = capsys.readouterr().out
    assert "looks 0 frames ahead, so all is 0 ms later" in said
    assert "recorded" in said
    (path,) = (tmp_path / "out").glob("*.parquet")
    assert set(read_archive(path).completed) == {"driver", "passenger"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["source=no.mp4", "pace=true"], "cameras of this computer"),
        (["source=9"], "camera 9 cannot be opened; cameras of this computer"),
        ([], "name what to watch"),
        (["source=0", "look_ahead=-1"], "look_ahead must be at least 0"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, text):
    with pytest.raises(SystemExit) as caught:
        command(*arguments)
    assert text in str(caught.value)


def test_without_a_display_it_says_how_to_do_without(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    video = write_video(tmp_path / "a.mp4")
    with pytest.raises(SystemExit, match=r"no display .*sink=\[archive\]"):
        command(f"source={video}", "pace=true", f"output_dir={tmp_path / 'out'}", "lifter=null")


def test_passwords_are_in_no_message_and_no_file(monkeypatch, tmp_path):
    from omegaconf import OmegaConf

    from kpcomplete.app.live import _forget_secrets

    found = OmegaConf.to_container(OmegaConf.create({"source": {"path": "rtsp://a:b@c/d", "n": 1}}))
    _forget_secrets(found)
    assert found == {"source": {"path": "rtsp://c/d", "n": 1}}
