"""Several processes learn what one does, and one that dies ends them all."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from test_trainer import Guess

from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer
from kpcomplete.training import write

HERE = Path(__file__).parent
STEPS = 12
PRELOAD = ["kpcomplete.training", "torch._dynamo", "pytest"]  # what costs seconds, once


def material():
    keypoints = torch.randn(50, 33, 2, generator=torch.Generator().manual_seed(0))
    poses = PoseSet.from_clips([keypoints], people=["a"], views=["front"], fps=30.0)
    return Sampler(sets={"a": poses}, length=8)


def train(folder, die_at=None, stop_at=None, **changes):
    """Train, and write the network and the history of the first process."""
    settings = {"steps": STEPS, "batch_size": 4, "learning_rate": 0.3, "warmup": 5, "average": 0.5,
                "report_every": 3, "save_every": 4, "progress": False, "resume": True,
                "state": str(folder / "state.safetensors")}  # fmt: skip
    objective, last, data = Guess(), Guess(), material()
    last.network = objective.network
    objective.finishing = lambda: [last]
    first = int(os.environ.get("RANK", 0)) == 0
    if die_at is not None or stop_at is not None:
        step = objective.advance

        def advance(share):
            if die_at is not None and not first and share * STEPS >= die_at - 0.5:
                os.kill(os.getpid(), signal.SIGKILL)
            if stop_at is not None and not first and share * STEPS >= stop_at - 0.5:
                os.kill(os.getpid(), signal.SIGTERM)
            step(share)

        objective.advance = advance
    validation = [data.draw(4, torch.Generator().manual_seed(1))]
    done = Trainer(**(settings | changes)).fit(objective, data, validation)
    for entry in done.history:
        entry.pop("seconds")
    write(folder / "done.safetensors", objective.network, {"history": done.history})


def child(number, count, port, folder, changes):
    folder.mkdir(parents=True, exist_ok=True)
    os.dup2(os.open(folder / f"{number}.log", os.O_CREAT | os.O_WRONLY), 2)
    os.environ |= {
        "RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_WORLD_SIZE": str(count),
        "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_USE_AGENT_STORE": "False",
    }  # fmt: skip
    torch.set_num_threads(1)
    train(folder, **changes)


@pytest.fixture(scope="module")
def start():
    """Start processes as torchrun does, and return their exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)

    def run(folder, count, **changes):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        processes = [
            context.Process(target=child, args=(i, count, port, folder, changes))
            for i in range(count)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
            assert process.exitcode is not None, "a process hangs"
        return [process.exitcode for process in processes]

    return run


def result(folder):
    return (folder / "done.safetensors").read_bytes()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of one process with the same windows a step."""
    folder = tmp_path_factory.mktemp("alone")
    train(folder, accumulate=2)
    return folder


def test_two_processes_learn_what_one_does(alone, start, tmp_path):
    assert start(tmp_path, 2, devices=2) == [0, 0], (tmp_path / "0.log").read_text()
    assert result(tmp_path) == result(alone)


def test_two_processes_finish_as_one_does(alone, start, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    train(one, accumulate=2, finishing=5)
    assert result(one) != result(alone)
    assert start(two, 2, devices=2, finishing=5) == [0, 0], (two / "0.log").read_text()
    assert result(two) == result(one)


def test_a_killed_process_ends_the_other_and_all_goes_on_later(alone, start, tmp_path):
    codes = start(tmp_path, 2, devices=2, die_at=6)
    assert codes[1] == -signal.SIGKILL
    assert codes[0] not in (0, None)
    assert not (tmp_path / "done.safetensors").exists()
    assert (tmp_path / "state.safetensors").exists()
    assert start(tmp_path, 2, devices=2) == [0, 0]
    assert result(tmp_path) == result(alone)


def test_one_that_is_asked_to_stop_stops_all_between_two_steps(alone, start, tmp_path):
    assert start(tmp_path, 2, devices=2, stop_at=6, save_every=1000) == [1, 1]
    assert "KeyboardInterrupt" in (tmp_path / "0.log").read_text()
    train(tmp_path, accumulate=2)  # one goes on with what two began
    assert result(tmp_path) == result(alone)


def test_minutes_are_those_of_the_first_process(start, tmp_path):
    assert start(tmp_path, 2, devices=2, steps=10**6, minutes=0.005) == [0, 0]


@pytest.mark.slow
def test_torchrun(alone, tmp_path):
    program = f"from pathlib import Path; import test_ddp; test_ddp.train(Path({str(tmp_path)!r})"
    (tmp_path / "one.py").write_text(f"{program}, devices=2)")
    (tmp_path / "dies.py").write_text(f"{program}, devices=2, die_at=6)")

    def run(name):
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
        return subprocess.run(
            [*torchrun, "--standalone", tmp_path / name], capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    started = time.monotonic()
    assert run("dies.py").returncode != 0
    assert time.monotonic() - started < 120
    done = run("one.py")
    assert done.returncode == 0, done.stderr
    assert result(tmp_path) == result(alone)


def test_processes_that_nothing_started_are_asked_for(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["kpcomplete train"])
    with pytest.raises(SettingError, match="must be started by torchrun"):
        Trainer(steps=1, devices=2, progress=False).fit(Guess(), material())


def test_as_many_processes_as_devices(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    with pytest.raises(SettingError, match="torchrun started 2 processes, but devices=1"):
        Trainer(steps=1, progress=False).fit(Guess(), material())
