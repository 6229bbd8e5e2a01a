"""Whatever ends a command, no file is half under its name, and what goes on ends as it should."""

import functools
import os
import resource
import shutil
import subprocess
from random import Random

import made
import pytest

from kpcomplete.app.cli import run as command
from kpcomplete.benchmark import faults, kills
from kpcomplete.benchmark.kills import Work, _run, disturb
from kpcomplete.errors import OutputError
from kpcomplete.manifest import DONE, Entry, Manifest
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.overlay import Overlay

SHORT = functools.partial(faults.train, 40)


def test_a_training_is_killed_and_ends_as_if_it_had_not_been(tmp_path):
    work = Work(do=SHORT, check=faults.check, same=faults.contents)
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


def texts(folder):
    return {path.name: path.read_text() for path in folder.glob("*.txt")}


@pytest.mark.parametrize(
    ("runs", "found"),
    [  # what is there when a run ended, and its exit code; the first run is not disturbed
        ([("the end", 0), (None, -9), ("the end", 0)], (1, 0, 0)),
        ([("the end", 0), ("the e", -9), ("the end", 0)], (1, 1, 0)),
        ([("the end", 0), ("the end", -9), ("another end", 0)], (1, 0, 1)),
        ([("the end", 0), ("the end", 0), ("the end", -15), ("the end", 0)], (1, 0, 0)),
    ],
)
def test_the_judge_finds_what_is_lost(runs, found, tmp_path, monkeypatch):
    coming = iter([("nothing", 0), *runs])

    def run(work, folder, after=None, sign=9):
        text, code = next(coming)
        folder.mkdir(exist_ok=True)
        if text is not None:
            (folder / "out.txt").write_text(text)
        return 1.0, code

    monkeypatch.setattr(kills, "_run", run)
    work = Work(do=lambda: None, check=is_ended, same=texts)
    tally = disturb(work, tmp_path, 1, Random(1))
    assert (tally.kills, tally.corrupt, tally.unequal) == found
    assert next(coming, None) is None
    assert bool(tally.notes) == (found != (1, 0, 0))


def test_a_draft_that_stays_is_a_difference(tmp_path, monkeypatch):
    def run(work, folder, after=None, sign=9):
        folder.mkdir(exist_ok=True)
        (folder / ".a.txt.part-00000000-1").write_text("half")
        return 1.0, 0 if after is None or not folder.name.endswith("0") else -9

    monkeypatch.setattr(kills, "_run", run)
    work = Work(do=lambda: None, check=is_ended, same=texts)
    assert disturb(work, tmp_path, 1, Random(1)).unequal == 1


def on_a_small_disk(do, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    do()


@pytest.mark.parametrize("size", [60_000])
def test_a_full_disk_loses_nothing(size, tmp_path):
    _, code = _run(Work(do=functools.partial(on_a_small_disk, SHORT, size),
                        check=faults.check, same=faults.contents), tmp_path / "a")  # fmt: skip
    said = (tmp_path / "a.log").read_text()
    assert code != 0
    assert "cannot write the checkpoint out/state.safetensors: " in said
    assert "File too large" in said
    assert [path.name for path in (tmp_path / "a").rglob("*") if path.is_file()] == []
    work = Work(do=SHORT, check=faults.check, same=faults.contents)
    assert _run(work, tmp_path / "a")[1] == 0
    assert _run(work, tmp_path / "b")[1] == 0
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
