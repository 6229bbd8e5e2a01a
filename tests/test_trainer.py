"""The training loop learns, stops, goes on, and says what is wrong."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from kpcomplete import rank
from kpcomplete.averaged import Averaged
from kpcomplete.batch import PoseBatch
from kpcomplete.data import PoseSet
from kpcomplete.errors import MissingDependencyError, ModelFileError, SettingError
from kpcomplete.objective import Objective
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer


class Net(nn.Module):
    def __init__(self, size=1):
        super().__init__()
        self.arguments = {"size": size}
        self.value = nn.Parameter(torch.zeros(size))
        self.drop = nn.Dropout(0.5)


class Guess(Objective):
    """Learns the mean of what it is shown, plus 3 that is drawn with noise."""

    def __init__(self, size=1, bad_at=None, stop_at=None):
        super().__init__()
        self.network = Net(size)
        self.bad_at, self.stop_at = bad_at, stop_at
        self.step = None

    def prepare(self, clean):
        pass

    def calibrate(self, clean):
        return {}

    def reseed(self, step):
        self.step = step % 1_000_003
        self.noise = torch.randn(1, generator=torch.Generator().manual_seed(step))

    def forward(self, clean):
        if self.training and self.step == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt
        target = clean.keypoints.mean() + 3 + 0.1 * self.noise + self.network.drop(self.noise)
        loss = (self.network.value - target).square().mean()
        return {"loss": loss * (math.nan if self.step == self.bad_at else 1), "error": loss}


@pytest.fixture
def data():
    keypoints = torch.randn(50, 33, 2, generator=torch.Generator().manual_seed(0))
    poses = PoseSet.from_clips([keypoints], people=["a"], views=["front"], fps=30.0)
    return Sampler(sets={"a": poses}, length=8)


def trainer(**changes):
    settings = {"steps": 40, "batch_size": 4, "learning_rate": 0.3, "warmup": 5, "average": 0.5,
                "report_every": 10, "progress": False}  # fmt: skip
    return Trainer(**(settings | changes))


def test_learns_and_reports(data):
    objective = Guess()
    validation = [data.draw(4, torch.Generator().manual_seed(1)) for _ in range(2)]
    done = trainer().fit(objective, data, validation)
    assert done.step == 40
    assert [entry["step"] for entry in done.history] == [10, 20, 30, 40]
    assert objective.network.value.item() == pytest.approx(3, abs=0.6)
    losses = [entry["validation_loss"] for entry in done.history]
    assert losses[-1] < losses[0]
    assert not objective.training


def test_the_same_seed_gives_the_same_weights(data):
    one, two, other = Guess(), Guess(), Guess()
    trainer().fit(one, data)
    torch.rand(7)  # what else is drawn in the process does not matter
    trainer().fit(two, data)
    trainer(seed=1).fit(other, data)
    assert torch.equal(one.network.value, two.network.value)
    assert not torch.equal(one.network.value, other.network.value)


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(data, tmp_path):
    whole, parts = Guess(), Guess(stop_at=23)
    state = str(tmp_path / "run.safetensors")
    trainer().fit(whole, data)
    with pytest.raises(KeyboardInterrupt):
        trainer(state=state).fit(parts, data)
    again = Guess()
    done = trainer(state=state, resume=True).fit(again, data)
    assert torch.equal(whole.network.value, again.network.value)
    assert [entry["step"] for entry in done.history] == [10, 20, 30, 40]
    assert [f.name for f in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_finished_run_is_not_run_again(data, tmp_path):
    state = str(tmp_path / "run.safetensors")
    first, second = Guess(), Guess()
    trainer(state=state).fit(first, data)
    done = trainer(state=state, resume=True).fit(second, data)
    assert done.step == 40
    assert torch.equal(first.network.value, second.network.value)


def test_resuming_without_a_state_starts(data, tmp_path):
    state = str(tmp_path / "run.safetensors")
    assert trainer(state=state, resume=True).fit(Guess(), data).step == 40


def test_refuses_to_go_on_with_another_network(data, tmp_path):
    state = str(tmp_path / "run.safetensors")
    trainer(state=state).fit(Guess(), data)
    with pytest.raises(ModelFileError, match=r"run\.safetensors must hold an unfinished run of"):
        trainer(state=state, resume=True).fit(Guess(size=2), data)


def test_a_loss_that_is_nan_names_its_step(data):
    with pytest.raises(FloatingPointError, match="the loss of step 12 is not finite"):
        trainer().fit(Guess(bad_at=12), data)


def test_where_nobody_waits_a_loss_that_is_nan_is_found_at_the_next_report(data, monkeypatch):
    monkeypatch.setattr("kpcomplete.stepping._waits", lambda device: False)  # as on a GPU
    with pytest.raises(FloatingPointError, match="the loss of step 19 or one before is not finite"):
        trainer(report_every=10).fit(Guess(bad_at=12), data)


def test_a_spoilt_run_that_ends_by_the_clock_is_told(data, monkeypatch):
    monkeypatch.setattr("kpcomplete.stepping._waits", lambda device: False)
    endless = trainer(steps=10**9, minutes=0.003, report_every=10**9)
    with pytest.raises(FloatingPointError):
        endless.fit(Guess(bad_at=3), data)


def test_a_state_of_a_spoilt_run_is_not_kept(data, tmp_path, monkeypatch):
    monkeypatch.setattr("kpcomplete.stepping._waits", lambda device: False)
    state = tmp_path / "run.safetensors"
    with pytest.raises(FloatingPointError, match="step 14 or one before"):
        trainer(report_every=40, save_every=15, state=str(state)).fit(Guess(bad_at=12), data)
    assert not state.exists()


def test_stops_after_minutes(data):
    done = trainer(steps=10**9, minutes=0.01).fit(Guess(), data)
    assert done.seconds == pytest.approx(0.6, abs=0.5)
    assert done.step < 10**6


def test_the_learning_rate_warms_up_and_fades_out():
    plan = trainer(steps=100, warmup=10, learning_rate=1.0)
    rates = [plan.rate(step, 0.0) for step in range(101)]
    assert rates[0] < 0.11
    assert max(rates) == max(rates[8:12])
    assert rates[55] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.55)))
    assert rates[100] == 0
    assert replace(plan, minutes=1.0).rate(0, 60.0) == 0


def test_says_when_tensorboard_is_missing(data, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install kpcomplete\[tensorboard\]"):
        trainer(tensorboard=str(tmp_path)).fit(Guess(), data)


def poses(value, clips=1, length=20, fps=30.0):
    keypoints = [torch.full((length, 33, 2), float(value)) for _ in range(clips)]
    names = [f"p{value}"] * clips
    return PoseSet.from_clips(keypoints, people=names, views=["v"] * clips, fps=fps)


def test_windows_are_drawn_by_share():
    sampler = Sampler(
        sets={"large": poses(1, clips=9), "small": poses(2)},
        shares={"large": 1, "small": 3},
        length=5,
    )
    batch = sampler.draw(2000, torch.Generator().manual_seed(0))
    assert isinstance(batch, PoseBatch)
    assert batch.keypoints.shape == (2000, 5, 33, 2)
    assert (batch.keypoints[:, 0, 0, 0] == 2).float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_windows_are_told_apart_by_set_and_view():
    both = PoseSet.concatenate([poses(2), replace(poses(1), views=("u",))])
    sampler = Sampler(sets={"a": poses(0), "b": both}, length=5)
    batch, groups = sampler.grouped(50, torch.Generator().manual_seed(0))
    assert torch.equal(batch.keypoints[:, 0, 0, 0], groups.float())
    assert set(groups.tolist()) == {0, 1, 2}
    same = sampler.draw(50, torch.Generator().manual_seed(0))
    assert torch.equal(same.keypoints, batch.keypoints)


def test_windows_are_drawn_by_frames_without_shares():
    sampler = Sampler(sets={"large": poses(1, clips=9), "small": poses(2)}, length=5)
    batch = sampler.draw(2000, torch.Generator().manual_seed(0))
    assert (batch.keypoints[:, 0, 0, 0] == 2).float().mean().item() == pytest.approx(0.1, abs=0.03)


def test_windows_stay_within_a_clip_and_may_skip_frames():
    first = torch.arange(20.0)[:, None, None].expand(20, 33, 2)
    both = PoseSet.from_clips([first, first + 100], people=["a", "b"], views=["v", "v"], fps=30.0)
    sampler = Sampler(sets={"a": both}, length=6, steps=[1, 3])
    found = set()
    for seed in range(20):
        batch = sampler.draw(50, torch.Generator().manual_seed(seed))
        steps = batch.keypoints[:, :, 0, 0].diff(dim=1)
        (step,) = steps.unique().tolist()
        found.add(step)
        torch.testing.assert_close(batch.times[0].diff(), torch.full((5,), step / 30))
    assert found == {1.0, 3.0}


def test_short_clips_are_learned_from_in_shorter_windows():
    both = PoseSet.concatenate([poses(1), poses(2, length=7)])
    sampler = Sampler(sets={"a": both}, length=20, shorter=[5], moving=0.5)
    found = {20: set(), 5: set()}
    for seed in range(40):
        batch = sampler.draw(3, torch.Generator().manual_seed(seed))
        length = batch.times.shape[1]
        assert len(batch) == 3 * 20 // length
        found[length] |= set(batch.keypoints[:, 0, 0, 0].tolist())
    assert found == {20: {1.0}, 5: {1.0, 2.0}}


def test_refuses_windows_that_fit_nowhere():
    with pytest.raises(SettingError, match=r"windows fit in no clip of \[\('a', 21, 1\)\]"):
        Sampler(sets={"a": poses(1)}, length=21)
    with pytest.raises(SettingError, match=r"windows fit in no clip of \[\('a', 21, 1\)\]"):
        Sampler(sets={"a": poses(1)}, length=5, shorter=[21])
    with pytest.raises(SettingError, match=r"shares must name the sets \['a'\], but name \['b'\]"):
        Sampler(sets={"a": poses(1)}, shares={"b": 1.0})


def test_a_gpu_is_used_where_there_is_one(monkeypatch):
    assert rank.device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert rank.device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert rank.device("auto") == torch.device("cuda", 1)


def test_averages_are_lent_and_taken_back():
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
        averaged = Averaged(network, keep=0.5)
        network.weight.fill_(1.0)
    averaged.add(step=100)
    with averaged.lent():
        assert network.weight.item() == pytest.approx(0.5)
    assert network.weight.item() == 1.0
    averaged.settle()
    assert network.weight.item() == pytest.approx(0.5)
