"""The command process from end to end, above all what bad input gets."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from test_watching import record

from kpcomplete.app import cli
from kpcomplete.app.command import build
from kpcomplete.archive import read_archive
from kpcomplete.errors import SettingError, SkeletonError
from kpcomplete.process import output_stems

OUTPUTS = {".parquet", ".overlay.mp4", ".plot.png"}
FAST = ["seats=none", "completer=hold"]


def write_video(path: Path, size=(64, 48), frames=12) -> Path:
    """A little video with a moving square, and nobody in it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            image = np.full((size[1], size[0], 3), 90, np.uint8)
            image[5:20, i : i + 15] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def kpcomplete(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it said on leaving."""
    try:
        cli.run(*arguments)
    except SystemExit as end:
        return (end.code, "") if isinstance(end.code, int) else (1, str(end.code))
    return 0, ""


def process(source, out, *more):
    return kpcomplete("process", f"source={source}", f"output_dir={out}", *FAST, *more)


def rows(out):
    with open(out / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def leftovers(out):
    return [p.name for p in out.rglob("*") if ".part" in p.name]


def test_nobody_at_all_is_an_empty_valid_result(tmp_path):
    video = write_video(tmp_path / "empty.mp4")
    out = tmp_path / "out"
    assert process(video, out) == (0, "")
    assert {p.name for p in out.iterdir()} == {"manifest.csv"} | {f"empty{e}" for e in OUTPUTS}
    recording = read_archive(out / "empty.parquet")
    assert len(recording) == 12
    assert all(pose.is_missing.all() for pose in recording.completed.values())
    (row,) = rows(out)
    assert row["source"] == str(video)
    assert (row["status"], row["error"], row["frames"]) == ("done", "", "12")


def test_finished_recordings_are_skipped_unless_forced(tmp_path):
    video = write_video(tmp_path / "a.mp4")
    out = tmp_path / "out"
    process(video, out)
    made = (out / "a.parquet").stat().st_mtime_ns
    assert process(video, out) == (0, "")
    assert (out / "a.parquet").stat().st_mtime_ns == made
    process(video, out, "force=true")
    assert (out / "a.parquet").stat().st_mtime_ns > made


def test_one_broken_video_does_not_take_down_the_others(tmp_path, capsys):
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "a.mp4")
    (folder / "b.mp4").write_bytes(b"no video at all")
    write_video(folder / "c.mp4")
    out = tmp_path / "out"
    code, _ = process(folder, out)
    assert code == 1
    assert [r["status"] for r in rows(out)] == ["done", "failed", "done"]
    assert "b.mp4" in rows(out)[1]["error"]
    assert not list(out.glob("b.*"))
    assert "2 of 3 done" in capsys.readouterr().out
    assert not leftovers(out)


def damaged(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "zero":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no video\n" * 50)
    elif kind == "sound":
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize("kind", ["zero", "text", "sound", "absent"])
def test_bad_videos_get_an_error_that_names_them(kind, tmp_path, capsys):
    out = tmp_path / "out"
    path = damaged(kind, tmp_path)
    code, text = process(path, out)
    assert code == 1
    assert f"{kind}.mp4" in text + capsys.readouterr().err
    assert not list(out.glob(f"{kind}*"))


def test_a_truncated_video_keeps_what_was_decoded_and_says_how_far(tmp_path):
    whole = tmp_path / "whole.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(whole), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for _ in range(60):
            image = rng.integers(0, 255, (120, 160, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, _ = process(cut, tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert (code, row["status"]) == (1, "damaged")
    assert 20 <= int(row["frames"]) <= 40
    assert "cut.mkv" in row["error"]
    assert row["frames"] in row["error"]
    assert len(read_archive(tmp_path / "out" / "cut.parquet")) == int(row["frames"])


@pytest.mark.parametrize("size", [(1, 1), (33, 17)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_of_any_size_and_kind(size, channels, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
        cv2.imwrite(str(folder / f"{i}.png"), np.full(shape, 80, np.uint8))
    assert process(folder, tmp_path / "out") == (0, "")
    assert rows(tmp_path / "out")[0]["frames"] == "3"


def test_images_of_different_sizes_in_one_folder(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), np.zeros((20, 30, 3), np.uint8))
    cv2.imwrite(str(folder / "2.png"), np.zeros((20, 31, 3), np.uint8))
    code, _ = process(folder, tmp_path / "out")
    assert code == 1
    error = rows(tmp_path / "out")[0]["error"]
    assert "2.png" in error
    assert "31" in error


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("seats=limousine", "mirror2"),
        ("seats={driver: [0, 0, 2, 1]}", "driver"),
        ("detector.trackers.model=no_model.task", "no_model.task"),
    ],
)
def test_bad_settings_end_in_one_line(setting, text, tmp_path, capsys):
    video = write_video(tmp_path / "a.mp4")
    out = tmp_path / "out"
    code, said = process(video, out, setting)
    assert code == 1
    assert text in said + capsys.readouterr().err
    assert not list(out.glob("a.*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written(tmp_path):
    video = write_video(tmp_path / "a.mp4")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    code, said = process(video, closed / "out")
    assert code == 1
    assert "closed" in said


def test_an_output_folder_that_is_a_file(tmp_path):
    video = write_video(tmp_path / "a.mp4")
    (tmp_path / "file").write_text("x")
    code, said = process(video, tmp_path / "file" / "out")
    assert code == 1
    assert "file/out" in said


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    import errno

    from kpcomplete.sink.archive import Archive

    def full(self, result, /):
        raise OSError(errno.ENOSPC, "No space left on device", self.path)

    monkeypatch.setattr(Archive, "write", full)
    video = write_video(tmp_path / "a.mp4")
    out = tmp_path / "out"
    code, said = process(video, out)
    assert code == 1
    assert "No space left" in said + (out / "manifest.csv").read_text()
    assert not [p for p in out.iterdir() if p.name != "manifest.csv"]


@pytest.mark.parametrize(
    ("source", "text"), [((), "name what to read"), (("source=synthetic",), "wants source=PATH")]
)
def test_a_source_without_a_path(source, text, tmp_path):
    assert text in kpcomplete("process", *source, f"output_dir={tmp_path}")[1]


@pytest.mark.parametrize("ending", [".mp4", ".MP4"])
def test_a_recording_is_never_replaced_by_what_is_made_of_it(tmp_path, ending):
    video = write_video(tmp_path / f"a{ending}")
    before = video.read_bytes()
    code, said = process(video, tmp_path, f"outputs.overlay={ending}")
    assert code == 1
    assert "is the source itself" in said
    assert video.read_bytes() == before


def test_normal_driving_that_is_not_there_is_told_before_the_work(tmp_path):
    video, out = write_video(tmp_path / "a.mp4", frames=2), tmp_path / "out"
    write_video(tmp_path / "b.mp4", frames=2)
    assert "there is no file or folder" in process(tmp_path, out, "normal=nowhere")[1]
    assert "summary of several recordings" in process(video, out, "normal=nowhere")[1]
    assert not [p for p in out.iterdir() if p.suffix == ".parquet"]


def test_a_summary_is_written_even_if_normal_driving_lacks_a_seat(tmp_path):
    seen, out = tmp_path / "seen", tmp_path / "out"
    seen.mkdir()
    for name in ("a", "b"):
        record(seen / f"{name}.parquet", length=60)
    normal = record(tmp_path / "normal.parquet", length=60, seat="codriver")
    code, said = process(seen, out, "detector=stored", "outputs.overlay=null",
                         "outputs.plot=null", "lifter=null", f"normal={normal}")  # fmt: skip
    assert code == 1
    assert "must show the seat 'driver'" in said
    assert (out / "summary.html").is_file()


def test_stems_are_unique():
    stems = output_stems(["a/x.mp4", "b/x.mp4", "b/x.mkv", "c/y.mp4", "/abs/folder"])
    assert stems["c/y.mp4"] == "y"
    assert stems["/abs/folder"] == "folder"
    assert len(set(stems.values())) == 5


@pytest.mark.parametrize(
    "recordings",
    [
        ["x.mp4", "../x.mp4", "/x.mp4"],
        ["a/x.mp4", "b/x.mp4", "a__x.mp4.avi"],
        ["summary.mp4", "summary", "x.classes.mp4", "x.mp4"],
    ],
)
def test_no_output_replaces_another(recordings):
    stems = list(output_stems(recordings).values())
    assert len(set(stems)) == len(recordings)
    assert not any(stem == "summary" or stem.endswith(".classes") for stem in stems)


def test_help_is_fast_and_names_every_command():
    code = (
        "import sys, time; start = time.perf_counter(); sys.argv = ['kpcomplete', '--help'];"
        "from kpcomplete.app.cli import main; main();"
        "loaded = {'torch', 'hydra', 'cv2', 'mediapipe'} & set(sys.modules); assert not loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in cli.COMMANDS:
        assert name in done.stdout


def test_an_unknown_command():
    with pytest.raises(SystemExit, match="no command 'proces'; there are demo, process"):
        cli.run("proces")


@pytest.mark.parametrize(
    "name", ["with space.mp4", "brackets [1] (2).mp4", "it's, a=b.mp4", "$HOME {x}.mp4", "ünï.mp4"]
)
def test_any_file_name_can_be_given_as_it_is(name, tmp_path):
    write_video(tmp_path / name, frames=3)
    assert process(tmp_path / name, tmp_path / "out dir") == (0, "")
    assert rows(tmp_path / "out dir")[0]["source"].endswith(name)


def test_a_list_of_recordings(tmp_path):
    a, b = write_video(tmp_path / "a.mp4"), write_video(tmp_path / "b.mp4")
    assert process(f"[{a},{b}]", tmp_path / "out") == (0, "")
    assert len(rows(tmp_path / "out")) == 2


def test_a_misspelt_setting_is_named(tmp_path, capsys):
    code, _ = process("x.mp4", tmp_path, "sets=none")
    assert code == 1
    assert "sets" in capsys.readouterr().err


@pytest.mark.parametrize("executor", ["serial", "local"])
def test_an_archive_tells_the_settings_that_it_was_made_with(executor, tmp_path):
    rows = [f"{t},nose,{t}.5,20" for t in range(9)]
    (tmp_path / "a.csv").write_text("\n".join(["frame,joint,x,y", *rows]))
    process(
        tmp_path / "a.csv", tmp_path, "detector=stored", "completer=linear", "lifter=null",
        "outputs.overlay=null", "outputs.plot=null", f"executor={executor}", "gate=null",
    )  # fmt: skip
    config = read_archive(tmp_path / "a.parquet").provenance["config"]
    assert config["completer"] == {
        "_target_": "kpcomplete.completer.interpolate.Interpolate", "kind": "linear",
        "max_gap": "inf", "weights": "motion",
    }  # fmt: skip
    assert config["detector"] == {"_target_": "kpcomplete.detector.stored.Stored", "names": None}
    assert config["job"]["make"]["pipeline"]["completer"] == config["completer"]
    assert " at 0x" not in str(config)


def test_what_a_part_is_given_besides_is_not_taken_for_a_config():
    given = {"_target_": "os.system", "deep": [{"_target_": "os.system"}]}
    cfg = {"_target_": "kpcomplete.skeleton.Skeleton.from_dict"}
    with pytest.raises(SkeletonError, match=r"'_target_': 'os\.system'"):
        build(cfg, values=given)
    assert build(cfg | {"_partial_": True}, values=given).keywords == {"values": given}
    with pytest.raises(SettingError, match=r"from_dict: .*unexpected keyword argument 'more'"):
        build(cfg, more=given)
