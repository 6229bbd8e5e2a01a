"""Whatever ends a command, no file is half under its name, and what goes on ends as it should."""

import functools
import os
import resource
import shutil
import subprocess
from random import Random

import made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import video_files

from kpcomplete.app.cli import run as command
from kpcomplete.benchmark import faults, kills, played
from kpcomplete.benchmark.kills import Ended, Work, _run, disturb
from kpcomplete.errors import OutputError
from kpcomplete.journal import Journal
from kpcomplete.manifest import DONE, Entry, Manifest
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.overlay import Overlay

SHORT = functools.partial(faults.train, 40)


def test_a_training_is_killed_and_ends_as_if_it_had_not_been(tmp_path):
    work = Work(do=SHORT, check=faults.check, differences=faults.unlike)
    tally = disturb(work, tmp_path, 2, Random(0))
    assert (tally.kills, tally.corrupt, tally.unequal) == (2, 0, 0), tally.notes
    assert tally.finished >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["process", "live", "simulate"])
def test_a_command_is_killed_and_ends_as_if_it_had_not_been(name, tmp_path):
    if name == "simulate":
        pytest.importorskip("anny", reason="needs kpcomplete[cabin]")
    work = faults.works(command, faults._inputs(tmp_path / "in"))[name]
    tally = disturb(work, tmp_path, 4, Random(0))
    assert (tally.corrupt, tally.unequal) == (0, 0), tally.notes


def is_ended(path):
    assert path.read_text().endswith("end"), "it is cut"


def texts(folder, other):
    a, b = ({p.name: p.read_text() for p in f.glob("*.txt")} for f in (folder, other))
    return [name for name in {**a, **b} if a.get(name) != b.get(name)]


JUDGED = Work(do=lambda: None, check=is_ended, differences=texts)


@pytest.mark.parametrize(
    ("runs", "found"),
    [  # what is there when a run ended, and its exit code; the first run is not disturbed
        ([("the end", 0), (None, -9), ("the end", 0)], (1, 0, 0, 1)),
        ([("the end", 0), ("the e", -9), ("the end", 0)], (1, 1, 0, 1)),
        ([("the end", 0), ("the end", -9), ("another end", 0)], (1, 0, 1, 1)),
        ([("the end", 0), ("the end", 0), ("the end", -15), ("the end", 0)], (1, 0, 0, 2)),
        ([("the end", 0), ("another end", "in order"), ("the end", 0)], (1, 0, 0, 1)),
        ([("the e", 0), (None, -9), ("the e", 0)], (1, 2, 0, 1)),
    ],
)
def test_the_judge_finds_what_is_lost(runs, found, tmp_path, monkeypatch):
    coming = iter([("nothing", 0), *runs])

    def run(work, folder, after=None, sign=9):
        text, code = next(coming)
        folder.mkdir(exist_ok=True)
        if text is not None:
            (folder / "out.txt").write_text(text)
        return Ended(1.0, 0 if code == "in order" else code, struck=code != 0)

    monkeypatch.setattr(kills, "_run", run)
    tally = disturb(JUDGED, tmp_path, 1, Random(1))
    assert (tally.kills, tally.corrupt, tally.unequal, tally.finished) == found
    assert next(coming, None) is None
    assert bool(tally.notes) == (found[1:3] != (0, 0))


def test_a_draft_that_stays_is_a_difference(tmp_path, monkeypatch):
    def run(work, folder, after=None, sign=9):
        folder.mkdir(exist_ok=True)
        (folder / ".a.txt.part-00000000-1").write_text("half")
        return Ended(1.0, 0, struck=after is not None)

    monkeypatch.setattr(kills, "_run", run)
    assert disturb(JUDGED, tmp_path, 1, Random(1)).unequal == 1


def recorded(path, frames, shift=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = np.repeat(np.arange(frames, dtype=np.int32), 3)
    pq.write_table(pa.table({"frame": frame, "x": frame * 0.5 + shift}), path)
    video = path.with_name(f"{path.stem}.overlay.mp4")
    video_files.write(video, "mpeg4", frames, (32, 32) if shift else (64, 48))


@pytest.mark.parametrize(
    ("frames", "shift", "bad"),
    [
        (20, 0.0, []), (8, 0.0, []), (5, 0.0, ["a.parquet lacks frames that were on disk"]),
        (21, 0.0, ["a.parquet", "a.overlay.mp4"]), (20, 1.0, ["a.parquet", "a.overlay.mp4"]),
        (0, 0.0, ["a.parquet is lost"]),
    ],
)  # fmt: skip
def test_a_killed_recording_is_an_undisturbed_one_up_to_what_was_on_disk(
    frames, shift, bad, tmp_path
):
    recorded(tmp_path / "whole" / "b.parquet", 20)
    here = tmp_path / "here" / "out" / "a.parquet"
    here.parent.mkdir(parents=True)
    (here.parent.parent / played.GIVEN).write_text("12")
    journal = Journal(here, pa.schema({"frame": pa.int32()}))
    for first in (0, 3):
        rows = np.arange(first, first + 3, dtype=np.int32)
        journal.add(pa.table({"frame": rows}), {})
    journal.close()
    judge = played.Recordings()
    judge.note(journal.path)
    assert judge.says() == "; a kill lost at most 6 frames"
    if frames:
        recorded(here, frames, shift)
    assert judge.differences(tmp_path / "here", tmp_path / "whole") == bad


def end_by_itself():
    raise SystemExit(3)


def test_a_run_that_ends_by_itself_is_no_kill(tmp_path):
    work = Work(do=end_by_itself, check=is_ended, differences=texts)
    with pytest.raises(RuntimeError, match="ended with 3"):
        disturb(work, tmp_path, 1, Random(1))


def on_a_small_disk(do, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    do()


@pytest.mark.parametrize("size", [60_000])
def test_a_full_disk_loses_nothing(size, tmp_path):
    ended = _run(Work(do=functools.partial(on_a_small_disk, SHORT, size),
                        check=faults.check, differences=faults.unlike), tmp_path / "a")  # fmt: skip
    said = (tmp_path / "a.log").read_text()
    assert ended.code != 0
    assert "cannot write the checkpoint out/state.safetensors: " in said
    assert "File too large" in said
    assert [path.name for path in (tmp_path / "a").rglob("*") if path.is_file()] == []
    work = Work(do=SHORT, check=faults.check, differences=faults.unlike)
    assert _run(work, tmp_path / "a").code == 0
    assert _run(work, tmp_path / "b").code == 0
    assert faults.contents(tmp_path / "a") == faults.contents(tmp_path / "b")


@pytest.fixture
def disk(tmp_path):
    """A disk of 64 kB, and a function that makes it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted with the rights to")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    subprocess.run(["umount", folder], check=True)


SINKS = {"archive": (Archive, ".parquet"), "overlay": (Overlay, ".mp4")}


@pytest.mark.parametrize("name", SINKS)
def test_a_disk_that_fills_up_is_named(name, disk):
    folder, _ = disk
    kind, ending = SINKS[name]
    with (  # noqa: PT012
        pytest.raises(OutputError, match=rf"cannot write .*a\{ending}: .*No space left"),
        kind(path=folder / f"a{ending}", source=made.Images(length=600)) as sink,
    ):
        for result in made.results({"driver": made.driver(600)}, 100):
            sink.write(result)
    assert os.listdir(folder) == []


def test_a_disk_that_is_read_only_is_named(disk):
    folder, read_only = disk
    read_only()
    with pytest.raises(OutputError, match=r"cannot write .*a\.parquet: Read-only file system"):
        Archive(path=folder / "a.parquet", source=made.Images(length=2)).__enter__()


@pytest.mark.parametrize("name", SINKS)
def test_a_folder_that_is_deleted_underway_is_named(name, tmp_path):
    kind, ending = SINKS[name]
    path = tmp_path / "out" / f"a{ending}"
    with (  # noqa: PT012
        pytest.raises(OutputError, match=rf"cannot write .*a\{ending}: No such file"),
        kind(path=path, source=made.Images(length=8)) as sink,
    ):
        for result in made.results({"driver": made.driver(8)}, 4):
            sink.write(result)
            shutil.rmtree(path.parent, ignore_errors=True)
    assert not path.exists()


@pytest.mark.parametrize(("source", "output", "finished"), [
    (0, 60, True), (0, 0, True),
    (86_400, 60, False),  # the clock was a day ahead when the recording was made: once too often
    (0, -86_400, False),  # it jumped back while the output was written: likewise
])  # fmt: skip
def test_when_clocks_jump_work_is_done_again_rather_than_left_out(
    source, output, finished, tmp_path
):
    recording, made_of_it = tmp_path / "a.csv", tmp_path / "a.parquet"
    now = 1_700_000_000
    for path, at in ((recording, source), (made_of_it, output)):
        path.write_text("x")
        os.utime(path, (now + at, now + at))
    manifest = Manifest(tmp_path)
    manifest.add(Entry(str(recording), DONE, "", 1, 1.0))
    assert manifest.is_finished(str(recording), ["a.parquet"]) == finished
