"""Results at rest as training material, more than fits in memory."""

import json
from pathlib import Path

import made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hydra import compose, initialize_config_module

from kpcomplete import limits
from kpcomplete.archive import read_archive
from kpcomplete.data.archives import Archives
from kpcomplete.data.mapped import MappedSet
from kpcomplete.errors import KpcompleteError, SettingError, SourceError
from kpcomplete.sampler import Sampler
from kpcomplete.sink.archive import Archive


@pytest.fixture
def folder(tmp_path):
    for name, length in (("a/ride.parquet", 40), ("b/ride.parquet", 30), ("b/c/other.parquet", 20)):
        people = {"driver": made.driver(length), "codriver": made.nobody(length)}
        with Archive(path=tmp_path / name, source=made.Images(), row_group=999) as sink:
            for result in made.results(people):
                sink.write(result)
    (tmp_path / "summary.parquet").write_bytes((tmp_path / "a/ride.parquet").read_bytes())
    (tmp_path / ".digests").mkdir()
    (tmp_path / ".digests" / "ride.parquet").write_bytes(b"x")
    pq.write_table(pa.table({"price": [1]}), tmp_path / "prices.parquet")
    return tmp_path


def test_everybody_of_every_archive(folder):
    poses = Archives(dataset=str(folder), min_confidence=0.0).load()
    assert poses.people == ("a/ride.parquet:driver", "b/c/other.parquet:driver",
                            "b/ride.parquet:driver")  # fmt: skip
    assert poses.clips.tolist() == [[0, 40], [40, 20], [60, 30]]
    raw = read_archive(folder / "b/ride.parquet").raw["driver"]
    np.testing.assert_array_equal(poses.keypoints[60:].numpy(), raw.keypoints)
    assert poses.fps == 30.0


def test_a_recording_may_be_called_like_a_summary(folder):
    (folder / "a/ride.parquet").rename(folder / "a/my_summary.parquet")
    people = Archives(dataset=str(folder), min_confidence=0.0).load().people
    assert people[0] == "a/my_summary.parquet:driver"


def test_unsure_joints_and_completed_ones(folder):
    seen = Archives(dataset=str(folder / "a"), min_confidence=0.8).load()
    recording = read_archive(folder / "a/ride.parquet")
    sure = recording.raw["driver"].confidence >= 0.8
    assert torch.equal(seen.keypoints.isfinite().all(dim=-1), torch.from_numpy(sure))
    all_of_it = Archives(dataset=str(folder / "a"), completed=True).load()
    np.testing.assert_array_equal(
        all_of_it.keypoints.numpy(), recording.completed["driver"].keypoints
    )


def test_only_the_columns_that_are_needed_are_read(folder, monkeypatch):
    import pyarrow.dataset as ds

    asked, dataset = [], ds.dataset
    to_table = ds.ParquetFileFragment.to_table

    class Fragment:
        def __init__(self, inner):
            self.inner, self.metadata = inner, inner.metadata

        def to_table(self, columns, filter):
            asked.append(columns)
            return to_table(self.inner, columns=columns, filter=filter)

    inner = ds.FileSystemDataset.get_fragments
    monkeypatch.setattr(
        "kpcomplete.data.archives.ds.dataset",
        lambda *a, **k: type("Data", (), {
            "get_fragments": lambda self: map(Fragment, inner(dataset(*a, **k)))
        })(),
    )  # fmt: skip
    Archives(dataset=str(folder)).load()
    assert asked == [["frame", "seat", "joint", "raw_x", "raw_y", "raw_confidence"]] * 3


def is_mapped(values):
    """Whether a tensor lies in a file that has no name any more."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, _, high = line.split()[0].partition("-")
        if int(low, 16) <= values.data_ptr() < int(high, 16):
            return line.endswith("(deleted)")
    return False


def test_poses_stay_on_the_disk_also_those_that_are_held_out(folder):
    poses = Archives(dataset=str(folder)).load()
    rest, held = poses.split(["b/ride.parquet:driver"])
    usual = super(MappedSet, poses).select([0, 1])
    assert all(is_mapped(one.keypoints) for one in (poses, rest, held))
    assert not is_mapped(usual.keypoints)
    assert torch.equal(rest.keypoints.nan_to_num(), usual.keypoints.nan_to_num())
    assert (rest.people, rest.cameras) == (usual.people, usual.cameras)
    assert torch.equal(rest.clips, usual.clips)
    assert len(held.keypoints) == 30


def test_windows_are_drawn_as_from_memory(folder):
    poses = Archives(dataset=[str(folder / "a"), str(folder / "b")]).load()
    settings = {"length": 16, "moving": 0.5, "remembered": 0.5}
    draws = [
        Sampler(sets={"own": one}, **settings).draw(8, torch.Generator().manual_seed(3))
        for one in (poses, super(MappedSet, poses).select(range(len(poses))))
    ]
    assert torch.equal(draws[0].keypoints.nan_to_num(), draws[1].keypoints.nan_to_num())
    assert draws[0].observed.any()


def test_a_stay_ends_where_somebody_is_away(tmp_path):
    person = made.driver(120)
    away = np.zeros((120, 33), dtype=bool)
    away[30:80] = True
    away[90:100] = True
    person = type(person)(observed=person.observed.hide(away), completed=person.completed)
    with Archive(path=tmp_path / "a.parquet", source=made.Images()) as sink:
        for result in made.results({"driver": person}):
            sink.write(result)
    poses = Archives(dataset=str(tmp_path), min_confidence=0.0).load()
    assert poses.clips.tolist() == [[0, 30], [30, 40]]


def test_what_cannot_be_used(folder, tmp_path_factory):
    with pytest.raises(SettingError, match="nobody in the seats child"):
        Archives(dataset=str(folder), seats=["child"]).load()
    with pytest.raises(SourceError, match="has no archive"):
        Archives(dataset=str(tmp_path_factory.mktemp("empty"))).load()
    (folder / "a" / "half.parquet").write_bytes((folder / "a/ride.parquet").read_bytes()[:2000])
    with pytest.raises(SourceError, match=r"half\.parquet"):
        Archives(dataset=str(folder)).load()


def test_different_frame_rates(folder):
    table = pq.read_table(folder / "a/ride.parquet")
    with pq.ParquetFile(folder / "a/ride.parquet") as file:
        about = json.loads(file.metadata.metadata[b"kpcomplete"])
    changed = table.replace_schema_metadata({b"kpcomplete": json.dumps({**about, "fps": 25.0})})
    pq.write_table(changed, folder / "a/slow.parquet")
    with pytest.raises(SettingError, match=r"frame rates \[25.0, 30.0\]"):
        Archives(dataset=str(folder)).load()


def test_the_experiment_composes():
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("train", ["experiment=archives", "dataset=x", "held_out=[y]"])
    assert cfg.data.archives.dataset == "x"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frame": 2**31 - 1}, "or say too little for so many"),
        ({"fps": 0}, "fps cannot be 0"), ({"fps": None}, "TypeError"),
        ({"seats": [str(i) for i in range(300)]}, "300 seats or 33 joints are too many"),
        ({"seats": 3}, "TypeError"), ({"skeleton": []}, "skeleton"),
        ({"skeleton": "[" * 99}, "nested too deeply"), ({"source": "HALF"}, "surrogates"),
    ],
)  # fmt: skip
def test_archives_that_ask_for_too_much_are_refused(change, said, folder):
    path = folder / "a/ride.parquet"
    table = pq.read_table(path)
    about = json.loads(pq.read_metadata(path).metadata[b"kpcomplete"])
    if "frame" in change:
        frame = table["frame"].to_numpy().copy()
        frame[-66:] = change["frame"]
        table = table.set_column(0, "frame", pa.array(frame))
    text = json.dumps(about | change).replace("HALF", r"\ud800")
    text = text.replace('"' + "[" * 99 + '"', "[" * 99 + "]" * 99)
    pq.write_table(table.replace_schema_metadata({"kpcomplete": text}), path)
    with pytest.raises(KpcompleteError, match=said):
        Archives(dataset=str(folder / "a"), min_confidence=0.0).load()


def test_memory_that_is_not_there_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(limits, "_free_memory", lambda: 2e9)
    limits.check_rows(15_000_000, 10**9, 15_000_000)
    with pytest.raises(ValueError, match=r"30000000 points take 3\.0 GB .* 2\.0 GB are free"):
        limits.check_rows(30_000_000, 10**9, 30_000_000)
    monkeypatch.undo()
    assert 1e6 < limits._free_memory() < 1e15
