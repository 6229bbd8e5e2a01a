"""Heads: what they say, how they learn, and that they do so live."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_labels import TASKS
from test_pipeline import Given, Middle, Passing

from kpcomplete import classifying
from kpcomplete.archive import read_archive
from kpcomplete.batch import PoseBatch
from kpcomplete.classifying import train
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import NONE, LabelledBatch, LabelledSet
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.head import UNKNOWN, Head
from kpcomplete.head.figures import figures, scores
from kpcomplete.head.fitting import fit_trees, regress
from kpcomplete.head.learned import Learned
from kpcomplete.head.scaling import fitted, scale
from kpcomplete.head.several import Several
from kpcomplete.head.steady import Steady, switches_per_minute
from kpcomplete.model.mlp import MLP
from kpcomplete.objective.classify import Classify
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.pose import PoseSequence
from kpcomplete.sink.archive import Archive
from kpcomplete.skeleton import Skeleton
from kpcomplete.trainer import Trainer
from kpcomplete.training import write
from kpcomplete.window import Window

TRAINER = Trainer(
    steps=40, batch_size=32, learning_rate=5e-3, warmup=5, average=0.9, progress=False
)
PAST = 6


def material(people=4, length=90):
    """Return people who lift a hand while distracted, and whose size tells children."""
    draw = torch.Generator().manual_seed(1)
    body = torch.randn(33, 2, generator=torch.Generator().manual_seed(5))
    clips, attention, occupant = [], [], []
    for person in range(people):
        points = 200 + 60 * (body + 0.03 * torch.randn(length, 33, 2, generator=draw))
        distracted = (torch.arange(length) // 30) % 2
        points[distracted == 1, 15:17] -= torch.tensor([60.0, 120.0])
        points[:, 13:15] += 90.0 * (person % 2)
        clips.append(points)
        attention.append(distracted)
        occupant.append(torch.full((length,), person % 2))
    poses = PoseSet.from_clips(clips, people=[f"p{i}" for i in range(people)],
                               views=["mirror"] * people, fps=30.0)  # fmt: skip
    targets = {"attention": torch.cat(attention), "occupant": torch.cat(occupant)}
    return LabelledSet(poses=poses, tasks=TASKS, targets=targets)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    torch.manual_seed(0)
    network = MLP(widths=[32, 16])
    network.prepare(material().poses.windows(PAST, 1))
    network.support.fill_(1000)
    path = tmp_path_factory.mktemp("encoder") / "encoder.safetensors"
    write(path, network, {})
    return path


def head(encoder, **settings):
    made = Several(encoder=classifying.autoencoder(encoder), tasks=TASKS, past=PAST, **settings)
    made.standardise(made.features(material().windows(PAST, 3)))
    return made.eval()


WAYS = {
    "linear": {"hidden": []},
    "mlp": {"hidden": [16]},
    "scratch": {"hidden": [16], "scratch": True, "trained": "all"},
    "blocks": {"hidden": [16], "trained": ["enter.1"], "decay": 0.2},
    "layerwise": {"hidden": [16], "trained": "all", "decay": 0.1},
    "joint": {"hidden": [16], "trained": "all", "reconstruction": 0.1},
    "consistency": {"hidden": [16], "labelled": 0.5, "consistency": 1.0},
    "pca": {"hidden": [], "pca": 10},
    "raw": {"hidden": [16], "completed": False},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_learns_both_tasks(encoder, way):
    known, judges = material().split(["p2", "p3"])
    network, history = train(
        known, judges, trainer=TRAINER, encoder=encoder, way=WAYS[way], past=PAST, rounds=2,
        corruption=RandomJoints(ratio=0.1, seed=1), heavy=RandomJoints(ratio=0.3, seed=2),
    )  # fmt: skip
    found = figures(network, judges.windows(PAST, 3))
    assert found["attention"]["macro_f1"] > 0.9
    assert found["occupant"]["macro_f1"] > 0.9
    assert (len(history) == 0) == (way == "pca")
    assert not network.frontal


def test_a_head_is_to_see_people_as_those_it_learned_from(encoder):
    known, judges = (replace(part, frontal=True) for part in material().split(["p2", "p3"]))
    network, _ = train(known, judges, trainer=replace(TRAINER, steps=1), encoder=encoder,
                       way=WAYS["pca"], past=PAST, rounds=1)  # fmt: skip
    assert network.frontal


def test_only_what_should_learn_does(encoder):
    model = head(encoder)
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    objective = Classify(model=model, trained=["enter.1"], decay=0.5)
    rates = objective.rates()
    assert set(rates) == {"network.encoder.enter.1.weight", "network.encoder.enter.1.bias"}
    assert set(rates.values()) == {0.5}
    sampler = classifying.LabelledSampler(data=material(), length=PAST)
    replace(TRAINER, steps=3).fit(objective, sampler)
    after = model.encoder.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {"enter.1.weight", "enter.1.bias"}


def test_the_first_layers_learn_least(encoder):
    rates = Classify(model=head(encoder), trained="all", decay=0.1).rates()
    first, last = rates["network.encoder.enter.0.weight"], rates["network.encoder.leave.1.weight"]
    assert pytest.approx(min(rates.values())) == 0.1
    assert first < last < 1


def test_hidden_joints_cannot_be_seen_and_little_is_no_answer(encoder):
    model = head(encoder)
    batch = material().windows(PAST, 10)
    plain = PoseBatch.from_keypoints(batch.keypoints)
    hidden = torch.rand(plain.observed.shape, generator=torch.Generator().manual_seed(0)) < 0.4
    moved = PoseBatch.from_keypoints(batch.keypoints + 1e3 * hidden[..., None])
    for a, b in zip(
        model(plain.hide(hidden)).values(), model(moved.hide(hidden)).values(), strict=True
    ):
        torch.testing.assert_close(a, b)
    nobody = plain.hide(torch.ones_like(hidden))
    for values in model.probabilities(nobody).values():
        assert (values[:, -1] == 1).all()
        assert (values[:, :-1] == 0).all()
    for values in model.probabilities(plain).values():
        torch.testing.assert_close(values.sum(dim=1), torch.ones(len(values)))
        assert (values[:, -1] == 0).all()


def test_live_is_the_same_as_recorded(encoder, tmp_path):
    path = tmp_path / "head.safetensors"
    write(path, head(encoder), {"tasks": {}})
    made = Learned(weights=path)
    assert isinstance(made, Head)
    assert made.tasks["attention"] == ("normal", "distracted", UNKNOWN)
    points = material(people=1).poses.keypoints.numpy()
    poses = PoseSequence.observed(points, skeleton=Skeleton.load("blazepose33"), fps=30.0,
                                  image_size=(640, 480), person="driver")  # fmt: skip
    whole = made.watch()({"driver": poses})["driver"]
    assert whole["attention"].shape == (90, 3)
    watch = made.watch()
    parts = [watch({"driver": poses[a : a + n]})["driver"] for a, n in ((0, 1), (1, 10), (11, 79))]
    for task, values in whole.items():
        live = np.concatenate([part[task] for part in parts])
        np.testing.assert_allclose(live, values, atol=1e-5)


def test_an_autoencoder_is_no_head(encoder):
    with pytest.raises(ModelFileError, match="must hold a head"):
        Learned(weights=encoder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("os.path.Evil", "must name a network of kpcomplete"),
        ("kpcomplete.model.places.earlier", "must name a network, but"),
        ("kpcomplete.lifter.temporal.Temporal", "must be an autoencoder"),
        ("kpcomplete.model.mlp.Nothing", "does not exist"),
    ],
)
def test_encoders_are_autoencoders_and_nothing_else_is_called(name, text, monkeypatch):
    called = []
    monkeypatch.setattr("kpcomplete.model.places.earlier", lambda **_: called.append(name))
    with pytest.raises(ModelFileError, match=text):
        Several(encoder={"network": name, "arguments": {}}, tasks=TASKS)
    assert not called


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"trained": "tail"}, "no part 'tail'"), ({"consistency": 1.0}, "needs a heavier corruption")],
)
def test_settings_that_cannot_be(encoder, settings, text):
    with pytest.raises(SettingError, match=text):
        Classify(model=head(encoder), **settings)
    with pytest.raises(SettingError, match="at least two classes"):
        Several(encoder=classifying.autoencoder(encoder), tasks={"a": ["one"]})
    with pytest.raises(SettingError, match="linear head"):
        regress(head(encoder), material().windows(PAST, 9), 3)


def test_a_regression_needs_two_classes(encoder):
    batch = material().windows(PAST, 9)
    alike = LabelledBatch.of(batch, {t: torch.zeros_like(v) for t, v in batch.targets.items()})
    with pytest.raises(SettingError, match="attention needs labels of two classes at least, but 1"):
        regress(head(encoder, hidden=[]), alike, 3)


def test_temperature_makes_probabilities_true():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=draw)
    target = torch.multinomial(logits.softmax(dim=1), 1, generator=draw)[:, 0]
    assert fitted(4 * logits, target)[0] == pytest.approx(4, rel=0.1)


def test_classes_become_as_frequent_as_they_are(encoder):
    """Heads learn from all classes alike; people who calibrate say what is rare."""
    made = head(encoder)
    task, names = next(iter(made.tasks.items()))
    batch = material().windows(PAST, 3)
    target = torch.zeros(len(batch), dtype=torch.int64)
    target[: len(batch) // 8] = len(names) - 1
    others = {name: torch.full_like(target, NONE) for name in made.tasks}
    assert set(scale(made, made(batch), {**others, task: target})) == {f"{task}_temperature"}
    found = made.probabilities(batch)[task][:, :-1].mean(dim=0)
    expected = torch.bincount(target, minlength=len(names)) / len(target)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)


def test_scores_count_what_nobody_said_as_wrong():
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.0, 0.0], [0.3, 0.7]])
    found = scores(probability, np.array([0, 1, 1, NONE]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores(probability, np.full(4, NONE)) == {}


def test_decisions_do_not_flicker_and_their_delay_is_known():
    steady = Steady(["a", "b"], dwell=5, margin=0.1, average=4)
    certain = np.eye(2)[[0] * 30 + [1] * 40]
    found = steady(certain)
    assert int(found.argmax()) == 30 + steady.delay - 1
    flicker = np.eye(2)[np.random.default_rng(0).choice(2, 600, p=[0.75, 0.25])]
    calm = Steady(["a", "b"], dwell=15, margin=0.2, average=15)(flicker)
    assert switches_per_minute(calm, 30.0) == 0
    assert switches_per_minute(flicker.argmax(axis=1), 30.0) > 100
    one = Steady(["a", "b"], dwell=3, average=4)
    parts = np.concatenate([one(certain[:33]), one(certain[33:34]), one(certain[34:])])
    np.testing.assert_array_equal(parts, Steady(["a", "b"], dwell=3, average=4)(certain))
    with pytest.raises(SettingError, match="dwell >= 1"):
        Steady(["a"], dwell=0)


def test_a_rival_that_leads_by_less_than_the_margin_never_wins():
    close = np.tile([0.46, 0.54], (200, 1))
    close[0] = [0.9, 0.1]
    assert Steady(["a", "b"], dwell=3, margin=0.1, average=4)(close).max() == 0
    assert Steady(["a", "b"], dwell=3, margin=0.05, average=4)(close)[-1] == 1


def test_the_pipeline_classifies_and_the_archive_keeps_it(encoder, tmp_path, frames, info):
    path = tmp_path / "head.safetensors"
    write(path, head(encoder), {})
    made = Learned(weights=path)
    for window in (Window(past=0, hop=20, future=0), Window(past=3, hop=1, future=0)):
        pipeline = Pipeline(detector=Passing(), window=window, completer=Middle(), head=made)
        source = Given(frames=frames, info=info)
        archive = Archive(path=tmp_path / "a.parquet", source=source)
        assert run(pipeline, source, [archive]) == 20
        found = read_archive(tmp_path / "a.parquet")
        assert found.tasks["attention"] == ["normal", "distracted", UNKNOWN]
        values = found.classes["driver"]["attention"]
        assert values.shape == (20, 3)
        raw = found.raw["driver"]
        expected = made.watch()({"driver": raw.hide(raw.confidence < 0.5)})["driver"]
        np.testing.assert_allclose(values, expected["attention"], atol=1e-5)


def test_trees_expect_rare_classes_by_the_square_root_of_how_often_they_are_shown(encoder):
    made = head(encoder)
    torch.manual_seed(0)
    features = torch.randn(2000, len(made.middle))  # they tell nothing
    task = next(iter(made.tasks))
    target = (torch.arange(2000) < 100).long()
    fit_trees(made, features, {task: target}, rounds=3)
    told = made.decide(features)[task].softmax(dim=1).mean(dim=0)
    assert float(told[1]) == pytest.approx(1 / (1 + 19**0.5), abs=0.03)
    assert float(told[:2].sum()) == pytest.approx(1, abs=1e-3)
