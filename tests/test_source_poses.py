import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from keypoint_files import coco, sktdd, table

from kpcomplete.corruption.chain import Chain
from kpcomplete.corruption.gaussian import Gaussian
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import SettingError, SkeletonError, SourceError
from kpcomplete.frame import Frame
from kpcomplete.importer.table import Table
from kpcomplete.pose import Visibility
from kpcomplete.recording import sequence
from kpcomplete.result import Person, Result
from kpcomplete.sink.archive import Archive
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.corrupted import Corrupted
from kpcomplete.source.poses import Poses
from kpcomplete.source.synthetic import Synthetic

CANONICAL = Skeleton.load("blazepose33")


def stack(frames, name, truth=False):
    people = [(f.truth if truth else f.people).get(name) for f in frames]
    nan = np.full((33, 2), np.nan, np.float32)
    return np.stack([nan if p is None else p.keypoints for p in people])


def test_people_are_canonical_and_times_start_at_zero(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("frame,joint,x,y\n5,left_wrist,1,2\n7,left_wrist,3,4\n")
    source = Poses(path, fps=10)
    frames = list(source)
    assert [f.time for f in frames] == pytest.approx([0, 0.1, 0.2])
    assert [f.index for f in frames] == [0, 1, 2]
    assert [set(f.people) for f in frames] == [{"person0"}, set(), {"person0"}]
    assert all(f.image is None for f in frames)
    person = frames[2].people["person0"]
    assert person.keypoints.shape == (33, 2)
    assert person.keypoints[CANONICAL.index("left_wrist")].tolist() == [3, 4]
    assert np.isfinite(person.keypoints).sum() == 2
    assert person.confidence.sum() == 1
    assert list(source)[2].time == frames[2].time


def test_settings_go_to_the_importer(tmp_path):
    names = ["snout", *Skeleton.load("coco17").joints[1:]]
    path = coco(tmp_path / "a.json", names)
    with pytest.raises(SkeletonError, match="'snout'"):
        Poses(path)
    source = Poses(path, fps=15, image_size=[100, 50], joints={"snout": "nose"})
    assert (source.info.fps, source.info.image_size) == (15, (100, 50))
    assert Poses(sktdd(tmp_path / "s.csv"), fps=25).info.fps == 25
    importer = Table(fps=12)
    own = tmp_path / "t.csv"
    own.write_text("frame,joint,x,y\n0,nose,1,2\n")
    assert Poses(own, importer=importer).info.fps == 12
    with pytest.raises(SettingError, match="to the importer itself"):
        Poses(own, importer=importer, fps=3)
    with pytest.raises(SettingError, match="must be positive, but is -1"):
        Poses(own, fps=-1)


def test_what_is_no_keypoint_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"there is no keypoint file .*gone\.csv"):
        Poses(tmp_path / "gone.csv")
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"hello": 1}))
    with pytest.raises(SourceError, match="of no format that is known"):
        Poses(path)
    path.write_text('{"images": [')
    with pytest.raises(SourceError, match="damaged JSON"):
        Poses(path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(SourceError, match=r"a\.parquet must be a keypoint archive"):
        Poses(tmp_path / "a.parquet")


def test_sequences_over_different_frames_are_refused(tmp_path):
    a, b = Table()(table(tmp_path / "a.csv"))
    with pytest.raises(SourceError, match=r"over the same frames, but are \[\('person0', 6\)"):
        Poses.from_sequences([a, b[:3]])
    with pytest.raises(SourceError, match="holds nobody"):
        Poses.from_sequences([])
    assert len(list(Poses.from_sequences([a[:3], b[:3]]))) == 3


def test_what_is_hidden_stays_in_the_truth():
    clean = Synthetic(length=40, seats=("a", "b"), images=True)
    source = Corrupted(source=clean, corruption=RandomJoints(ratio=0.4, seed=1))
    frames = list(source)
    assert source.info == clean.info
    assert all(f.image is None for f in frames)
    for name in ("a", "b"):
        true, left = stack(frames, name, truth=True), stack(frames, name)
        np.testing.assert_array_equal(true, clean.truth[name])
        seen = np.isfinite(left).all(axis=-1)
        assert 0.5 < seen.mean() < 0.7
        np.testing.assert_array_equal(left[seen], true[seen])  # to the bit
        confidence = np.stack([f.people[name].confidence for f in frames])
        np.testing.assert_array_equal(confidence, seen.astype(np.float32))


def test_the_same_joints_are_hidden_every_time():
    source = Corrupted(source=Synthetic(length=20), corruption=RandomJoints(ratio=0.5))
    np.testing.assert_array_equal(stack(list(source), "driver"), stack(list(source), "driver"))


def test_noise_is_in_body_units_and_truth_is_clean():
    synthetic = Synthetic(length=300)
    source = Corrupted(source=synthetic, corruption=Gaussian(std=0.1))
    frames = list(source)
    moved = stack(frames, "driver") - stack(frames, "driver", truth=True)
    joints = synthetic.truth["driver"]
    shoulders = joints[:, [CANONICAL.index("left_shoulder"), CANONICAL.index("right_shoulder")]]
    width = np.median(np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=-1))
    assert moved.std() == pytest.approx(0.1 * width, rel=0.1)


def test_somebody_of_whom_nothing_is_left_is_absent():
    source = Corrupted(source=Synthetic(length=5), corruption=RandomJoints(ratio=1.0))
    frames = list(source)
    assert all(not f.people and set(f.truth) == {"driver"} for f in frames)


def test_a_joint_that_was_missing_is_never_revealed():
    def reveal(batch):
        everything = torch.ones_like(batch.observed)
        return type(batch)(
            keypoints=batch.keypoints + 1, confidence=batch.confidence, observed=everything,
            times=batch.times,
        )  # fmt: skip

    first = Corrupted(source=Synthetic(length=9), corruption=RandomJoints(ratio=0.5))
    frames = [Frame(index=f.index, time=f.time, people=f.people) for f in first]
    pose = sequence(frames, "driver", first.info)
    again = Corrupted(source=Poses.from_sequences([pose]), corruption=reveal)
    before, after = stack(frames, "driver"), stack(list(again), "driver")
    np.testing.assert_array_equal(np.isnan(before), np.isnan(after))


def test_an_empty_recording_stays_empty():
    corruption = Chain(parts=[RandomJoints(ratio=0.5)])
    assert list(Corrupted(source=Synthetic(length=0), corruption=corruption)) == []
    frames = list(Corrupted(source=Synthetic(length=3, seats=()), corruption=corruption))
    assert [dict(f.people) for f in frames] == [{}, {}, {}]


@pytest.fixture
def archive(tmp_path):
    """An archive of two people with joints that were seen and joints that were filled in."""
    truth = Synthetic(length=8, seats=("a", "b"), fps=20)
    hidden = Corrupted(source=truth, corruption=RandomJoints(ratio=0.4))
    frames = tuple(hidden)
    whole = [Frame(index=f.index, time=f.time, people=f.truth) for f in frames]
    people = {}
    for name in ("a", "b"):
        seen = sequence(list(frames), name, truth.info)
        full = sequence(whole, name, truth.info)
        filled = np.where(seen.is_observed, Visibility.OBSERVED, Visibility.COMPLETED)
        completed = replace(full, visibility=filled.astype(np.uint8))
        people[name] = Person(observed=seen, completed=completed)
    path = tmp_path / "drive.parquet"
    with Archive(path=path, source=truth) as sink:
        sink.write(Result(frames=frames, people=people))
    return path, people


def test_of_an_archive_only_what_was_observed_counts(archive):
    path, people = archive
    source = Poses(path)
    assert (source.info.fps, source.info.image_size, source.info.length) == (20, (640, 480), 8)
    frames = list(source)
    assert frames[3].time == pytest.approx(0.15)
    for name, person in people.items():
        np.testing.assert_array_equal(stack(frames, name), person.observed.keypoints)
    assert [f.time for f in Poses(path, fps=10)][3] == pytest.approx(0.3)


def test_an_archive_of_an_empty_car_has_frames_without_people(tmp_path):
    empty = Synthetic(length=4, seats=())
    with Archive(path=tmp_path / "a.parquet", source=empty) as sink:
        sink.write(Result(frames=tuple(empty), people={}))
    frames = list(Poses(tmp_path / "a.parquet"))
    assert [(f.index, dict(f.people)) for f in frames] == [(i, {}) for i in range(4)]
