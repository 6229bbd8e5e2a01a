"""Recordings as other programs read them."""

import csv
import json
import os
from dataclasses import replace

import made
import numpy as np
import pytest

from kpcomplete.archive import read_archive
from kpcomplete.errors import MissingDependencyError, OutputError, SettingError
from kpcomplete.exporter._naming import distinct
from kpcomplete.exporter.coco import Coco
from kpcomplete.exporter.csv import Csv
from kpcomplete.exporter.netcdf import Netcdf
from kpcomplete.exporter.openpose import OpenPose
from kpcomplete.exporter.trc import Trc
from kpcomplete.recording import Recording
from kpcomplete.skeleton import Skeleton

COCO = Skeleton.load("coco17")
LENGTH = 7


@pytest.fixture
def recording():
    people = {"driver": made.driver(LENGTH), "codriver": made.nobody(LENGTH)}
    return Recording(
        name=made.INFO.name,
        fps=made.INFO.fps,
        image_size=made.INFO.image_size,
        skeleton=made.SKELETON,
        frames=np.arange(LENGTH),
        times=np.arange(LENGTH) / 30,
        raw={seat: person.observed for seat, person in people.items()},
        completed={seat: person.completed for seat, person in people.items()},
    )


@pytest.fixture
def empty():
    return Recording(
        name="x.mp4",
        fps=30.0,
        image_size=(8, 6),
        skeleton=made.SKELETON,
        frames=np.zeros(0, dtype=np.int64),
        times=np.zeros(0),
    )


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows, *names):
    return np.array([[float(row[n] or "nan") for n in names] for row in rows], dtype=np.float32)


def test_csv_has_every_joint_and_blanks(recording, tmp_path):
    (path,) = Csv()(recording, tmp_path / "a.csv")
    rows = table(path)
    assert len(rows) == LENGTH * 2 * 33
    mine = [row for row in rows if row["seat"] == "driver"]
    done = recording.completed["driver"]
    np.testing.assert_array_equal(numbers(mine, "x", "y"), done.keypoints.reshape(-1, 2))
    raw = recording.raw["driver"].keypoints.reshape(-1, 2)
    np.testing.assert_array_equal(numbers(mine, "raw_x", "raw_y"), raw)
    names = np.array(["missing", "completed", "observed"])
    assert [row["state"] for row in mine] == names[done.visibility.reshape(-1)].tolist()
    assert {(r["x"], r["confidence"], r["x3d"]) for r in rows if r["seat"] == "codriver"} == {
        ("", "", "")
    }


def test_csv_of_what_was_seen_in_another_skeleton(recording, tmp_path):
    (path,) = Csv(skeleton="coco17", completed=False)(recording, tmp_path / "a.csv")
    rows = [row for row in table(path) if row["seat"] == "driver"]
    wanted = recording.raw["driver"].to(COCO).keypoints.reshape(-1, 2)
    np.testing.assert_array_equal(numbers(rows, "x", "y"), wanted)
    assert {row["state"] for row in rows} == {"observed", "missing"}


@pytest.mark.parametrize("completed", [True, False])
def test_coco_keeps_state_and_place(recording, tmp_path, completed):
    (path,) = Coco(completed=completed)(recording, tmp_path / "a.json")
    content = json.loads(path.read_text())
    (category,) = content["categories"]
    assert category["keypoints"] == list(COCO.joints)
    assert category["skeleton"][0] == (COCO.bone_indices[0] + 1).tolist()
    assert [i["frame"] for i in content["images"]] == list(range(LENGTH))
    assert content["images"][2]["file_name"] == "ride_000002.jpg"
    poses = recording.poses(completed=completed)["driver"].to(COCO)
    assert len(content["annotations"]) == LENGTH
    assert len({a["id"] for a in content["annotations"]}) == LENGTH
    for i, one in enumerate(content["annotations"]):
        assert (one["image_id"], one["track_id"], one["seat"]) == (i + 1, 1, "driver")
        x, y, v = np.array(one["keypoints"]).reshape(-1, 3).T
        np.testing.assert_array_equal(v, poses.visibility[i])
        given = v > 0
        np.testing.assert_allclose(x[given], poses.keypoints[i, given, 0], atol=1e-3)
        assert (x[~given] == 0).all()
        assert (y[~given] == 0).all()
        assert one["num_keypoints"] == given.sum()
        left, top, width, height = one["bbox"]
        np.testing.assert_allclose([left, top], [x[given].min(), y[given].min()], atol=1e-2)
        assert width == pytest.approx(np.ptp(x[given]), abs=1e-2)
        assert one["area"] == pytest.approx(width * height, rel=1e-3)


def test_openpose_writes_a_file_a_frame(recording, tmp_path):
    paths = OpenPose()(recording, tmp_path / "json")
    assert [p.name for p in paths][:2] == [
        "ride_000000000000_keypoints.json",
        "ride_000000000001_keypoints.json",
    ]
    body = Skeleton.load("body25")
    poses = recording.completed["driver"].to(body)
    for i, path in enumerate(paths):
        content = json.loads(path.read_text())
        (person,) = content["people"]  # the empty seat is nobody
        assert person["person_id"] == [0]
        x, y, c = np.array(person["pose_keypoints_2d"]).reshape(25, 3).T
        missing = poses.is_missing[i]
        np.testing.assert_array_equal(np.stack([x, y, c])[:, missing], 0)
        np.testing.assert_allclose(x[~missing], poses.keypoints[i, ~missing, 0], atol=1e-3)
        assert (c[~missing] > 0).all()


@pytest.mark.parametrize("plural", [False, True])
def test_netcdf_has_the_layout_of_movement(recording, tmp_path, plural):
    xarray = pytest.importorskip("xarray")
    (path,) = Netcdf(plural=plural)(recording, tmp_path / "a.nc")
    s = "s" if plural else ""
    with xarray.open_dataset(path) as data:
        assert data.position.dims == ("time", "space", f"keypoint{s}", f"individual{s}")
        assert data.confidence.dims == ("time", f"keypoint{s}", f"individual{s}")
        assert data[f"individual{s}"].values.tolist() == ["driver", "codriver"]
        assert data[f"keypoint{s}"].values.tolist() == list(made.SKELETON.joints)
        assert data.space.values.tolist() == ["x", "y"]
        np.testing.assert_array_equal(data.time, recording.times)
        wanted = recording.completed["driver"].keypoints
        np.testing.assert_array_equal(data.position[..., 0].values.transpose(0, 2, 1), wanted)
        assert np.isnan(data.position[..., 1]).all()
        assert np.isnan(data.confidence[..., 1]).all()
        wanted = {"ds_type": "poses", "fps": 30.0, "time_unit": "seconds"}
        wanted |= {"source_software": "kpcomplete", "source_file": "drives/ride.mp4"}
        assert {name: data.attrs[name] for name in wanted} == wanted


def test_netcdf_without_its_packages_says_what_to_install(recording, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "netCDF4", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kpcomplete\[netcdf\]'"):
        Netcdf()(recording, tmp_path / "a.nc")


def trc(path):
    lines = path.read_text().split("\n")
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    names = [n for n in lines[3].split("\t")[2:] if n]
    rows = [line.split("\t") for line in lines[6:] if line]
    values = np.array([[float(v or "nan") for v in row] for row in rows])
    return lines, head, names, values


def test_trc_in_pixels(recording, tmp_path):
    paths = Trc()(recording, tmp_path / "a.trc")
    assert [p.name for p in paths] == ["a_driver.trc", "a_codriver.trc"]
    lines, head, names, values = trc(paths[0])
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\ta_driver.trc"
    assert (head["Units"], head["NumFrames"], head["NumMarkers"]) == ("px", str(LENGTH), "33")
    assert (head["DataRate"], head["OrigDataStartFrame"]) == ("30", "1")
    assert names == list(made.SKELETON.joints)
    assert lines[4].startswith("\t\tX1\tY1\tZ1\tX2")
    assert {len(line.split("\t")) for line in (lines[3], lines[4], lines[6])} == {2 + 99}
    np.testing.assert_array_equal(values[:, 0], np.arange(1, LENGTH + 1))
    np.testing.assert_allclose(values[:, 1], recording.times, atol=1e-6)
    points = values[:, 2:].reshape(LENGTH, 33, 3)
    np.testing.assert_allclose(points[..., :2], recording.completed["driver"].keypoints, atol=1e-5)
    assert set(points[~np.isnan(points[..., 0])][:, 2]) == {0.0}
    assert np.isnan(trc(paths[1])[3][:, 2:]).all()


def test_trc_in_metres_has_y_up(recording, tmp_path):
    solid = np.full((LENGTH, 33, 3), [0.1, 0.2, 1.5], dtype=np.float32)
    solid[3, 4] = np.nan
    seated = replace(recording, joints3d={"driver": solid})
    (path,) = Trc(seat="driver")(seated, tmp_path / "a.trc")
    assert path == tmp_path / "a.trc"
    _, head, _, values = trc(path)
    assert head["Units"] == "m"
    np.testing.assert_allclose(values[0, 2:5], [0.1, -0.2, -1.5], atol=1e-6)
    assert np.isnan(values[3, 2 + 12 : 2 + 15]).all()


def test_trc_of_seats_with_odd_names_overwrites_no_file(recording, tmp_path):
    nobody = recording.raw["codriver"]
    seats = dict.fromkeys(["a/b", "a_b", "../../A_B", "x" * 300], nobody)
    odd = replace(recording, raw=seats, completed=seats, joints3d={}, std3d={}, classes={})
    paths = Trc()(odd, tmp_path / "a.trc")
    assert [p.name for p in paths[:3]] == ["a_a_b.trc", "a_a_b_2.trc", "a_.._.._A_B.trc"]
    assert {p.parent for p in paths} == {tmp_path}
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert distinct(["a", "A", "a_2", "A"]) == {"a": "a", "A": "A_2", "a_2": "a_2_2"}


@pytest.mark.parametrize("name", ["../../x/\0a\n.mp4", "..", "", "\ud800"])
def test_openpose_stays_in_its_folder(name, recording, tmp_path):
    files = OpenPose()(replace(recording, name=name), tmp_path / "out")
    assert {f.parent for f in files} == {tmp_path / "out"}
    assert sorted((tmp_path / "out").iterdir()) == sorted(files)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_trc_of_nobody_names_who_is_there(recording, tmp_path):
    with pytest.raises(SettingError, match="has no seat 'roof'; it has driver, codriver"):
        Trc(seat="roof")(recording, tmp_path / "a.trc")


ALL = [Csv(), Coco(), OpenPose(), Netcdf(), Trc(seat="driver")]


@pytest.mark.parametrize("exporter", [Csv(), Coco(), OpenPose(), Netcdf(), Trc()], ids=str)
def test_an_empty_recording_gives_a_valid_file(empty, tmp_path, exporter):
    path = tmp_path / "out"
    files = exporter(empty, path)
    assert path.exists()
    if isinstance(exporter, Csv):
        assert table(path) == []
    elif isinstance(exporter, Coco):
        content = json.loads(path.read_text())
        assert (content["images"], content["annotations"]) == ([], [])
    elif isinstance(exporter, OpenPose):
        assert files == ()
    elif isinstance(exporter, Trc):
        assert trc(path)[1]["NumFrames"] == "0"
    else:
        xarray = pytest.importorskip("xarray")
        with xarray.open_dataset(path) as data:
            assert dict(data.sizes) == {"time": 0, "space": 2, "keypoint": 33, "individual": 0}


@pytest.mark.parametrize("exporter", ALL, ids=str)
def test_seats_without_frames_give_a_file_too(recording, tmp_path, exporter):
    nothing = slice(0, 0)
    short = replace(
        recording,
        frames=recording.frames[nothing],
        times=recording.times[nothing],
        raw={seat: poses[nothing] for seat, poses in recording.raw.items()},
        completed={seat: poses[nothing] for seat, poses in recording.completed.items()},
    )
    exporter(short, tmp_path / "out")
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize("exporter", ALL, ids=str)
def test_what_cannot_be_written_leaves_nothing(recording, tmp_path, monkeypatch, exporter):
    monkeypatch.setattr(os, "replace", made.full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*out: No space left on device"):
        exporter(recording, tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_an_archive_is_exported_as_it_was_written(tmp_path):
    from kpcomplete.sink.archive import Archive

    with Archive(path=tmp_path / "a.parquet", source=made.Images()) as sink:
        for result in made.results({"driver": made.driver(LENGTH)}):
            sink.write(result)
    (path,) = Csv()(read_archive(tmp_path / "a.parquet"), tmp_path / "a.csv")
    wanted = made.driver(LENGTH).completed.keypoints.reshape(-1, 2)
    np.testing.assert_array_equal(numbers(table(path), "x", "y"), wanted)
