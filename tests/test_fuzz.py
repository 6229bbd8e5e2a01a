"""Broken files end in an error that says so: a small share of what the benchmark tries."""

import json
import os
import time
from random import Random

import numpy as np
import pyarrow as pa
import pytest
import torch
from omegaconf import OmegaConf

from kpcomplete import calibration, checkpoint, limits
from kpcomplete.app.trust import check
from kpcomplete.archive import read_archive
from kpcomplete.benchmark import fuzz, sound
from kpcomplete.benchmark.doors import Door, config_door, doors
from kpcomplete.benchmark.hostile import mutate
from kpcomplete.errors import ModelFileError, SkeletonError, SourceError
from kpcomplete.importer.mediapipe_json import MediaPipeJson
from kpcomplete.importer.mmpose import MMPose
from kpcomplete.importer.table import Table
from kpcomplete.skeleton import Skeleton, convert

CASES = int(os.environ.get("FUZZ", "60"))
DOORS = {**doors(), "config": config_door(check)}


@pytest.mark.parametrize("name", DOORS)
def test_broken_files_end_in_an_error_that_says_so(name, tmp_path):
    found = list(fuzz.attack(DOORS[name], name, 1, range(CASES), tmp_path))
    assert [number for number, _ in found] == list(range(CASES))
    assert [(number, text) for number, text in found if text] == []


@pytest.mark.parametrize("name", DOORS)
def test_sound_files_are_read(name, tmp_path):
    """Else the cases say nothing."""
    kept = {
        "archive": [sound.parquet(*sound.archive())],
        "dataset": [sound.parquet(*sound.archive())], "journal": [sound.journal()],
        "checkpoint": [sound.safetensors(*sound.checkpoint())],
        "camera": sound.cameras(), "labels": [sound.labels()],
        "config": [json.dumps(sound.config()).encode()],
    }  # fmt: skip
    read = 0
    for data in kept.get(name) or sound.keypoints():
        (path := tmp_path / f"sound{DOORS[name].ending}").write_bytes(data)
        try:
            DOORS[name].read(path)
            read += 1
        except (SourceError, SkeletonError):  # of another format
            assert name not in kept
    assert read >= 1


def test_cases_differ_and_can_be_had_again():
    files = sound.keypoints()
    made = [mutate(files[i % len(files)], files, Random(i)) for i in range(200)]
    assert made == [mutate(files[i % len(files)], files, Random(i)) for i in range(200)]
    assert len(set(made)) > 190
    assert not set(made) & set(files)


def test_what_goes_wrong_is_told(tmp_path, monkeypatch):
    def read(path):
        raise ZeroDivisionError("oh")

    door = Door(make=lambda random: b"", read=read)
    (_, text), *_ = fuzz.attack(door, "a", 0, range(1), tmp_path)
    assert text.startswith("ZeroDivisionError: oh at test_fuzz.py:")
    monkeypatch.setattr(fuzz, "_SECONDS", 0.1)
    door = Door(make=lambda random: b"", read=lambda path: [None for _ in iter(int, 1)])
    (_, text), *_ = fuzz.attack(door, "a", 0, range(1), tmp_path)
    assert text.startswith("Hung: after 0.1 s")


def dies(config):
    os._exit(3)


@pytest.mark.slow
def test_a_process_that_ends_is_a_failure():
    assert fuzz.run(cases=20, only="config", check=dies)["failures"] == 1
    assert fuzz.run(cases=20, only="labels")["failures"] == 0


BLOWN = {
    "far apart": "frame,joint,x,y\n0,nose,1,1\n9999999,nose,1,1\n" + "".join(
        f"5,{j},1,1\n" for j in ("left_eye", "right_eye", "left_ear", "right_ear")),
    "people": "frame,person,joint,x,y\n9999999,a0,nose,1,1\n" + "".join(
        f"{i},a{i},nose,1,1\n" for i in range(5)),
    "rate": "frame,time_s,joint,x,y\n0,0,nose,1,1\n1,1e300,nose,1,1\n",
    "rates": "frame,time_s,joint,x,y\n0,0,nose,1,1\n1,1e-300,nose,1,1\n",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), BLOWN.items())
def test_few_lines_do_not_ask_for_much_memory(kind, text, tmp_path):
    (path := tmp_path / "a.csv").write_text(text)
    started = time.process_time()
    with pytest.raises(SourceError, match=r"must (show people|have above 0)"):
        Table()(path)
    assert time.process_time() - started < 5


def test_a_frame_holds_no_thousands(tmp_path):
    person = {"keypoints": [[1.0, 1.0]] * 17, "keypoint_scores": [1.0] * 17}
    frames = [{"frame_id": 0, "instances": [person] * (limits.MAX_PEOPLE + 1)}]
    (path := tmp_path / "a.json").write_text(json.dumps(frames))
    with pytest.raises(SourceError, match="frame 0: must hold at most 200 people, but holds 201"):
        MMPose()(path)


@pytest.mark.parametrize("deep", [65, 900])
def test_json_is_not_nested_without_end(deep, tmp_path):
    (path := tmp_path / "a.json").write_text('{"frames": ' + "[" * deep + "]" * deep + "}")
    with pytest.raises(SourceError, match=f"nested too deeply: {deep + 1} lists"):
        MediaPipeJson()(path)


@pytest.mark.parametrize("change", [
    {"seats": [str(i) for i in range(100_000)]}, {"fps": 0}, {"fps": 1e300},
    {"image_size": [10**9, 1]}, {"image_size": [0, 1]}, {"provenance": [[[1]]], "format": 7},
])  # fmt: skip
def test_archives_ask_for_no_more_than_they_say(change, tmp_path):
    table, about = sound.archive()
    (path := tmp_path / "a.parquet").write_bytes(sound.parquet(table, about | change))
    with pytest.raises(SourceError, match=r"a\.parquet must "):
        read_archive(path)


def test_an_archive_of_repeated_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FREE_POINTS", 100_000)
    monkeypatch.setattr(limits, "MAX_POINTS", 500_000)
    table, about = sound.archive()
    count = 600_000
    columns = {name: pa.nulls(count, table.schema.field(name).type) for name in table.column_names}
    columns["frame"] = pa.array(np.zeros(count, np.int32))
    path = tmp_path / "a.parquet"
    path.write_bytes(sound.parquet(pa.table(columns, schema=table.schema), about))
    assert path.stat().st_size < 60_000
    with pytest.raises(SourceError, match=r"600000 rows in .* bytes, .* are more than"):
        read_archive(path)


@pytest.mark.parametrize("widths", [[10**9, 2], [100_000] * 3, [256] * 1000, [10**400]])
def test_checkpoints_make_no_network_larger_than_themselves(widths, tmp_path):
    tensors, about = sound.checkpoint()
    about["arguments"] |= {"widths": widths}
    (path := tmp_path / "a.safetensors").write_bytes(sound.safetensors(tensors, about))
    with pytest.raises(ModelFileError, match=r"a\.safetensors does not fit"):
        checkpoint.load(path).build()


def test_the_bound_on_networks_ends_with_the_building(tmp_path):
    (path := tmp_path / "a.safetensors").write_bytes(sound.safetensors(*sound.checkpoint()))
    checkpoint.load(path).build()
    assert torch.nn.Linear(3000, 3000).weight.numel() == 9_000_000


@pytest.mark.parametrize("derived", [
    {"a": ["a", "a"]}, {f"x{i}": [f"x{i + 1}"] * 2 for i in range(40)} | {"a": ["x0"]},
])  # fmt: skip
def test_joints_that_are_means_of_each_other_end(derived):
    values = {"name": "odd", "joints": ["a", *(f"x{i}" for i in range(41))], "derived": derived}
    with pytest.raises(SkeletonError, match="derived"):
        convert(np.zeros((33, 2)), Skeleton.load("blazepose33"), Skeleton.from_dict(values))


@pytest.mark.parametrize("head", ["K: *a9", "K: !!opencv-matrix\n  data: *a9"])
def test_a_camera_file_is_no_larger_than_it_is(head, tmp_path):
    many = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    lines = ["%YAML:1.0", "---", "a0: &a0 [1.0, 1.0]", *many, head]
    (path := tmp_path / "a.yml").write_text("\n".join(lines))
    with pytest.raises(SourceError, match="must not have aliases"):
        calibration.read(path)
    with path.open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(SourceError, match="more than 10000000 bytes"):
        calibration.read(path)


def test_configs_run_nothing_when_they_are_read():
    text = "a: !!python/object/apply:os.system ['false']"
    with pytest.raises(Exception, match="could not determine a constructor"):
        OmegaConf.create(text)
