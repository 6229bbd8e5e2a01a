"""The shipped head: who teaches, who calibrates, who is measured, and what is written."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from kpcomplete import checkpoint, passengers
from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import NONE, LabelledSet
from kpcomplete.data.occupants import OCCUPANTS, TASKS
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.head.fitting import fit_heads
from kpcomplete.head.learned import Learned
from kpcomplete.passengers import Split

BODY = checkpoint.load(checkpoint.shipped("completer")).tensors["centre"].float()


class Given:
    """Adults and children, who are half as large; those who lean are further to the left."""

    def __init__(self, people=18, name="p"):
        self.people, self.name = people, name

    def load(self):
        clips, kinds, leans = [], [], []
        draw = torch.Generator().manual_seed(self.people + ord(self.name))
        for i in range(self.people):
            kind, lean = ("child", "adult_50")[i % 2], i % 3 == 0
            place = torch.tensor([0.5 - 0.2 * lean, 0.3])
            body = BODY + 0.02 * torch.randn(33, 2, generator=draw)  # nobody is like another
            sway = 0.02 * torch.randn(20, 33, 2, generator=draw)
            clips.append(place + (0.07 if kind == "child" else 0.16) * (body + sway))
            kinds += [OCCUPANTS.index(kind)] * 20
            leans += [TASKS["position"].index("leaning_sideways") if lean else 0] * 20
        poses = PoseSet.from_clips(
            clips, people=[f"{self.name}_{i:02d}" for i in range(self.people)],
            views=["mirror"] * self.people, fps=15.0,
        )  # fmt: skip
        targets = {"position": torch.tensor(leans), "occupant": torch.tensor(kinds)}
        return LabelledSet(poses=poses, tasks=TASKS, targets=targets)


class Hidden(Given):
    """The same, and as many infants of whom nothing is seen."""

    def load(self):
        seen = super().load()
        gone = replace(
            seen,
            poses=replace(
                seen.poses, keypoints=torch.full_like(seen.poses.keypoints, float("nan"))
            ),
            targets=dict(
                seen.targets,
                occupant=torch.full_like(seen.targets["occupant"], OCCUPANTS.index("infant_seat")),
            ),
        )
        return LabelledSet.concatenate([seen, gone])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("head") / "passenger.safetensors"
    record = passengers.run(
        data=Given(72), teachers=Given(120, "q"), output=path, past=8, stride=4,
        teachers_stride=4, steps=300, hidden=(64,), dropout=0.6, seed=1,
    )  # fmt: skip
    return path, record


def test_what_is_learned_holds_for_people_who_taught_nothing(written):
    path, record = written
    assert record["metrics"]["occupant"]["macro_f1"] > 0.9
    assert record["metrics"]["position"]["macro_f1"] > 0.8
    parts = [name for key in ("taught_by", "held_out", "measured_on") for name in record[key]]
    assert sorted(parts) == sorted(f"p_{i:02d}" for i in range(72))
    assert record["simulated"] == 120
    assert Learned(weights=path).tasks["occupant"] == (*OCCUPANTS, "unknown")


def test_trees_learn_it_too_and_only_from_those_who_are_seen(tmp_path):
    path = tmp_path / "passenger.safetensors"
    record = passengers.run(
        data=Given(72), teachers=Hidden(120, "q"), output=path, past=8, stride=4,
        teachers_stride=4, rounds=30, seed=1,
    )  # fmt: skip
    assert record["metrics"]["occupant"]["macro_f1"] > 0.9
    assert record["metrics"]["occupant"]["answered"] == 1.0
    head = checkpoint.load(path).build()
    assert set(head.arguments["trees"]) == set(TASKS)
    with torch.no_grad():  # what is not seen taught nothing: all of them were labelled infants
        said = head.probabilities(Given(2).load().windows(8, 8))["occupant"]
    assert said[:, OCCUPANTS.index("infant_seat")].max() < 0.05


def test_each_window_teaches_trees_in_one_way():
    ways = passengers._one_way(4000, 1).view(3, 4000)
    assert (ways.sum(dim=0) == 1).all()
    assert ways.float().mean(dim=1).tolist() == pytest.approx([0.5, 0.25, 0.25], abs=0.03)
    assert not torch.equal(ways, passengers._one_way(4000, 2).view(3, 4000))


def test_windows_of_which_nothing_is_said_are_not_measured(tmp_path):
    half = Given(72).load()
    points = half.poses.keypoints.clone()
    points[: len(points) // 2] = float("nan")
    some = replace(half, poses=replace(half.poses, keypoints=points))
    record = passengers.run(
        data=SimpleNamespace(load=lambda: some), output=tmp_path / "a.safetensors", past=8,
        stride=4, rounds=20, seed=1,
    )  # fmt: skip
    assert 0.2 < record["metrics"]["occupant"]["answered"] < 0.8
    assert record["metrics"]["occupant"]["macro_f1"] > 0.9


def test_the_encoder_is_not_stored_twice(written):
    path, _ = written
    assert path.stat().st_size < 300_000
    with safe_open(path, framework="pt") as file:
        assert not [name for name in file.keys() if name.startswith("encoder")]  # noqa: SIM118
    mine, theirs = checkpoint.load(path).build(), checkpoint.load(checkpoint.shipped("completer"))
    for name, value in theirs.build().state_dict().items():
        assert torch.equal(mine.encoder.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, "was trained on another version of the shipped model 'completer'"),
        ({"name": "../weights/completer"}, "no shipped model is called '../weights/completer'"),
    ],
)
def test_another_encoder_is_refused(written, tmp_path, change, message):
    path, _ = written
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["kpcomplete"])
    header["shared"]["encoder"] |= change
    other = tmp_path / "other.safetensors"
    save_file(load_file(path), other, {"kpcomplete": json.dumps(header)})
    with pytest.raises(ModelFileError, match=message):
        checkpoint.load(other)


def test_each_class_teaches_is_tested_and_calibrates():
    data = Given().load()
    split = Split.of(data, seed=3)
    groups = (split.teach, split.judge, split.test)
    assert [len(group) for group in groups] == [8, 4, 6]
    for group in groups:
        assert {int(name[2:]) % 2 for name in group} == {0, 1}
    assert Split.of(data, seed=4) != split == Split.of(data, seed=3)
    asked = Split.of(data, ["p_00", "p_01"], seed=3)
    assert asked.test == ["p_00", "p_01"]
    assert not {"p_00", "p_01"} & {*asked.teach, *asked.judge}
    with pytest.raises(SettingError, match="must be some of"):
        Split.of(data, ["nobody"])


def test_a_large_group_does_not_drown_a_small_one():
    network = checkpoint.load(checkpoint.shipped("completer")).build()
    head = passengers.Several(encoder=network, tasks={"t": ("a", "b")}, hidden=(), dropout=0.0)
    size = len(head.middle)
    features = torch.zeros(1000, size)
    group = (torch.arange(1000) >= 990).long()
    target = torch.arange(1000) % 2
    features[:, 0] = (target * 2 - 1).float() * torch.where(group == 1, -1.0, 0.05)
    fit_heads(head, features, {"t": target}, 150, group=group)
    right = head.decide(features)["t"].argmax(dim=1) == target
    assert right[group == 1].all()  # the few contradict the many, and are much louder
    fit_heads(head, features, {"t": torch.where(group == 1, NONE, target)}, 150, group=group)
    assert not (head.decide(features)["t"].argmax(dim=1) == target)[group == 1].any()


def test_only_sets_of_the_same_classes_are_pooled():
    one, two = Given(2).load(), Given(3, "q").load()
    both = LabelledSet.concatenate([one, two])
    assert both.poses.people == one.poses.people + two.poses.people
    assert len(both.targets["position"]) == 100
    with pytest.raises(SettingError, match="must have the same tasks"):
        LabelledSet.concatenate([one, replace(two, tasks=dict(two.tasks, occupant=("a", "b")))])


def test_a_head_learns_how_it_is_to_see_people(tmp_path):
    ahead = SimpleNamespace(load=lambda: replace(Given(72).load(), frontal=True))
    with pytest.raises(SettingError, match=r"data.frontal is False and teachers.frontal is True"):
        passengers.run(data=Given(), teachers=ahead, output=tmp_path / "a.safetensors")
    path = tmp_path / "b.safetensors"
    passengers.run(data=ahead, output=path, past=8, stride=8, rounds=2)
    assert checkpoint.load(path).build().frontal
    with pytest.raises(SettingError, match="all see people from ahead, or none"):
        LabelledSet.concatenate([Given().load(), ahead.load()])
    both = LabelledSet.concatenate([ahead.load(), ahead.load()])
    assert both.frontal
    assert both.select([0]).frontal
