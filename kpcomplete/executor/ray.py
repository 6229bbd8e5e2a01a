"""Workers on the machines of a Ray cluster."""

import importlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kpcomplete.backlog import Backlog, Finished, Outcome, Task
from kpcomplete.errors import KpcompleteError, MissingDependencyError, WorkerError
from kpcomplete.executor import Work
from kpcomplete.executor._shared import check, meant, some

log = logging.getLogger(__name__)

_PATIENCE = 60.0  # s without any worker, after which that is said
_LAST = 5.0  # s that a worker has to be gone when it was killed
_STILLBORN = 3  # workers in a row that die before they are ready


@dataclass(kw_only=True)
class Ray:
    """Actors of Ray, each with its models; a lost machine costs only what it was at.

    All machines must have kpcomplete installed, and reach recordings and outputs by the same
    paths or addresses. A recording whose machine went is done elsewhere, and not blamed.

    Args:
        workers: How many; ``auto``: as many as the cluster has cores for.
        address: Of a running cluster (``auto``, ``host:6379``); None starts one on this machine.
        cores: That Ray reserves for each worker.
        timeout: Seconds after which a task is taken to hang, and its worker is killed. None: never.

    Raises:
        SettingError: If a number is below 1, or the timeout not above 0.
        MissingDependencyError: If Ray is not installed.
    """

    workers: int | str = "auto"
    address: str | None = None
    cores: int = 1
    timeout: float | None = None

    def __post_init__(self) -> None:
        check(self.workers, self.cores, self.timeout)
        _ray()

    def __call__(self, make: Callable[[], Work], backlog: Backlog, /) -> Iterator[Finished]:
        """Do the tasks, several at a time."""
        ray = _ray()
        is_ours = not ray.is_initialized()
        if is_ours:
            self._start(ray)
        there = int(ray.cluster_resources().get("CPU", 1)) // self.cores
        count = max(1, there) if self.workers == "auto" else int(self.workers)
        crew = _Crew(ray, make, count, self.cores, self.timeout)
        try:
            while not backlog.is_over:
                crew.feed(backlog)
                for hand in crew.wait():
                    yield from crew.attend(hand, backlog)
        finally:
            crew.close(backlog)
            if is_ours:
                ray.shutdown()

    def _start(self, ray: Any) -> None:
        if self.address is not None:
            _knock(self.address)
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if self.address is None:
                number = None if self.workers == "auto" else int(self.workers) * self.cores
                ray.init(num_cpus=number, include_dashboard=False, **quiet)
            else:
                ray.init(address=self.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WorkerError(f"no Ray cluster at {self.address or 'this machine'}: {error}") from (
                error
            )


def _knock(address: str) -> None:
    """Find out whether anybody is at an address; Ray itself takes minutes to give up."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit() and not _answers(host, int(port)):
        raise WorkerError(f"no Ray cluster at {address}: nobody answers")


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError:
        return False
    return True


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 gives way to all else: four times slower
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingDependencyError(
            "executor=ray needs Ray: pip install 'kpcomplete[ray]'"
        ) from error


class _Actor:
    """A worker, where it works."""

    def __init__(self, make: Callable[[], Work], folder: str) -> None:
        self._make, self._folder = make, folder
        self._work: Work | None = None

    def start(self) -> tuple[int, str, KpcompleteError | None]:
        """Load the models; return process, machine, and what went wrong."""
        node = str(_ray().get_runtime_context().get_node_id())
        try:
            if os.path.isdir(self._folder):
                os.chdir(self._folder)  # so that relative paths mean the same
            self._work = self._make()
        except Exception as error:
            return os.getpid(), node, meant(error)
        return os.getpid(), node, None

    def do(self, task: Task) -> Outcome:
        assert self._work is not None
        return self._work(task)


@dataclass(eq=False)
class _Hand:
    """A worker, as the parent sees it."""

    actor: Any
    waits_for: Any  # what it was asked last
    task: Task | None = field(default=None, init=False)
    deadline: float | None = field(default=None, init=False)
    process: int | None = field(default=None, init=False)
    node: str | None = field(default=None, init=False)

    def done(self) -> Task:
        """Return what the worker was given; it is free again."""
        task, self.task, self.deadline = self.task, None, None
        assert task is not None
        return task


class _Crew:
    """The workers that there are, or are to be."""

    def __init__(
        self, ray: Any, make: Callable[[], Work], count: int, cores: int, timeout: float | None
    ) -> None:
        self.hands: list[_Hand] = []
        self._ray, self._count, self._timeout = ray, count, timeout
        kind = ray.remote(num_cpus=cores, scheduling_strategy="SPREAD")(_Actor)
        self._hire: Callable[[], Any] = lambda: kind.remote(make, os.getcwd())
        self._stillborn = 0
        self._said = time.monotonic()

    def feed(self, backlog: Backlog) -> None:
        """Give everybody something to do, and take on as many as are needed."""
        for hand in self.hands:
            idle = hand.process is not None and hand.task is None
            if idle and (task := backlog.take()):
                hand.task, hand.waits_for = task, hand.actor.do.remote(task)
                hand.deadline = self._timeout and time.monotonic() + self._timeout
        busy = sum(hand.task is not None for hand in self.hands)
        while len(self.hands) < min(self._count, busy + len(backlog)):
            actor = self._hire()
            self.hands.append(_Hand(actor, actor.start.remote()))

    def wait(self) -> list[_Hand]:
        """Wait until somebody says something, dies, or is late; return them."""
        asked = {h.waits_for: h for h in self.hands if h.task is not None or h.process is None}
        ends = [h.deadline for h in asked.values() if h.deadline is not None]
        patience = min([_PATIENCE, *(max(0.0, end - time.monotonic()) for end in ends)])
        ready, _ = self._ray.wait(list(asked), num_returns=1, timeout=patience)
        if not any(h.process for h in self.hands) and time.monotonic() - self._said > _PATIENCE:
            self._said = time.monotonic()
            log.warning("no machine of the cluster has room for a worker; waiting")
        now = time.monotonic()
        late = [h for h in asked.values() if h.deadline is not None and now >= h.deadline]
        return list(dict.fromkeys([*(asked[answer] for answer in ready), *late]))

    def attend(self, hand: _Hand, backlog: Backlog) -> Iterator[Finished]:
        """Hear what a worker has to say, or that it is no more."""
        try:
            answer = self._ray.get(hand.waits_for, timeout=0)
        except self._ray.exceptions.GetTimeoutError:
            self._dismiss(hand)
            self._ray.wait([hand.waits_for], timeout=_LAST)  # until it can write no more
            why = f"it hung for more than {self._timeout:g} s"
            yield from some(backlog.lose(hand.done(), why, hand.process))
        except self._ray.exceptions.RayError as error:
            self._dismiss(hand)
            yield from self._bury(hand, backlog, error)
        else:
            self._stillborn = 0
            if hand.task is not None:
                yield from some(backlog.finish(hand.done(), answer))
                return
            hand.process, hand.node, problem = answer
            if problem is not None:
                raise problem

    def _bury(self, hand: _Hand, backlog: Backlog, error: Exception) -> Iterator[Finished]:
        first = str(error).strip().splitlines()[0]
        if hand.task is None:
            self._stillborn += 1
            if self._stillborn == _STILLBORN:
                raise WorkerError(f"no worker comes to life: {first}") from error
        elif self._is_gone(hand):
            log.warning("a machine is lost; what it was at is done elsewhere")
            backlog.give_back(hand.done(), hand.process)
        else:
            why = f"its worker died ({type(error).__name__})"
            yield from some(backlog.lose(hand.done(), why, hand.process))

    def _is_gone(self, hand: _Hand) -> bool:
        """Return whether the machine of a worker went with it; Ray takes long to say so."""
        nodes = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        node = nodes.get(hand.node)
        return node is None or not _answers(node["NodeManagerAddress"], node["NodeManagerPort"])

    def _dismiss(self, hand: _Hand) -> None:
        self.hands.remove(hand)
        self._ray.kill(hand.actor)

    def close(self, backlog: Backlog) -> None:
        """Send everybody home; what they were at is taken back."""
        for hand in list(self.hands):
            self._dismiss(hand)
            if hand.task is not None:
                backlog.give_back(hand.done(), hand.process)
