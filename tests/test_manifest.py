import os

import pytest

from kpcomplete.errors import OutputError
from kpcomplete.manifest import DAMAGED, DONE, FAILED, Entry, Manifest


def test_rows_survive(tmp_path):
    first = Manifest(tmp_path / "manifest.csv")
    entries = [
        Entry("a, b.mp4", DONE, "", 10, 1.5),
        Entry("c.mp4", FAILED, 'no "video", none', 0, 0.1),
    ]
    for entry in entries:
        first.add(entry)
    again = Manifest(tmp_path / "manifest.csv")
    assert list(again.entries.values()) == entries
    header = (tmp_path / "manifest.csv").read_text().splitlines()[0]
    assert header == "source,status,error,frames,seconds"


def test_a_row_is_replaced(tmp_path):
    manifest = Manifest(tmp_path / "manifest.csv")
    manifest.add(Entry("a", FAILED, "x", 0, 0.0))
    manifest.add(Entry("a", DONE, "", 5, 1.0))
    assert [e.status for e in Manifest(manifest.path).entries.values()] == [DONE]


@pytest.mark.parametrize(
    ("status", "finished"), [(DONE, True), (DAMAGED, True), (FAILED, False), (None, False)]
)
def test_finished_is_done_with_its_outputs_there(tmp_path, status, finished):
    source, output = tmp_path / "a.mp4", tmp_path / "a.parquet"
    source.touch()
    output.touch()
    manifest = Manifest(tmp_path / "manifest.csv")
    if status:
        manifest.add(Entry(str(source), status, "", 1, 1.0))
    assert manifest.is_finished(str(source), [output]) is finished
    assert not manifest.is_finished(str(source), [output, tmp_path / "a.overlay.mp4"])


def test_a_recording_that_changed_is_not_finished(tmp_path):
    source, output = tmp_path / "a.mp4", tmp_path / "a.parquet"
    source.touch()
    output.touch()
    manifest = Manifest(tmp_path / "manifest.csv")
    manifest.add(Entry(str(source), DONE, "", 1, 1.0))
    later = output.stat().st_mtime + 5
    os.utime(source, (later, later))
    assert not manifest.is_finished(str(source), [output])


def test_a_foreign_file_is_left_alone(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("name,price\nx,1\n")
    with pytest.raises(OutputError, match="must be a manifest with the columns source,status"):
        Manifest(path)
    assert path.read_text() == "name,price\nx,1\n"
