"""What is proposed for labelling, and how answers are asked for, written and gone on with."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hydra import compose, initialize_config_module
from made import INFO, Images, driver, nobody, results
from recorded_people import camera, recorded

from kpcomplete import checkpoint
from kpcomplete.app import label as command
from kpcomplete.archive import read_archive
from kpcomplete.batch import PoseBatch
from kpcomplete.classifying import autoencoder
from kpcomplete.data.labels import Label, read_labels, write_labels
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.frontal import seen_from_ahead
from kpcomplete.head.several import Several
from kpcomplete.labelling import SKIP, STOP, Labelling
from kpcomplete.own import Own
from kpcomplete.proposing import Segment, answered, entropy, propose
from kpcomplete.sink.archive import Archive

CLASSES = ["normal", "distracted"]


def write_result(path):
    """Write a driver and an empty seat, as process does without a lifter."""
    people = {"driver": driver(64), "codriver": nobody(64)}
    source = type("Source", (), {"info": replace(INFO, length=64)})()
    with Archive(path=path, source=source) as archive:
        for result in results(people, hop=16):
            archive.write(result)


@pytest.fixture
def folder(tmp_path):
    write_result(tmp_path / "a.parquet")
    return tmp_path


def labelling(folder, **settings):
    given = {"folder": folder, "labels": folder / "labels.csv", "task": "attention",
             "classes": CLASSES, "length": 16}  # fmt: skip
    return Labelling(**(given | settings))


def test_what_is_unlike_the_known_comes_first_and_uncertain_before_certain():
    features = torch.tensor([[0.0], [0.1], [5.0], [9.0], [9.1]])
    even = torch.ones(5)
    assert propose(features, even, [0], 2) == [4, 2]
    unsure = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])
    assert propose(features, unsure, [0], 1) == [1]
    assert sorted(propose(features, even, [], 9)) == [0, 1, 2, 3, 4]
    with pytest.raises(SettingError, match="but got 0"):
        propose(features, even, [], 0)


def test_entropy_is_1_where_nothing_is_known():
    found = entropy(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0]), atol=1e-4, rtol=0)


def test_answered_stretches_are_those_that_a_label_touches():
    segments = [Segment(file="a", seat="s", start=i, end=i + 10) for i in (0, 10, 20)]
    label = Label(file="a", seat="s", start=5, end=11, task="t", answer="x")
    assert answered(segments, [label], "t") == [0, 1]
    assert answered(segments, [label], "other") == []


def test_answers_are_written_and_not_asked_again(folder):
    asked = []

    def ask(segment, keys):
        asked.append(segment)
        assert keys["1"] == "normal"
        return "2" if segment.start == 0 else "1"

    assert labelling(folder)(ask, 2) == 2
    assert labelling(folder, picture=folder / "p.png")(ask, 10) == 2
    assert sorted(s.start for s in asked) == [0, 16, 32, 48]  # nobody sits beside the driver
    assert {s.seat for s in asked} == {"driver"}
    found = read_labels(folder / "labels.csv", {"attention": CLASSES})
    assert {x.start: x.answer for x in found} == {
        0: "distracted", 16: "normal", 32: "normal", 48: "normal",
    }  # fmt: skip
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")


def test_one_can_skip_and_stop(folder):
    keys = iter([SKIP, "1", STOP])
    assert labelling(folder)(lambda segment, names: next(keys), 10) == 1
    with pytest.raises(SettingError, match="'7' is no answer"):
        labelling(folder)(lambda segment, names: "7", 1)


def test_it_runs_from_a_file_of_answers(folder, monkeypatch, capsys):
    (folder / "answers.txt").write_text("1\n2\n1\n")
    monkeypatch.chdir(folder)
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("label", [f"recordings={folder}", "classes=[normal,distracted]",
                                "task=attention", "length=16", "answers=answers.txt",
                                "picture=null"])  # fmt: skip
    command.main.__wrapped__(cfg)
    assert "3 answers written to labels.csv" in capsys.readouterr().out
    assert len((folder / "labels.csv").read_text().splitlines()) == 4
    with pytest.raises(SourceError, match="cannot read the answers"):
        command.from_file(folder / "none.txt")


def test_labelled_recordings_become_material(folder):
    write_labels(folder / "labels.csv", [
        Label(file="a.parquet", seat="driver", start=0, end=20, task="attention", answer="normal"),
        Label(file="a.parquet", seat="driver", start=20, end=64, task="attention",
              answer="distracted"),
    ])  # fmt: skip
    tasks = {"attention": CLASSES}
    found = Own(labels=str(folder / "labels.csv"), folder=str(folder), tasks=tasks).load()
    assert found.poses.people == ("a.parquet:driver",)
    assert found.targets["attention"].tolist() == [0] * 20 + [1] * 44
    seen = found.poses.keypoints.isfinite().all(dim=-1)
    assert 0.2 < seen.float().mean() < 0.9  # what was completed is not material
    assert found.poses.keypoints[seen][:, 0].median() == pytest.approx(0.5, abs=0.1)


def test_tables_that_process_puts_beside_results_are_no_recordings(folder):
    for name in ("summary.parquet", "a.classes.parquet"):
        pq.write_table(pa.table({"recording": ["a"]}), folder / name)
    assert {s.file for s in labelling(folder).segments} == {"a.parquet"}
    write_labels(folder / "labels.csv", [
        Label(file="a.parquet", seat="driver", start=0, end=9, task="attention", answer="normal"),
    ])  # fmt: skip
    tasks = {"attention": CLASSES}
    found = Own(labels=str(folder / "labels.csv"), folder=str(folder), tasks=tasks).load()
    assert found.poses.people == ("a.parquet:driver",)


def test_a_label_file_without_labels_teaches_nothing(folder):
    write_labels(folder / "labels.csv", [])
    with pytest.raises(SettingError, match="must have labels to learn from, but has none"):
        Own(labels=str(folder / "labels.csv"), folder=str(folder), tasks={"a": ["b", "c"]}).load()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"length": 0}, "length >= 1 frames, but got 0"),
        ({"classes": ["a", "b", "a"]}, "different classes, but got"),
        ({"labels": "labels.parquet"}, "written as CSV, but should become labels.parquet"),
    ],
)
def test_settings_that_cannot_be(folder, settings, said):
    with pytest.raises(SettingError, match=said):
        labelling(folder, **settings)


def test_answers_that_are_no_text(tmp_path):
    (tmp_path / "answers.txt").write_bytes(b"1\n\xff\xfe")
    with pytest.raises(SourceError, match="cannot read the answers"):
        command.from_file(tmp_path / "answers.txt")


def test_a_head_can_be_named_on_the_command_line():
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("label", ["head.weights=mine.safetensors"])
    assert cfg.head.weights == "mine.safetensors"


def test_stretches_keep_the_times_of_their_recording(tmp_path):
    info = replace(INFO, fps=10.0, length=32)
    people = {"driver": driver(32, times=np.arange(32) / 10, info=info)}
    with Archive(path=tmp_path / "slow.parquet", source=Images(info=info)) as archive:
        for result in results(people, hop=16):
            archive.write(result)
    batch = labelling(tmp_path)._batch()
    np.testing.assert_allclose(batch.times[:, -1], 1.5)
    assert float(batch.keypoints[batch.observed][:, 0].median()) == pytest.approx(0.5, abs=0.1)


def test_a_folder_without_results(tmp_path):
    with pytest.raises(SourceError, match="should hold results"):
        labelling(tmp_path)
    with pytest.raises(SettingError, match="needs 2 to"):
        labelling(tmp_path, classes=["one"])


def test_stretches_are_told_apart_by_pose(folder):
    features, unsure = labelling(folder)._features()
    assert features.shape[0] == 4
    assert bool(torch.isfinite(features).all())
    assert np.allclose(unsure.numpy(), 1)


def ahead(folder, **options):
    """Return recorded people as material, as seen from ahead."""
    recorded(folder / "a.parquet", length=16, **options)
    write_labels(folder / "labels.csv", [
        Label(file="a.parquet", seat="driver", start=0, end=16, task="attention", answer="normal"),
    ])  # fmt: skip
    return Own(labels=str(folder / "labels.csv"), folder=str(folder),
               tasks={"attention": CLASSES}, frontal=True)  # fmt: skip


def test_own_recordings_can_be_seen_from_ahead_where_they_know_their_camera(tmp_path):
    found = ahead(tmp_path, posed=True).load()
    assert found.frontal
    raw = read_archive(tmp_path / "a.parquet").raw["driver"]
    expected = seen_from_ahead(raw, camera(posed=True)).keypoints / 1000
    np.testing.assert_allclose(found.poses.keypoints.numpy(), expected, atol=1e-6)
    assert found.poses.keypoints.isfinite().any()


def test_of_whose_camera_nothing_is_known_nobody_is_seen_from_ahead(tmp_path, folder):
    with pytest.raises(SettingError, match="where in the car 'camera' is"):
        ahead(tmp_path).load()
    write_result(folder / "a.parquet")
    with pytest.raises(SettingError, match="must know its camera, but does not: process it with"):
        Own(labels=str(folder / "labels.csv"), folder=str(folder),
            tasks={"attention": CLASSES}, frontal=True).load()  # fmt: skip


def test_a_head_is_asked_about_people_as_it_sees_them(tmp_path):
    recorded(tmp_path / "a.parquet", length=32, posed=True)
    unsure = {}
    for frontal in (False, True):
        torch.manual_seed(0)
        network = Several(encoder=autoencoder("completer"), tasks={"attention": CLASSES},
                          past=8, frontal=frontal)  # fmt: skip
        network.standardise(torch.randn(9, len(network.middle)))
        head = tmp_path / f"{frontal}.safetensors"
        checkpoint.save(head, network.state_dict(), checkpoint.Metadata.of(network, {}))
        made = labelling(tmp_path, head=head)
        people = [made._poses(s) for s in made.segments]
        if frontal:
            people = [seen_from_ahead(p, camera(posed=True)) for p in people]
        batch = PoseBatch.from_sequences(people).frames(slice(-8, None))
        batch = replace(batch, keypoints=batch.keypoints / people[0].image_size[0])
        with torch.no_grad():
            expected = entropy(network.eval().probabilities(batch)["attention"][:, :-1])
        unsure[frontal] = made._features()[1]
        torch.testing.assert_close(unsure[frontal], expected, atol=1e-3, rtol=1e-2)
    assert not torch.allclose(unsure[False], unsure[True], atol=1e-3)
