"""One run from data to a model that completes, and the config that describes it."""

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from kpcomplete import checkpoint, training
from kpcomplete.batch import PoseBatch
from kpcomplete.completer import fitting
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.model.mlp import MLP
from kpcomplete.model.temporal import Temporal
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.trainer import Trainer


class Walkers:
    """Three people who wander about; a fourth joint of one of them is never seen."""

    def __init__(self, prefix):
        self.prefix = prefix

    def load(self):
        generator = torch.Generator().manual_seed(0)
        places = torch.randn(33, 2, generator=generator)
        walks = torch.randn(3, 70, 33, 2, generator=generator).cumsum(dim=1) * 0.03
        return PoseSet.from_clips(
            list(100 * (places + walks)),
            people=[f"{self.prefix}{i}" for i in range(3)],
            views=["front"] * 3,
            fps=30.0,
        )


def arguments(tmp_path, **changes):
    torch.manual_seed(0)
    settings = {
        "objective": Reconstruct(
            model=MLP(widths=[32, 8]), corruption=RandomJoints(ratio=0.3, seed=1)
        ),
        "data": {"one": Walkers("a"), "two": Walkers("b")},
        "shares": {"one": 3.0, "two": 1.0},
        "held_out": ["a1"],
        "trainer": Trainer(steps=30, batch_size=8, report_every=15, progress=False),
        "trials": {"random": RandomJoints(ratio=0.3)},
        "length": 20,
        "windows": 40,
        "output": tmp_path / "model.safetensors",
        "provenance": {"command": "a test"},
    }
    return settings | changes


def test_a_run_leaves_a_model_that_completes_and_says_where_it_is_from(tmp_path):
    record = training.run(**arguments(tmp_path))
    found = checkpoint.load(tmp_path / "model.safetensors")
    assert dict(found.metadata.provenance) == record
    assert record["data"] == {"one": ["a0", "a2"], "two": ["b0", "b1", "b2"]}
    assert record["held_out"] == ["a1"]
    assert record["command"] == "a test"
    assert record["steps"] == 30
    assert record["history"][-1]["validation_error"] < record["history"][0]["validation_error"]
    assert record["metrics"]["one"]["random"]["offline_coverage"] == pytest.approx(0.9, abs=0.05)
    assert found.tensors["enter.0.weight"].dtype == torch.float16
    assert found.tensors["support"].dtype == torch.float32
    completer = AutoencoderCompleter(weights=tmp_path / "model.safetensors")
    keypoints = torch.randn(1, 5, 33, 2)
    keypoints[:, :, 7] = torch.nan
    out = completer(PoseBatch.from_keypoints(keypoints))
    assert out.observed.all()


def test_excluded_people_are_measured_and_nothing_else(tmp_path):
    record = training.run(**arguments(tmp_path, excluded=["a0", "b2"]))
    assert record["data"] == {"one": ["a2"], "two": ["b0", "b1"]}
    assert record["excluded"] == ["a0", "b2"]
    assert set(record["metrics"]) == {"one", "two"}
    without = training.run(**arguments(tmp_path, excluded=["b2"]))
    assert record["metrics"]["two"] != without["metrics"]["two"]  # other training, same person
    assert set(without["metrics"]) == {"one", "two"}


@pytest.mark.parametrize(("foremost", "counts"), [([], [0, 1]), (["two"], [1]), (["other"], [])])
def test_who_counts_where_regions_are_scaled(tmp_path, monkeypatch, foremost, counts):
    asked = []
    monkeypatch.setattr(Reconstruct, "calibrate", lambda *args: asked.append(args[2:]) or {})
    settings = arguments(tmp_path, foremost=foremost, held_out=["a1", "b1"], quick=True)
    assert training.run(**settings)["foremost"] == foremost
    ((cameras, counted),) = asked
    assert set(cameras.tolist()) == {0, 1}
    assert set(cameras[counted].tolist()) == set(counts)
    assert torch.equal(counted, torch.isin(cameras, torch.tensor(counts)))


def test_a_quick_run_is_quick(tmp_path):
    trainer = Trainer(steps=10**9, progress=False)
    record = training.run(**arguments(tmp_path, quick=True, trainer=trainer))
    assert record["steps"] == 10


@pytest.mark.parametrize("held_out", [[], ["nobody"], ["a1", "nobody"]])
def test_somebody_must_be_held_out(tmp_path, held_out):
    with pytest.raises(SettingError, match=r"held_out must name some of a0, .*, b2, but names"):
        training.run(**arguments(tmp_path, held_out=held_out))
    assert list(tmp_path.iterdir()) == []


def test_only_the_temporal_network_takes_a_prior(tmp_path):
    with pytest.raises(SettingError, match="starts from a prior, but got MLP: set prior=null"):
        training.run(**arguments(tmp_path, prior=tmp_path / "gaussian.safetensors"))


def test_gaussians_know_who_calibrates_only_when_that_is_done(tmp_path, monkeypatch):
    fitted, calibrated = [], []

    def fit(sets, *, seed=0):
        fitted.append({person for poses in sets.values() for person in poses.people})
        made = fitting.fit_gaussian(sets, seed=seed)
        return made | {"mean": torch.full_like(made["mean"], len(fitted))}  # tells them apart

    def calibrate(objective, *_):
        calibrated.append(float(objective.network.middle[0, 0]))
        return {}

    monkeypatch.setattr(training, "fit_gaussian", fit)
    monkeypatch.setattr(Reconstruct, "calibrate", calibrate)
    objective = Reconstruct(
        model=Temporal(width=8, dilations=[1], codes=4), corruption=RandomJoints(ratio=0.3, seed=1)
    )
    settings = arguments(tmp_path, objective=objective, prior="fitted", quick=True, trials=None)
    record = training.run(**settings, excluded=["b2"])
    seen = {"a0", "a2", "b0", "b1"}
    assert fitted == [seen, seen | {"a1"}]
    assert calibrated == [1.0]
    assert record["prior"] == {"people": sorted(seen | {"a1"})}
    made = checkpoint.load(tmp_path / "model.safetensors").build()
    assert (made.middle == 2).all()


def test_a_split_is_by_person():
    sets = {"one": Walkers("a").load(), "two": Walkers("b").load()}
    seen, unseen = training.split(sets, ["a0", "a2", "b1"])
    assert {name: s.people for name, s in seen.items()} == {"one": ("a1",), "two": ("b0", "b2")}
    assert {name: s.people for name, s in unseen.items()} == {"one": ("a0", "a2"), "two": ("b1",)}


@pytest.fixture
def config():
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        yield lambda *overrides: compose("train", overrides=list(overrides))


@pytest.mark.parametrize("model", ["temporal", "mlp", "linear"])
def test_the_experiment_builds_what_is_learned(config, model):
    cfg = config("experiment=completer", f"model={model}", "trainer.steps=7")
    assert cfg.task._target_ == "kpcomplete.training.run"
    objective = instantiate(cfg.task.objective, _convert_="all")
    assert isinstance(objective, Reconstruct)
    assert type(objective.network).__name__.lower() == model
    assert instantiate(cfg.task.trainer, _convert_="all").steps == 7
    trials = instantiate(cfg.task.trials, _convert_="all")
    assert set(cfg.task.shares) == set(cfg.task.data) == {"sktdd", "ue_adl", "cmu", "simulated"}
    assert len(trials) >= 8


def test_gaussians_are_those_of_the_classical_completer(monkeypatch):
    monkeypatch.setattr(fitting, "fit_motion", lambda _: {})  # wants more clips
    sets = {"one": Walkers("a").load()}
    whole, alone = fitting.fit(sets, moving=["one"])["gaussian"], fitting.fit_gaussian(sets)
    assert whole.keys() == alone.keys()
    for name, values in whole.items():
        torch.testing.assert_close(alone[name], values)


@pytest.mark.parametrize(("most", "clips"), [(1, 1), (2, 2), (9, 3)])
def test_of_many_clips_some_are_enough_to_fit_gaussians(monkeypatch, most, clips):
    monkeypatch.setattr(fitting, "_WINDOWS", most)
    poses = Walkers("a").load().select([0, 1, 2])
    poses = PoseSet.from_clips(
        [poses.keypoints[70 * i : 70 * i + 64] for i in range(3)],
        people=list(poses.people), views=list(poses.views), fps=poses.fps,
    )  # fmt: skip
    assert len(fitting._windows(poses, torch.Generator().manual_seed(0))) == clips


def test_of_one_long_clip_all_is_used_to_fit_gaussians(monkeypatch):
    monkeypatch.setattr(fitting, "_WINDOWS", 1)
    walk = torch.randn(140, 33, 2, generator=torch.Generator().manual_seed(0))
    poses = PoseSet.from_clips([walk], people=["a"], views=["front"], fps=30.0)
    assert len(fitting._windows(poses, torch.Generator().manual_seed(0))) == 2
