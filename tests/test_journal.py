"""Recordings on disk while they grow: read and recovered whatever ended the program."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest

from kpcomplete.archive import read_archive
from kpcomplete.benchmark import sound
from kpcomplete.completer.hold import Hold
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import OutputError, SourceError
from kpcomplete.journal import Journal, _is_still, claimed, journal_of, read_journal
from kpcomplete.pipeline import Pipeline
from kpcomplete.recovery import recover
from kpcomplete.sink._journaled import become
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.overlay import Overlay
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.window import Window

SCHEMA = pa.schema({"frame": pa.int32(), "seat": pa.dictionary(pa.int32(), pa.string())})


def table(frame, *seats):
    seat = pa.array(seats).dictionary_encode().cast(SCHEMA.field("seat").type)
    return pa.table([pa.array([frame] * len(seats), pa.int32()), seat], schema=SCHEMA)


def results(length=40, seats=("driver",)):
    source = Synthetic(length=length, seats=seats, images=True, image_size=(64, 48))
    pipeline = Pipeline(
        detector=Stored(), window=Window(past=9, hop=1, future=0), completer=Hold(),
        keep_images=True,
    )  # fmt: skip
    return source, list(pipeline.run(source))


def classified(result):
    people = {s: replace(p, classes={"position": np.array([[0.25, 0.75]], np.float32)})
              for s, p in result.people.items()}  # fmt: skip
    return replace(result, people=people, tasks={"position": ["in", "out"]})


def test_all_rows_are_read_while_they_are_written(tmp_path):
    journal = Journal(tmp_path / "a.parquet", SCHEMA)
    assert list(read_journal(journal.path)) == []
    journal.add(table(0, "driver"), {"seats": 1})
    journal.add(pa.concat_tables([table(1, "driver"), table(1, "child", "driver")]), {"seats": 2})
    parts = list(read_journal(journal.path))
    assert [about for _, about in parts] == [{"seats": 1}, {"seats": 2}]
    assert parts[1][0]["seat"].to_pylist() == ["driver", "child", "driver"]
    with claimed(journal.path) as is_ours:
        assert not is_ours
    with pytest.raises(OutputError, match="another program is writing"):
        Journal(tmp_path / "a.parquet", SCHEMA)
    journal.close()
    with claimed(journal.path) as is_ours:
        assert is_ours
    journal.remove()
    assert not list(tmp_path.iterdir())


def test_cut_off_anywhere_all_whole_parts_are_read(tmp_path):
    journal = Journal(tmp_path / "a", SCHEMA)
    ends = []
    for i in range(3):
        journal.add(table(i, "driver"), {"frames": i + 1})
        ends.append(journal.path.stat().st_size)
    journal.close()
    data = journal.path.read_bytes()
    first = ends[0] // 2
    for cut in range(first, len(data) + 1, 7):
        journal.path.write_bytes(data[:cut])
        try:
            parts = list(read_journal(journal.path))
        except SourceError:  # not even what it is about is there
            assert cut < ends[0]
            continue
        assert len(parts) == sum(cut >= end for end in ends)


def test_what_is_no_journal(tmp_path):
    path = tmp_path / "a.journal"
    path.write_bytes(b"something else entirely, and long enough" * 9)
    with pytest.raises(SourceError, match="must be a journal"):
        list(read_journal(path))


@pytest.mark.parametrize("flush", [None, 0.0])
def test_an_archive_is_the_same_with_a_journal(flush, tmp_path):
    source, found = results(seats=("driver", "child"))
    with Archive(path=tmp_path / "a.parquet", source=source, flush=flush) as sink:
        for result in found:
            sink.write(classified(result))
    archive = read_archive(tmp_path / "a.parquet")
    assert len(archive) == 40
    truth = np.concatenate([r.people["child"].completed.keypoints for r in found])
    np.testing.assert_array_equal(archive.completed["child"].keypoints, truth)
    np.testing.assert_array_equal(archive.classes["child"]["position"][:, 1], 0.75)
    assert {p.name for p in tmp_path.iterdir()} == {"a.parquet", "a.classes.parquet"}


def record_until_an_error(folder):
    source, found = results()
    with (
        Archive(path=folder / "a.parquet", source=source, flush=0.0) as archive,
        Overlay(path=folder / "a.mp4", fragments=True) as overlay,
    ):
        for result in found:
            archive.write(classified(result))
            overlay.write(result)
        while overlay._queue.qsize():
            overlay._stop.wait(0.01)
        raise RuntimeError


def test_a_recording_that_ends_with_an_error_is_recovered(tmp_path):
    with pytest.raises(RuntimeError):
        record_until_an_error(tmp_path)
    assert not (tmp_path / "a.parquet").exists()
    assert not (tmp_path / "a.mp4").exists()
    assert recover(tmp_path) == [tmp_path / "a.parquet", tmp_path / "a.mp4"]
    assert len(read_archive(tmp_path / "a.parquet")) == 40
    assert read_archive(tmp_path / "a.parquet").classes["driver"]["position"].shape == (40, 2)
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 30
    assert recover(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 3


def pictures(path):
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]


def test_a_video_cut_anywhere_is_recovered_up_to_a_whole_picture_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError):
        record_until_an_error(tmp_path)
    whole, journal = journal_of(tmp_path / "a.mp4").read_bytes(), journal_of(tmp_path / "b.mp4")
    journal.write_bytes(whole)
    recover(tmp_path)
    shown, found = pictures(tmp_path / "b.mp4"), []
    head = whole.index(b"moof")
    for size in [*np.linspace(head - 40, len(whole) - 1, 40, dtype=int), len(whole)]:
        journal.write_bytes(whole[:size])
        (tmp_path / "b.mp4").unlink(missing_ok=True)
        made = recover(tmp_path)
        assert not journal.exists()
        found.append(len(pictures(made[0])) if made else 0)
        assert np.array_equal(pictures(made[0]), shown[: found[-1]]) if made else True
        assert bool(made) == (found[-1] > 0)
    assert found[0] == 0
    assert found == sorted(found)
    assert found[-1] >= 30


def test_what_is_being_written_is_left_alone_and_what_is_empty_goes(tmp_path):
    source, found = results(length=5)
    with Archive(path=tmp_path / "a.parquet", source=source, flush=0.0) as sink:
        sink.write(found[0])
        journal_of(tmp_path / "b.parquet").write_bytes(b"")
        journal_of(tmp_path / "b.mp4").write_bytes(b"\0\0\0")
        assert recover(tmp_path) == []
        assert {p.name for p in tmp_path.iterdir()} == {"a.parquet.journal"}
    assert len(read_archive(tmp_path / "a.parquet")) == 1


def test_a_recording_that_is_being_finished_is_left_alone(tmp_path, monkeypatch):
    met = []

    def slow(*given):
        met.append(recover(tmp_path))  # as another program would, that starts just now
        become(*given)

    monkeypatch.setattr("kpcomplete.sink._journaled.become", slow)
    source, found = results(length=5)
    with Archive(path=tmp_path / "a.parquet", source=source, flush=0.0) as sink:
        sink.write(found[0])
    assert met == [[]]
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_only_one_program_recovers_a_recording(tmp_path):
    left = journal_of(tmp_path / "a.parquet")
    left.write_bytes(b"")
    with claimed(left) as is_ours:
        assert is_ours
        assert recover(tmp_path) == []
        assert left.exists()
        with claimed(journal_of(tmp_path / "gone.parquet")) as is_there:
            assert not is_there
        with left.open("rb") as opened:  # by another program, just before it is recovered
            left.unlink()
            assert not _is_still(left, opened)
            left.write_bytes(b"of another recording")
            assert not _is_still(left, opened)


def test_a_journal_that_cannot_be_read_is_named_and_left(tmp_path, caplog):
    journal_of(tmp_path / "a.parquet").write_bytes(b"something else entirely" * 30)
    assert recover(tmp_path) == []
    assert "a.parquet.journal must be a journal" in caplog.text
    assert journal_of(tmp_path / "a.parquet").exists()


@pytest.mark.parametrize("change", ["float", "text", "names"])
def test_a_journal_of_something_else_is_named_and_left(change, tmp_path, caplog):
    table, about = sound.archive()
    if change == "names":
        table = table.rename_columns([f"{name}_" for name in table.column_names])
    else:
        kind = pa.float32() if change == "float" else pa.string()
        table = table.set_column(1, "time_s", table["time_s"].cast(kind))
    journal = Journal(tmp_path / "a.parquet", table.schema)
    journal.add(table, about)
    journal.close()
    assert recover(tmp_path) == []
    assert "a.parquet.journal must be a journal of a recording" in caplog.text
    assert list(tmp_path.iterdir()) == [journal.path]


RECORD = """
import itertools, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_journal import classified, results
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.overlay import Overlay
source, found = results()
folder = Path(sys.argv[1])
with (Archive(path=folder / "a.parquet", source=source, flush=0.0) as archive,
      Overlay(path=folder / "a.mp4", fragments=True) as overlay):
    for n in itertools.count():
        for i, result in enumerate(found):
            frames = tuple(
                f.__class__(index=n * 40 + i, time=(n * 40 + i) / 30, image=f.image)
                for f in result.frames
            )
            moved = result.__class__(frames=frames, people=result.people)
            archive.write(classified(moved))
            overlay.write(moved)
        print(n * 40 + 39, flush=True)
"""


def test_a_recording_whose_program_is_killed_is_recovered(tmp_path):
    command = [sys.executable, "-c", RECORD, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        last = [int(program.stdout.readline()) for _ in range(3)][-1]
        assert recover(tmp_path) == []  # it lives
        os.kill(program.pid, signal.SIGKILL)
    assert not list(tmp_path.glob("*.parquet"))
    assert recover(tmp_path) == [tmp_path / "a.parquet", tmp_path / "a.mp4"]
    archive = read_archive(tmp_path / "a.parquet")
    assert archive.frames[-1] >= last
    assert (np.diff(archive.frames) == 1).all()
    assert archive.classes["driver"]["position"].shape == (len(archive), 2)
    with av.open(str(tmp_path / "a.mp4")) as video:
        times = [frame.time for frame in video.decode(video=0)]
    assert times[-1] >= last / 30 - 1.5
