"""Stacked networks are trained layer by layer, others are refused."""

import pytest
import torch

from kpcomplete.corruption.curriculum import Curriculum
from kpcomplete.corruption.parts import Parts
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.model.mlp import MLP
from kpcomplete.model.transformer import Transformer
from kpcomplete.objective.augment import Augment
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(33, 2, generator=generator)
    mixing = torch.randn(4, 66, generator=generator)  # four things move
    walks = torch.randn(6, 60, 4, generator=generator).cumsum(dim=1) * 0.1
    clips = list(100 * (places + 0.5 * (walks @ mixing).tanh().view(6, 60, 33, 2)))
    poses = PoseSet.from_clips(clips, people=["a"] * 6, views=["v"] * 6, fps=30.0)
    return Sampler(sets={"a": poses}, length=20)


def objective(data, model=None, corruption=None):
    torch.manual_seed(0)
    made = Reconstruct(
        model=model or MLP(widths=[32, 16, 8], noise=0.0),
        corruption=corruption or RandomJoints(ratio=0.3, seed=1),
        augment=Augment(seed=2),
    )
    made.prepare(data.draw(40, torch.Generator().manual_seed(0)))
    return made


def trainer(**changes):
    settings = {"steps": 60, "batch_size": 8, "learning_rate": 0.01, "warmup": 5, "average": 0.5,
                "report_every": 10, "pretraining": "greedy", "progress": False}  # fmt: skip
    return Trainer(**(settings | changes))


def values(module):
    return {name: p.detach().clone() for name, p in module.named_parameters()}


@pytest.mark.parametrize("tied", [False, True])
def test_each_stage_trains_its_own_layer_and_gets_better(data, tied):
    made = objective(data, MLP(widths=[32, 16, 8], noise=0.0, tied=tied))
    stages = made.stages()
    assert len(stages) == 3
    for layer, stage in enumerate(stages):
        before = values(made.network)
        done = trainer(pretraining=None).fit(stage, data)
        after = values(made.network)
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        own = {f"enter.{layer}.weight", f"enter.{layer}.bias", f"leave.{layer}.bias"}
        assert changed == (own if tied else own | {f"leave.{layer}.weight"})
        assert done.history[-1]["loss"] < 0.9 * done.history[0]["loss"]


def test_a_layer_reads_the_clean_codes_of_the_one_below(data, monkeypatch):
    made = objective(data)
    stage = made.stages()[1]
    stage.noise = 0.0
    read = []
    again = MLP.again
    monkeypatch.setattr(MLP, "again", lambda s, v, i: read.append(v) or again(s, v, i))
    stage.reseed(3)
    stage(data.draw(4, torch.Generator().manual_seed(1)))
    made.reseed(3)
    corrupted, clean = made.corrupt(data.draw(4, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(read[0], made.network.below(clean, 1))
    assert not torch.allclose(read[0], made.network.below(corrupted, 1))
    stage.noise = 0.5
    stage(data.draw(4, torch.Generator().manual_seed(1)))
    assert (read[1] == 0).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_the_lowest_layer_completes_poses(data, monkeypatch):
    made = objective(data)
    seen = []
    again = MLP.again
    monkeypatch.setattr(MLP, "again", lambda s, v, i: seen.append(v) or again(s, v, i))
    made.stages()[0](data.draw(8, torch.Generator().manual_seed(1)))
    given = seen[0][..., 66:]
    assert given.mean().item() == pytest.approx(0.7, abs=0.03)
    assert (seen[0][..., :66].unflatten(2, (33, 2))[given == 0] == 0).all()


def test_pretraining_takes_its_share_of_the_steps(data, monkeypatch):
    made = objective(data)
    steps = []
    monkeypatch.setattr(Reconstruct, "reseed", lambda self, step: steps.append(step))
    done = trainer(steps=100, pretraining_share=0.3).fit(made, data)
    assert done.step == 70
    assert len(steps) == 100


def test_pretraining_helps_a_deep_network_that_has_little_time(data):
    errors = []
    for pretraining in (None, "greedy"):
        made = objective(data, MLP(widths=[64, 48, 32, 24, 16, 8], noise=0.0))
        trainer(steps=150, pretraining=pretraining).fit(made, data)
        found = made.evaluate(
            data.draw(64, torch.Generator().manual_seed(5)), RandomJoints(ratio=0.3)
        )
        errors.append(found["offline_error"])
    assert errors[1] < 0.9 * errors[0]


def test_a_resumed_run_does_not_pretrain_again(data, tmp_path, monkeypatch):
    state = str(tmp_path / "run.safetensors")
    first = objective(data)
    trainer(state=state).fit(first, data)
    second = objective(data)
    count = []
    monkeypatch.setattr(Reconstruct, "reseed", lambda self, step: count.append(step))
    trainer(state=state, resume=True).fit(second, data)
    assert not count
    torch.testing.assert_close(values(first.network), values(second.network))


def test_only_stacked_networks_are_pretrained(data):
    made = objective(data, Transformer())
    with pytest.raises(
        SettingError, match=r"only stacked networks .* but got Transformer: set tra"
    ):
        trainer().fit(made, data)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pretraining": "lazy"}, "pretraining must be greedy or null, but got 'lazy'"),
        ({"devices": 2}, "runs on one device, .* but got devices=2"),
        ({"pretraining_share": 1.0}, "between 0 and 1, but got devices=1, pretraining_share=1.0"),
    ],
)
def test_settings_that_cannot_be(changes, text):
    with pytest.raises(SettingError, match=text):
        trainer(**changes)


def test_a_curriculum_follows_the_training_and_is_hard_when_judged(data):
    plan = Curriculum(
        choices=[Parts(parts=["hips"]), Parts(parts=["face"])],
        first=[1, 0], weights=[0, 1], until=1.0,
    )  # fmt: skip
    made = objective(data, corruption=plan)
    shares = []

    class Watching(Reconstruct):
        def corrupt(self, clean, corruption=None):
            found = super().corrupt(clean, corruption)
            lost = (~found[0].observed[:, 0, 0]).float().mean().item()
            shares.append((self.training, lost))
            return found

    made.__class__ = Watching
    validation = [data.draw(8, torch.Generator().manual_seed(1))]
    run = trainer(steps=30, batch_size=64, pretraining=None)
    run.fit(made, data, validation)
    training = [lost for is_training, lost in shares if is_training]
    assert training[0] == 0
    assert training[15] == pytest.approx(0.5, abs=0.2)
    assert training[-1] > 0.85
    assert {lost for is_training, lost in shares if not is_training} == {1.0}
