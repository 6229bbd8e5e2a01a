import os

import pytest

from kpcomplete.errors import OutputError
from kpcomplete.manifest import DAMAGED, DONE, FAILED, QUARANTINED, RUNNING, Entry, Manifest, now
from kpcomplete.store import Folder


def test_rows_survive(tmp_path):
    first = Manifest(tmp_path)
    entries = [
        Entry("a, b.mp4", DONE, "", 10, 1.5),
        Entry("c.mp4", FAILED, 'no "video", none', 0, 0.1),
    ]
    for entry in entries:
        first.add(entry)
    again = Manifest(tmp_path)
    assert list(again.entries.values()) == entries
    header = (tmp_path / "manifest.csv").read_text().splitlines()[0]
    assert header == "source,status,error,frames,seconds,attempts,started,ended"


def test_a_row_is_replaced(tmp_path):
    manifest = Manifest(tmp_path)
    manifest.add(Entry("a", FAILED, "x", 0, 0.0))
    manifest.add(Entry("a", DONE, "", 5, 1.0))
    assert [e.status for e in Manifest(tmp_path).entries.values()] == [DONE]


@pytest.mark.parametrize(
    ("status", "finished"),
    [(DONE, True), (DAMAGED, True), (FAILED, False), (RUNNING, False), (None, False)],
)
def test_finished_is_done_with_its_outputs_there(tmp_path, status, finished):
    source, output = tmp_path / "a.mp4", tmp_path / "a.parquet"
    source.touch()
    output.touch()
    manifest = Manifest(tmp_path)
    output = output.name
    if status:
        manifest.add(Entry(str(source), status, "", 1, 1.0))
    assert manifest.is_finished(str(source), [output]) is finished
    assert not manifest.is_finished(str(source), [output, "a.overlay.mp4"])


def test_a_recording_that_changed_is_not_finished(tmp_path):
    source, output = tmp_path / "a.mp4", tmp_path / "a.parquet"
    source.touch()
    output.touch()
    manifest = Manifest(tmp_path)
    manifest.add(Entry(str(source), DONE, "", 1, 1.0))
    later = output.stat().st_mtime + 5
    os.utime(source, (later, later))
    assert not manifest.is_finished(str(source), ["a.parquet"])


class WholeSeconds(Folder):
    """Knows whole seconds only, as S3 does."""

    is_far = True

    def changed(self, name):
        return float(int(super().changed(name)))


def test_a_recording_of_the_same_second_is_finished_far_away(tmp_path):
    source, output = tmp_path / "a.mp4", tmp_path / "a.parquet"
    source.touch()
    output.touch()
    manifest = Manifest(WholeSeconds(tmp_path))
    manifest.add(Entry(str(source), DONE, "", 1, 1.0))
    os.utime(source, (1000.4, 1000.4))
    os.utime(output, (1000.9, 1000.9))
    assert manifest.is_finished(str(source), ["a.parquet"])
    os.utime(source, (1001.0, 1001.0))
    assert not manifest.is_finished(str(source), ["a.parquet"])


def test_a_row_that_somebody_has_changed_is_told(tmp_path):
    manifest = Manifest(tmp_path)
    manifest.add(Entry("a.mp4", DONE, "", 1, 1.0))
    path = tmp_path / "manifest.csv"
    changed = path.read_text().replace("a.mp4,done,,1,", "a.mp4,done,,one,")
    path.write_text(changed)
    with pytest.raises(OutputError, match=r"line 2 says: invalid literal.*'one'"):
        Manifest(tmp_path)
    assert path.read_text() == changed


def test_a_foreign_file_is_left_alone(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("name,price\nx,1\n")
    with pytest.raises(OutputError, match="must be a manifest with the columns source,status"):
        Manifest(tmp_path)
    assert path.read_text() == "name,price\nx,1\n"


def test_what_is_quarantined_is_left_alone_until_it_changes(tmp_path):
    source = tmp_path / "a.mp4"
    source.touch()
    manifest = Manifest(tmp_path)
    manifest.add(Entry(str(source), QUARANTINED, "its worker died", 0, 1.0, 3, now(), now()))
    os.utime(source, (1, 1))
    assert Manifest(tmp_path).is_finished(str(source), ["a.parquet"])
    later = os.stat(tmp_path / "manifest.csv").st_mtime + 5
    os.utime(source, (later, later))
    assert not Manifest(tmp_path).is_finished(str(source), ["a.parquet"])


def test_manifests_of_the_first_version_are_read(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "source,status,error,frames,seconds\na.mp4,done,,7,1.5\n"
    )
    assert Manifest(tmp_path).entries == {"a.mp4": Entry("a.mp4", DONE, "", 7, 1.5)}


class Far(Folder):
    is_far = True


def test_a_far_manifest_is_not_written_for_each_change(tmp_path):
    manifest = Manifest(Far(tmp_path), pause=1e6)
    manifest.add(Entry("a", DONE, "", 1, 1.0))
    manifest.add(Entry("b", DONE, "", 1, 1.0))
    assert list(Manifest(tmp_path).entries) == ["a"]
    manifest.flush()
    assert list(Manifest(tmp_path).entries) == ["a", "b"]
