"""The benchmarks of speed: what they time, and that their configs run."""

import time

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from omegaconf import OmegaConf
from test_streaming import completer, network

from kpcomplete.benchmark import kernels, streaming, training
from kpcomplete.completer.interpolate import Interpolate
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import SettingError


def parts(name):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        task = compose(f"benchmark/{name}").task
        OmegaConf.set_struct(task, False)
        task.pop("provenance", None)  # names what was typed
        if name == "streaming":
            del task.live, task.completer  # no need of trained ones
        return instantiate(task, _convert_="all", _partial_=True)


def test_live_frames_and_windows_are_timed(capsys):
    found = parts("streaming")(
        live=completer(network()), completer=completer(network(), causal=False), quick=True,
        frames=160, windows=20,
    )  # fmt: skip
    assert set(found) == {"p50_ms", "p99_ms", "batch_fps"}
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert found["batch_fps"] > 0
    printed = capsys.readouterr().out
    whole = float(printed.split("instead: ")[1].split(" ms")[0])
    assert whole > found["p50_ms"]  # else there is no need of streaming


def test_what_cannot_stream_is_refused():
    with pytest.raises(SettingError, match="Interpolate has no live form: set live"):
        parts("streaming")(live=Interpolate(), completer=Interpolate(), quick=True)


def test_every_frame_is_timed_once():
    shown = streaming.people(2, RandomJoints(ratio=0.3), 0)
    assert shown.observed.shape == (2, 150, 33)
    assert 0.6 < shown.observed.float().mean() < 0.8
    taken = streaming._step_by_step(completer(network()), shown, 200)
    assert len(taken) == 200
    assert (taken > 0).all()
    assert len(streaming._in_the_pipeline(completer(network()), shown, 200)) == 200
    before = torch.get_num_threads()
    with streaming.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_training_is_timed_and_the_whole_recipe_reckoned_up(monkeypatch):
    monkeypatch.delattr("kpcomplete.objective.choosing.Choosing.forward")  # is not timed
    run = parts("training")
    trainer = run.keywords["trainer"]
    found = run(quick=True, steps=24)
    steps_per_s = found["frames_per_s"] / trainer.batch_size / run.keywords["length"]
    assert found["minutes"] == pytest.approx(trainer.steps / steps_per_s / 60)
    assert np.isfinite(found["minutes"])
    assert found["device"] == "cpu"
    assert 0.3 < found["kernel_share"] <= 1


def test_time_outside_of_kernels_and_operations_are_counted():
    one, cpu = torch.randn(300, 300), torch.device("cpu")

    def half() -> None:
        begun = time.perf_counter()
        while time.perf_counter() - begun < 0.02:
            one @ one
        time.sleep(time.perf_counter() - begun)

    assert 0.2 < kernels.share_inside(half, cpu) < 0.6
    assert kernels.operations(lambda: one @ one) == 2 * 300**3
    assert kernels.ceiling(cpu, rounds=1) > 1e8


def test_made_up_people_differ():
    made = training._made_up(["a", "b"], 0)
    assert set(made) == {"a", "b"}
    first, second = (s.keypoints[:100] for s in made.values())
    assert (first - second).abs().mean() > 1
