"""Ray as the executor, on this machine and on a cluster of two nodes of which one is lost."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_work import Make
from test_executor import process, until

from kpcomplete.backlog import Backlog, Outcome, Task
from kpcomplete.errors import SettingError, WorkerError
from kpcomplete.executor.ray import Ray

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves pipes and logs open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(autouse=True)
def there():
    """Ray's workers must find the fakes; whatever a test left running ends."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install kpcomplete[ray]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield
    ray.shutdown()


def test_it_does_what_the_pool_does(tmp_path):
    found = process(
        tmp_path, Ray(workers=2, timeout=5.0), "a", "killed", "hung_once", "b", "failed_once",
        retries=1,
    )  # fmt: skip
    assert found == {
        "a": ("done", 1), "killed": ("quarantined", 2), "hung_once": ("done", 2),
        "b": ("done", 1), "failed_once": ("done", 2),
    }  # fmt: skip
    assert not list(tmp_path.glob(".*.part-*"))


def test_a_wrong_setting_ends_it(tmp_path):
    with pytest.raises(SettingError, match="no such seat"):
        process(tmp_path, Ray(workers=1), "a", retries=0, make=Make(tmp_path, "said"))


def test_a_cluster_that_is_not_there():
    with pytest.raises(WorkerError, match=r"no Ray cluster at 127\.0\.0\.1:9"):
        list(Ray(address="127.0.0.1:9")(None, Backlog([Task(recording="a", stem="a")], 0)))


@dataclass(frozen=True)
class Waiting:
    """Work that goes on until a file is there; for ever on a node that was lost before."""

    folder: Path

    def __call__(self):
        return self.work

    def work(self, task: Task) -> Outcome:
        with open(self.folder / f"{task.recording}.tries", "a") as file:
            file.write("begun\n")
        node = os.getppid()  # a worker may outlive its node for a while
        until(lambda: (self.folder / "go").exists() and os.getppid() == node, 300)
        return Outcome(status="done", frames=1)


def test_a_cluster_loses_a_node_and_finishes_all(tmp_path, caplog):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    names = [f"w{i}" for i in range(6)]

    def begun():
        return [n for n in names if (tmp_path / f"{n}.tries").exists()]

    def sabotage():
        until(lambda: len(begun()) == 2, 300)
        cluster.remove_node(nodes[1], allow_graceful=False)
        (tmp_path / "go").touch()

    saboteur = threading.Thread(target=sabotage)
    saboteur.start()
    try:
        backlog = Backlog([Task(recording=n, stem=n) for n in names], 0)
        executor = Ray(workers=2, address=cluster.address)
        done = {f.task.recording: f for f in executor(Waiting(tmp_path), backlog)}
    finally:
        saboteur.join()
        cluster.shutdown()
    assert {name: (f.outcome.status, f.attempts) for name, f in done.items()} == dict.fromkeys(
        names, ("done", 1)
    )
    assert "a machine is lost" in caplog.text  # while it was at something
