"""The Parquet archive, written and read."""

import json
import os
import time
from dataclasses import replace

import made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kpcomplete.archive import KEY, provenance, read_archive
from kpcomplete.errors import OutputError, ShapeError, SourceError
from kpcomplete.frame import Frame
from kpcomplete.result import Person, Result
from kpcomplete.sink.archive import Archive
from kpcomplete.skeleton import Skeleton


def written(path, people, hop=4, **settings):
    with Archive(path=path, source=made.Images(), **settings) as sink:
        for result in made.results(people, hop):
            sink.write(result)
    return path


@pytest.mark.parametrize("row_group", [50, 262_144])
@pytest.mark.parametrize("hop", [1, 4, 100])
def test_what_is_read_is_what_was_written(tmp_path, hop, row_group):
    times = np.sort(np.random.default_rng(3).uniform(0, 9, 21))
    people = {"driver": made.driver(21, times=times), "codriver": made.nobody(21, times=times)}
    path = written(tmp_path / "a.parquet", people, hop, row_group=row_group)
    read = read_archive(path)
    assert (read.name, read.fps, read.image_size) == ("drives/ride.mp4", 30.0, (320, 240))
    assert read.skeleton == made.SKELETON
    np.testing.assert_array_equal(read.frames, np.arange(21))
    np.testing.assert_array_equal(read.times, times)
    assert list(read.raw) == list(read.completed) == ["driver", "codriver"]
    for seat, person in people.items():
        for got, wanted in (
            (read.raw[seat], person.observed),
            (read.completed[seat], person.completed),
        ):
            for name in ("keypoints", "confidence", "visibility", "times"):
                np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name))
                assert getattr(got, name).dtype == getattr(wanted, name).dtype
    np.testing.assert_allclose(
        read.completed["driver"].covariance, people["driver"].completed.covariance, rtol=1e-5
    )
    assert read.completed["codriver"].covariance is None
    assert read.joints3d == {}
    assert read.classes == {}
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_a_detection_that_was_replaced_is_kept(tmp_path):
    person = made.driver(5)
    moved = replace(
        person.completed,
        keypoints=person.completed.keypoints + 1,
        visibility=np.minimum(person.completed.visibility, 1),
        confidence=person.completed.confidence / 2,
    )
    people = {"driver": Person(observed=person.observed, completed=moved)}
    read = read_archive(written(tmp_path / "a.parquet", people))
    np.testing.assert_array_equal(read.raw["driver"].confidence, person.observed.confidence)
    np.testing.assert_array_equal(read.raw["driver"].keypoints, person.observed.keypoints)
    np.testing.assert_array_equal(read.completed["driver"].visibility, moved.visibility)


def test_3d_joints_and_classes_come_back(tmp_path):
    rng = np.random.default_rng(0)
    solid = rng.normal(size=(9, 33, 3)).astype(np.float32)
    solid[2, 5] = np.nan
    kinds = rng.dirichlet(np.ones(3), 9).astype(np.float32)
    kinds[4] = np.nan
    person = replace(made.driver(9), joints3d=solid, classes={"age": kinds, "belt": kinds[:, :2]})
    people = {"driver": person, "codriver": made.nobody(9)}
    read = read_archive(written(tmp_path / "a.parquet", people))
    np.testing.assert_array_equal(read.joints3d["driver"], solid)
    assert list(read.joints3d) == list(read.classes) == ["driver"]
    np.testing.assert_array_equal(read.classes["driver"]["age"], kinds)
    np.testing.assert_array_equal(read.classes["driver"]["belt"], kinds[:, :2])
    assert sorted(os.listdir(tmp_path)) == ["a.classes.parquet", "a.parquet"]
    written(tmp_path / "a.parquet", {"driver": made.driver(9)})  # again, with nobody classified
    assert read_archive(tmp_path / "a.parquet").classes == {}
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_missing_is_null_and_never_zero(tmp_path):
    people = {"driver": made.driver(8), "codriver": made.nobody(8)}
    table = pq.read_table(written(tmp_path / "a.parquet", people)).to_pylist()
    missing = [row for row in table if row["state"] == "missing"]
    assert len(missing) > 8 * 33
    values = ("x", "y", "confidence", "std_x", "std_y", "corr_xy", "x3d", "y3d", "z3d")
    assert {row[name] for row in missing for name in values} == {None}
    completed = [row for row in table if row["state"] == "completed"]
    assert {row["raw_x"] for row in completed} == {None}
    assert {(row["std_x"], row["std_y"]) for row in completed} == {(5.0, 3.0)}
    assert {round(row["corr_xy"], 6) for row in completed} == {0.4}
    assert {row["seat"] for row in table} == {"driver", "codriver"}


def test_the_footer_tells_how_it_was_made(tmp_path):
    made_by = provenance(config={"window": {"past": 3}}, weights={"small": "ab12"})
    path = written(tmp_path / "a.parquet", {"driver": made.driver(3)}, provenance=made_by)
    about = json.loads(pq.read_metadata(path).metadata[KEY])
    assert about["provenance"]["config"] == {"window": {"past": 3}}
    assert about["provenance"]["weights"] == {"small": "ab12"}
    assert set(about["provenance"]["versions"]) == {"kpcomplete", "mediapipe", "torch"}
    assert about["skeleton"]["joints"] == list(made.SKELETON.joints)
    assert read_archive(path).provenance == made_by


def test_a_recording_without_frames_is_a_valid_file(tmp_path):
    with Archive(path=tmp_path / "a.parquet", source=made.Images()):
        pass
    read = read_archive(tmp_path / "a.parquet")
    assert (len(read), dict(read.raw), read.image_size) == (0, {}, (320, 240))


def test_frames_in_which_nobody_was_found_keep_their_times(tmp_path):
    late = {"track_1": made.part(made.driver(4), slice(2, 4))}
    with Archive(path=tmp_path / "a.parquet", source=made.Images()) as sink:
        sink.write(Result(frames=(Frame(index=0, time=0.0), Frame(index=1, time=0.5)), people={}))
        sink.write(Result(frames=(Frame(index=2, time=0.7), Frame(index=5, time=0.8)), people=late))
    read = read_archive(tmp_path / "a.parquet")
    np.testing.assert_array_equal(read.frames, [0, 1, 2, 5])
    np.testing.assert_array_equal(read.times, [0.0, 0.5, 0.7, 0.8])
    assert read.completed["track_1"].is_missing[:2].all()
    np.testing.assert_array_equal(
        read.completed["track_1"].keypoints[2:], late["track_1"].completed.keypoints
    )


def test_minutes_take_seconds_and_an_empty_seat_takes_no_room(tmp_path):
    long = made.driver(4_500)
    start = time.perf_counter()
    path = written(tmp_path / "a.parquet", {"driver": long}, hop=30)
    read = read_archive(path)
    assert time.perf_counter() - start < 5
    np.testing.assert_array_equal(read.completed["driver"].keypoints, long.completed.keypoints)
    both = {"driver": long, "codriver": made.nobody(4_500)}
    more = written(tmp_path / "b.parquet", both, hop=30)
    assert more.stat().st_size < path.stat().st_size + 100_000


def foreign(path):
    pq.write_table(pa.table({"frame": [1], "x": [2.0]}), path)


def newer(path):
    foot = pq.read_schema(path).with_metadata({KEY: json.dumps({"format": 99})})
    pq.write_table(pq.read_table(path).replace_schema_metadata(foot.metadata), path)


def lacking(path):
    meta = {KEY: pq.read_metadata(path).metadata[KEY]}
    table = pq.read_table(path).drop(["std_x"]).replace_schema_metadata(meta)
    pq.write_table(table, path)


def doubled(path):
    meta = {KEY: pq.read_metadata(path).metadata[KEY]}
    table = pa.concat_tables([pq.read_table(path)] * 2).replace_schema_metadata(meta)
    pq.write_table(table, path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def overwritten(path):
    content = bytearray(path.read_bytes())
    content[4:2000] = b"\xff" * 1996
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda path: path.write_text("hello"), "must be a keypoint archive"),
        (lambda path: path.write_bytes(b""), "must be a keypoint archive"),
        (lambda path: path.unlink(), "No such file"),
        (foreign, "of something else, with the columns frame, x"),
        (newer, "must have archive format 1, but has 99"),
        (lacking, "must have the columns std_x"),
        (doubled, "must have one row a frame"),
        (cut, "must be a keypoint archive"),
        (overwritten, "must be a keypoint archive"),
    ],
)
def test_other_files_are_refused(tmp_path, damage, text):
    path = written(tmp_path / "a.parquet", {"driver": made.driver(12)})
    damage(path)
    with pytest.raises(SourceError, match=text) as caught:
        read_archive(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SourceError("broken video")])
def test_an_interruption_leaves_no_file(tmp_path, error):
    person = replace(made.driver(8), classes={"age": np.ones((8, 2), dtype=np.float32)})

    def interrupted():
        yield from made.results({"driver": person})
        raise error

    with (  # noqa: PT012
        pytest.raises(error if isinstance(error, type) else type(error)),
        Archive(path=tmp_path / "a.parquet", source=made.Images()) as sink,
    ):
        for result in interrupted():
            sink.write(result)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("when", ["write_table", "close"])
def test_a_full_disk_leaves_no_file(tmp_path, monkeypatch, when):
    monkeypatch.setattr(pq.ParquetWriter, when, made.full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*a\.parquet: No space left"):
        written(tmp_path / "a.parquet", {"driver": made.driver(8)})
    assert os.listdir(tmp_path) == []


def test_one_file_has_one_skeleton(tmp_path):
    person = made.driver(4)
    coco = Skeleton.load("coco17")
    other = Person(observed=person.observed.to(coco), completed=person.completed.to(coco))
    with pytest.raises(ShapeError, match="must have the skeleton 'blazepose33', but got 'coco17'"):
        written(tmp_path / "a.parquet", {"driver": person, "codriver": other})
    assert os.listdir(tmp_path) == []
