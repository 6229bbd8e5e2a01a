"""Many recordings: what is known of all of them, and from the command line to a far store."""

import csv
import io
import re
from dataclasses import replace

import made
import numpy as np
import pyarrow.parquet as pq
import pytest
from test_process import FAST, kpcomplete, write_video
from test_store import s3  # noqa: F401

from kpcomplete.fleet import SUMMARY, summarise
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.manifest import DONE, FAILED, QUARANTINED, Entry
from kpcomplete.result import Person, Result
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.digest import Digest
from kpcomplete.source.video import Video
from kpcomplete.store import Folder


def doubtful(length, at):
    """A driver whose completed joints are uncertain in one frame."""
    person = made.driver(length)
    covariance = person.completed.covariance.copy()
    covariance[at] *= 100
    return Person(
        observed=person.observed, completed=replace(person.completed, covariance=covariance)
    )


def digested(path, people, source, **settings):
    with Digest(path=path, source=source, **settings) as sink:
        for result in made.results(people):
            sink.write(result)
    return pq.read_table(path).to_pylist()[0]


def test_a_digest_counts_what_is_seen_completed_and_missing(tmp_path):
    person = made.driver(40)
    row = digested(
        tmp_path / "d.parquet", {"driver": person, "codriver": made.nobody(40)}, made.Images()
    )
    states = np.bincount(person.completed.visibility.reshape(-1), minlength=3) / (40 * 33)
    assert (row["occupants"], row["frames"]) == (1, 40)
    assert row["duration_s"] == pytest.approx(39 / 30)
    found = [row[name] for name in ("missing", "completed", "observed")]
    assert found == pytest.approx(states.tolist())
    driver, codriver = row["seats"]
    assert (driver["present"], codriver["present"]) == (1.0, 0.0)
    points = person.completed.keypoints
    extent = np.linalg.norm(np.nanmax(points, axis=1) - np.nanmin(points, axis=1), axis=-1)
    sure = person.completed.visibility == 1
    expected = (np.sqrt((25 + 9) / 2) / extent[:, None] * np.ones((1, 33)))[sure].mean()
    assert row["std"] == pytest.approx(expected, rel=1e-4)


def test_the_worst_moment_is_found_and_pictured(tmp_path):
    import cv2

    path = write_video(tmp_path / "a.mp4", size=(320, 240), frames=40)
    row = digested(
        tmp_path / "d.parquet",
        {"driver": doubtful(40, 17)},
        Video(path),
        moments=2,
        anonymize=False,
    )
    worst = row["worst"]
    assert worst[0]["time_s"] == pytest.approx(17 / 30)
    assert len(worst) == 1  # a second one would be too near
    picture = cv2.imdecode(np.frombuffer(worst[0]["picture"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (240, 320, 3)
    (image,) = [f.image for f in Video(path) if f.index == 17]
    same = np.abs(picture.astype(int) - image).max(axis=-1) < 12
    assert 0.3 < same.mean() < 1  # the image, with somebody drawn on it


def test_classes_are_counted(tmp_path):
    person = made.driver(10)
    probability = np.zeros((10, 2), np.float32)
    probability[:7, 1] = probability[7:, 0] = 1
    probability[9] = np.nan
    result = Result(
        frames=tuple(Frame(index=i, time=i / 30) for i in range(10)),
        people={"driver": replace(person, classes={"attention": probability})},
        tasks={"attention": ["normal", "distracted"]},
    )
    with Digest(path=tmp_path / "d.parquet", source=made.Images()) as sink:
        sink.write(result)
    (seat,) = pq.read_table(tmp_path / "d.parquet").to_pylist()[0]["seats"]
    shares = {c["name"]: c["share"] for c in seat["classes"]}
    assert shares == pytest.approx({"normal": 2 / 9, "distracted": 7 / 9})


def test_a_recording_without_frames_or_people_has_a_digest(tmp_path):
    row = digested(tmp_path / "d.parquet", {"driver": made.nobody(5)}, made.Images())
    assert (row["occupants"], row["std"], row["worst"]) == (0, None, [])
    with Digest(path=tmp_path / "e.parquet", source=made.Images()):
        pass
    assert pq.read_table(tmp_path / "e.parquet").to_pylist()[0]["frames"] == 0


@pytest.fixture
def results(tmp_path):
    """Two recordings, of which one has a digest, one that failed, one in quarantine."""
    for name in ("a", "b"):
        with Archive(path=tmp_path / f"{name}.parquet", source=made.Images()) as sink:
            for result in made.results({"driver": doubtful(40, 9)}):
                sink.write(result)
    (tmp_path / ".digests").mkdir()
    info = StreamInfo(name="a.mp4", fps=30.0, image_size=(320, 240))
    digested(tmp_path / ".digests" / "a.parquet", {"driver": doubtful(40, 9)}, made.Images(info))
    return [
        Entry("a.mp4", DONE, "", 40, 1.5), Entry("b.mp4", DONE, "", 40, 2.5),
        Entry("<c>.mp4", FAILED, "<c>.mp4 is no video", 0, 0.1),
        Entry("d.mp4", QUARANTINED, "d.mp4: its worker died (SIGSEGV)", 0, 0.1, 3),
    ]  # fmt: skip


def test_the_summary_of_a_folder(results, tmp_path):
    stems = {e.source: e.source.split(".")[0] for e in results}
    summarise(Folder(tmp_path), results, stems, anomalies={"a": [3.5, 7.25]})
    table = pq.read_table(tmp_path / "summary.parquet")
    assert table.schema.equals(SUMMARY)
    a, b, c, d = table.to_pylist()
    assert [r["status"] for r in (a, b, c, d)] == ["done", "done", "failed", "quarantined"]
    assert a["completed"] == pytest.approx(b["completed"])  # b's digest was made of its archive
    assert (a["anomalies"], a["anomaly"], b["anomalies"], c["anomalies"]) == (2, 7.25, 0, None)
    assert (c["frames"], d["attempts"]) == (None, 3)
    page = (tmp_path / "summary.html").read_text()
    assert page.count("data:image/jpeg;base64") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)', page)  # it needs no other file
    assert "&lt;c&gt;.mp4 is no video" in page
    assert "<c>" not in page
    assert "SIGSEGV" in page
    assert "2 unusual stretches" in re.sub(r"</?b>", " ", page).replace("  ", " ").strip()


def test_a_digest_that_cannot_be_made_leaves_a_row(results, tmp_path, caplog):
    (tmp_path / "b.parquet").write_bytes(b"x")
    stems = {e.source: e.source.split(".")[0] for e in results}
    rows = summarise(Folder(tmp_path), results, stems)
    assert rows[1]["status"] == DONE
    assert rows[1]["frames"] is None
    assert "b.mp4 is not in the summary" in caplog.text


def test_several_recordings_are_summed_up_one_is_not(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in "ab":
        write_video(folder / f"{name}.mp4")
    out = tmp_path / "out"
    few = ["outputs.overlay=null", "outputs.plot=null"]
    assert kpcomplete("process", f"source={folder}", f"output_dir={out}", *FAST, *few) == (0, "")
    assert pq.read_table(out / "summary.parquet").column("frames").to_pylist() == [12, 12]
    assert (out / "summary.html").exists()
    one = tmp_path / "one"
    kpcomplete("process", f"source={folder / 'a.mp4'}", f"output_dir={one}", *FAST, *few)
    assert {p.name for p in one.iterdir()} == {"a.parquet", "manifest.csv"}


@pytest.mark.parametrize("executor", ["serial", pytest.param("local", marks=pytest.mark.slow)])
def test_results_go_to_s3(executor, tmp_path, s3, capsys):  # noqa: F811
    import fsspec

    folder = tmp_path / "videos"
    folder.mkdir()
    for name in "ab":
        write_video(folder / f"{name}.mp4")
    (folder / "c.mp4").write_bytes(b"no video at all")
    command = ["process", f"source={folder}", f"output_dir={s3}/{executor}", f"executor={executor}",
               *FAST]  # fmt: skip
    assert kpcomplete(*command) == (1, "")
    files = fsspec.filesystem("s3")
    files.invalidate_cache()
    there = {path.rpartition("/")[2] for path in files.ls(f"{s3}/{executor}", detail=False)}
    made_of = {f"{n}{e}" for n in "ab" for e in (".parquet", ".overlay.mp4", ".plot.png")}
    assert there == made_of | {"manifest.csv", "summary.html", "summary.parquet", ".digests"}
    text = files.cat_file(f"{s3}/{executor}/manifest.csv").decode()
    rows = {r["source"][-5:]: r["status"] for r in csv.DictReader(io.StringIO(text))}
    assert rows == {"a.mp4": "done", "b.mp4": "done", "c.mp4": "failed"}
    capsys.readouterr()
    changed = {name: files.modified(f"{s3}/{executor}/{name}") for name in made_of}
    assert kpcomplete(*command) == (1, "")  # only what failed is tried again
    files.invalidate_cache()
    assert {name: files.modified(f"{s3}/{executor}/{name}") for name in made_of} == changed
