"""Who does the work: every executor does all tasks, whatever happens to its workers."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from fake_work import Make

from kpcomplete.backlog import Backlog, Task
from kpcomplete.errors import MissingDependencyError, OutputError, SettingError, WorkerError
from kpcomplete.executor.local import Local
from kpcomplete.executor.serial import Serial
from kpcomplete.manifest import Manifest
from kpcomplete.process import Process


def tasks(*names):
    return [Task(recording=name, stem=name) for name in names]


def process(folder, executor, *names, **settings):
    settings = {"make": Make(folder), "outputs": {}, "output_dir": folder} | settings
    job = Process(executor=executor, **settings)
    entries = job(list(names))
    return {e.source: (e.status, e.attempts) for e in entries}


def tries(folder, name):
    return len((folder / f"{name}.tries").read_text().splitlines())


def test_one_after_the_other(tmp_path):
    assert process(tmp_path, Serial(), "a", "failed", "failed_once", "b", retries=1) == {
        "a": ("done", 1), "failed": ("failed", 2), "failed_once": ("done", 2), "b": ("done", 1)
    }  # fmt: skip


def test_a_pool_survives_what_its_workers_do_not(tmp_path):
    found = process(
        tmp_path, Local(workers=2, timeout=2.0), "a", "killed", "hung_once", "killed_once", "b",
        "failed", "c", retries=1,
    )  # fmt: skip
    assert found == {
        "a": ("done", 1), "killed": ("quarantined", 2), "hung_once": ("done", 2),
        "killed_once": ("done", 2), "b": ("done", 1), "failed": ("failed", 2), "c": ("done", 1),
    }  # fmt: skip
    entry = Manifest(tmp_path).entries["killed"]
    assert entry.error == "killed: its worker died (SIGKILL), 2 of 2 times"
    assert not list(tmp_path.glob(".*.part-*"))  # what they left half-written is gone
    # a second run redoes what failed, and only that
    before = {name: tries(tmp_path, name) for name in found}
    again = process(tmp_path, Local(workers=1), *found, retries=0)
    assert again["killed"] == ("quarantined", 2)
    after = {name: tries(tmp_path, name) for name in found}
    assert {name for name in found if after[name] > before[name]} == {"failed"}


def test_workers_have_cores_of_their_own(tmp_path):
    cores = sorted(os.sched_getaffinity(0))
    names = [f"a{i}" for i in range(4)]
    process(tmp_path, Local(workers=1), *names[:2])
    seen = {line for n in names[:2] for line in (tmp_path / f"{n}.tries").read_text().splitlines()}
    assert len(seen) == 1  # one process, with its models, for all
    assert seen.pop().endswith(f"{{{cores[0]}}}")
    process(tmp_path, Local(workers=1, cores=None), *names[2:])
    assert (tmp_path / "a3.tries").read_text().strip().endswith(str(set(cores)))


@pytest.mark.parametrize(
    ("unable", "error", "text"),
    [("said", SettingError, "no such seat"), ("died", WorkerError, "exit 3.*3 times in a row")],
)
def test_workers_that_cannot_be_made(tmp_path, unable, error, text):
    with pytest.raises(error, match=text):
        list(Local(workers=1)(Make(tmp_path, unable), Backlog(tasks("a", "b"), 2)))
    assert not list(tmp_path.glob("*.tries"))


def test_outputs_that_cannot_be_written_end_the_batch(tmp_path):
    with pytest.raises(OutputError, match="disk full"):
        process(tmp_path, Local(workers=1), "a", "full", "b", "c")
    assert Manifest(tmp_path).entries["a"].status == "done"
    assert not (tmp_path / "c.tries").exists()


@pytest.mark.parametrize(
    "settings", [{"workers": 0}, {"workers": "many"}, {"cores": 0}, {"timeout": 0}]
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        Local(**settings)


def test_nobody_stops_what_hangs_in_this_process():
    with pytest.raises(SettingError, match="executor=local"):
        Serial(timeout=3.0)


def test_retries_cannot_be_negative(tmp_path):
    with pytest.raises(SettingError, match="retries must be at least 0"):
        Process(make=Make(tmp_path), outputs={}, output_dir=tmp_path, retries=-1)


def test_without_ray_it_says_how_to_get_it(monkeypatch):
    from kpcomplete.executor.ray import Ray

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"kpcomplete\[ray\]"):
        Ray()


def is_alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_go_with_their_parent(tmp_path, number):
    code = textwrap.dedent(
        f"""
        from pathlib import Path
        from fake_work import Make
        from kpcomplete.executor.local import Local
        from kpcomplete.process import Process
        if __name__ == "__main__":
            folder = Path({str(tmp_path)!r})
            job = Process(make=Make(folder), executor=Local(workers=1), outputs={{}},
                          output_dir=folder)
            job(["a", "hung"])
        """
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.DEVNULL
    )
    hung = tmp_path / "hung.tries"
    until(lambda: hung.exists() and hung.read_text())
    worker = int(hung.read_text().split()[0])
    parent.send_signal(number)
    parent.wait(timeout=120)
    until(lambda: not is_alive(worker))
    found = {e.source: e.status for e in Manifest(tmp_path).entries.values()}
    assert found == {"a": "done", "hung": "running"}
    hung.rename(tmp_path / "hung_before")
    assert Manifest(tmp_path).is_finished("a", [])
    assert not Manifest(tmp_path).is_finished("hung", [])
