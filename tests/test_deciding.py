"""Decisions that do not flicker, and what explains them, from the pipeline to what is written."""

import json
from dataclasses import dataclass, replace

import made
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from test_pipeline import Given, Middle, Passing

from kpcomplete.archive import KEY, read_archive
from kpcomplete.batch import PoseBatch
from kpcomplete.class_table import classes_path
from kpcomplete.errors import SettingError
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.head.carrying import Carrying
from kpcomplete.head.explanation import carried, part, shares
from kpcomplete.head.several import Several
from kpcomplete.head.steady import Steadiness
from kpcomplete.model.mlp import MLP
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.position import Position
from kpcomplete.sink._canvas import Canvas, said
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.digest import Digest
from kpcomplete.skeleton import Skeleton
from kpcomplete.window import Window

TASKS = {"position": ("in_position", "phone", "unknown")}
STEADY = Steadiness(dwell=0.5, margin=0.1, average=0.2)
INFO = StreamInfo(name="ride", fps=20.0, image_size=(640, 480))
SKELETON = Skeleton.load("blazepose33")
WRIST = SKELETON.index("left_wrist")


@dataclass
class Flickering:
    """Says ``phone`` from frame 60 on, but for every fourth frame; before, in every fourth."""

    tasks = TASKS
    past = 5
    asked: int = 0

    def watch(self):
        count = 0

        def watch(people):
            nonlocal count
            out = {}
            for seat, poses in people.items():
                number = np.arange(count, count + len(poses))
                phone = (number >= 60) != (number % 4 == 3)
                out[seat] = {"position": np.eye(3, dtype=np.float32)[phone.astype(int)]}
            count += len(poses)
            return out

        return watch

    def carried(self, window, task, answer):
        self.asked += 1
        assert window.keypoints.shape == (1, self.past, 33, 2)
        found = np.zeros(33, np.float32)
        found[WRIST] = 2.0 if answer == "phone" else -1.0
        return found


def source(length=120):
    points = np.random.default_rng(0).uniform(100, 300, (33, 2)).astype(np.float32)
    person = Detection(keypoints=points, confidence=np.ones(33, np.float32))
    frames = [Frame(index=i, time=i / 20, people={"driver": person}) for i in range(length)]
    return Given(frames=frames, info=INFO)


def pipeline(window, **settings):
    return Pipeline(detector=Passing(), window=window, completer=Middle(), head=Flickering(),
                    **settings)  # fmt: skip


WINDOWS = (Window(past=0, hop=50, future=0), Window(past=3, hop=1, future=0))


@pytest.mark.parametrize("window", WINDOWS)
def test_decisions_of_a_flickering_head_change_once_and_their_delay_is_in_the_footer(
    window, tmp_path
):
    path, given = tmp_path / "a.parquet", source()
    run(pipeline(window, steady=STEADY), given, [Archive(path=path, source=given)])
    found = read_archive(path)
    raw, steady = found.classes["driver"]["position"], found.decisions["driver"]["position"]
    assert (np.diff(raw.argmax(axis=1)) != 0).sum() > 50
    (change,) = np.flatnonzero(np.diff(steady))
    assert (steady[change], steady[change + 1]) == (0, 1)
    assert found.decided_after == STEADY.delay(20.0)
    assert 60 <= change + 1 <= 60 + 2 * 20 * found.decided_after  # it flickers, so it takes longer
    about = json.loads(pq.ParquetFile(path).metadata.metadata[KEY])
    assert about["decided_after"] == pytest.approx(0.6, abs=0.1)


def test_without_steadiness_nothing_is_decided_and_older_tables_are_read(tmp_path):
    path, given = tmp_path / "a.parquet", source(20)
    run(pipeline(WINDOWS[0]), given, [Archive(path=path, source=given)])
    found = read_archive(path)
    assert (found.decisions, found.decided_after, found.carried) == ({}, None, {})
    table = pq.read_table(classes_path(path))
    assert table["decided"].null_count == len(table)
    pq.write_table(table.drop_columns(["decided"]), classes_path(path))
    assert read_archive(path).classes["driver"]["position"].shape == (20, 3)
    about = {KEY: pq.ParquetFile(path).metadata.metadata[KEY]}
    whole = pq.read_table(path).drop_columns(["carried"])
    pq.write_table(whole.replace_schema_metadata(about), path)
    assert read_archive(path).carried == {}


def test_delays_are_seconds_at_any_frame_rate():
    assert [Steadiness().delay(fps) for fps in (10.0, 30.0)] == pytest.approx([0.7, 0.65], abs=0.1)
    assert Steadiness(dwell=0, margin=0, average=0).delay(30.0) == pytest.approx(1 / 30)
    with pytest.raises(SettingError, match="dwell >= 0 s"):
        Steadiness(dwell=-1)


def test_warnings_and_pictures_follow_decisions():
    results = list(pipeline(WINDOWS[1], steady=STEADY).run(source()))
    warned = ["driver" in Position()(result, 0) for result in results]
    assert np.abs(np.diff(np.array(warned, int))).sum() == 1
    assert (warned[0], warned[-1]) == (False, True)
    person = results[-1].people["driver"]  # frame 119 says in_position
    assert said(person, 0, TASKS) == ["phone (0 %)"]
    assert said(replace(person, decisions={}), 0, TASKS) == ["in position (100 %)"]
    nothing = replace(person, classes={"position": np.array([[0, 0, 1.0]])}, decisions={})
    assert said(nothing, 0, TASKS) == ["position unknown"]
    assert said(made.driver(1), 0, TASKS) == []


def test_summaries_count_decisions(tmp_path):
    given = source()
    run(
        pipeline(WINDOWS[0], steady=STEADY),
        given,
        [Digest(path=tmp_path / "d.parquet", source=given)],
    )
    (seat,) = pq.read_table(tmp_path / "d.parquet").to_pylist()[0]["seats"]
    share = {row["name"]: row["share"] for row in seat["classes"]}
    assert 0.3 < share["phone"] < 0.45  # of the frames decided so; 0.5 are likeliest so


@pytest.mark.parametrize("window", WINDOWS)
def test_what_carried_a_decision_is_said_twice_a_second_and_kept(window, tmp_path):
    path, given = tmp_path / "a.parquet", source()
    made_ = pipeline(window, steady=STEADY, explain=Carrying(task="position", every=0.5))
    run(made_, given, [Archive(path=path, source=given)])
    assert made_.head.asked == 12
    found = read_archive(path)
    assert found.explained == "position"
    assert (found.carried["driver"][:60, WRIST] == -1).all()
    assert (found.carried["driver"][-10:, WRIST] == 2).all()
    assert (np.delete(found.carried["driver"], WRIST, axis=1) == 0).all()


def test_explaining_wants_a_task_of_the_head():
    with pytest.raises(SettingError, match=r"one of the head's \(position\), but is 'mood'"):
        next(pipeline(WINDOWS[0], steady=STEADY, explain=Carrying(task="mood")).run(source()))
    with pytest.raises(SettingError, match="every must be more than 0 s"):
        Carrying(task="position", every=0)
    dumb = replace(pipeline(WINDOWS[0], steady=STEADY), explain=Carrying(task="position"))
    dumb.head = type("Dumb", (), {"tasks": TASKS, "watch": lambda self: None})()
    with pytest.raises(SettingError, match="a Dumb cannot say which joints"):
        next(dumb.run(source()))


def test_parts_of_the_body_are_hidden_as_wholes():
    torch.manual_seed(0)
    encoder = MLP(widths=[16, 8])
    window = PoseBatch.from_keypoints(torch.rand(1, 6, 33, 2))
    encoder.prepare(window)
    encoder.support.fill_(1000)
    head = Several(encoder=encoder, tasks={"position": ["in_position", "phone"]}, past=6).eval()
    hidden = torch.zeros_like(window.observed)
    hidden[..., SKELETON.indices(["left_heel", "right_heel"])] = True
    with torch.no_grad():
        found = carried(head, window.hide(hidden), "position", "phone")
    parts = {}
    for joint, value in zip(SKELETON.joints, found.tolist(), strict=True):
        if "heel" in joint:
            assert value == 0  # not seen
        else:
            parts.setdefault(part(joint), set()).add(value)
    assert len(parts) == 9
    assert all(len(values) == 1 for values in parts.values())
    assert part("left_foot_index") == "left leg"


def test_halos_are_as_large_as_what_joints_carry():
    np.testing.assert_allclose(shares(np.array([2.0, 1.0, -1.0, np.nan])), [1, 0.5, 0, 0])
    np.testing.assert_allclose(shares(np.array([0.1, 0.0])), [0.2, 0])  # next to nothing

    def red(carried):
        person = made.driver(1)
        shown = None if carried is None else np.full((1, 33), np.nan, np.float32)
        if carried is not None:
            known = np.flatnonzero(person.completed.is_observed[0])[:1]
            shown[0, known] = carried
        canvas = Canvas(skeleton=SKELETON, image_size=(320, 240), max_height=None)
        picture = canvas.paint(None, {"driver": replace(person, carried=shown)}, 0)
        b, g, r = np.moveaxis(picture.astype(int), -1, 0)
        return int(((r > g + 40) & (r > b + 40)).sum())

    assert red(2.0) > red(0.3) > red(0.0) == red(None)
