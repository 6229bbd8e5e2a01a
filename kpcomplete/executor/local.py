"""Worker processes on this machine."""

import logging
import multiprocessing as mp
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from kpcomplete.backlog import Backlog, Finished, Task
from kpcomplete.errors import WorkerError
from kpcomplete.executor import Work
from kpcomplete.executor._shared import check, meant, some

log = logging.getLogger(__name__)

_PATIENCE = 5.0  # s that a worker has to leave in order
_STILLBORN = 3  # workers in a row that die before they are ready
_READY, _UNABLE, _DONE = "ready", "unable", "done"


@dataclass(kw_only=True)
class Local:
    """A pool of processes, started afresh (``spawn``); each makes its models once.

    A worker that dies is replaced, and what it was doing is known: one pipe leads to each.
    Workers leave at once when this process dies.

    Args:
        workers: How many; ``auto``: as many as there are cores for.
        cores: That each worker may use; workers are tied to cores of their own, so that all their
            threads share these. None: no worker is tied, all share all cores.
        timeout: Seconds after which a task is taken to hang, and its worker is killed. None: never.

    Raises:
        SettingError: If a number is below 1, or the timeout not above 0.
    """

    workers: int | str = "auto"
    cores: int | None = 1
    timeout: float | None = None

    def __post_init__(self) -> None:
        check(self.workers, self.cores, self.timeout)

    def __call__(self, make: Callable[[], Work], backlog: Backlog, /) -> Iterator[Finished]:
        """Do the tasks, several at a time."""
        pool = _Pool(make, self._seats(), self.timeout)
        try:
            while not backlog.is_over:
                pool.feed(backlog)
                pool.wait()
                for hand in list(pool.hands):
                    yield from pool.attend(hand, backlog)
        finally:
            pool.close(backlog)

    def _seats(self) -> list[list[int] | None]:
        """Return the cores of each worker, None for all."""
        places, cores = sorted(os.sched_getaffinity(0)), self.cores or 1
        count = max(1, len(places) // cores) if self.workers == "auto" else int(self.workers)
        if self.cores is None:
            return [None] * count
        return [[places[(i * cores + j) % len(places)] for j in range(cores)] for i in range(count)]


class _Pool:
    """The workers that there are."""

    def __init__(
        self, make: Callable[[], Work], seats: list[list[int] | None], timeout: float | None
    ) -> None:
        self.hands: list[_Hand] = []
        self._make, self._seats, self._timeout = make, seats, timeout
        self._stillborn = 0

    def feed(self, backlog: Backlog) -> None:
        """Give everybody something to do, and take on as many as are needed."""
        for hand in self.hands:
            if hand.is_ready and hand.task is None and (task := backlog.take()):
                hand.give(task, self._timeout)
        busy = sum(hand.task is not None for hand in self.hands)
        while len(self.hands) < min(len(self._seats), busy + len(backlog)):
            place = min(set(range(len(self._seats))) - {hand.place for hand in self.hands})
            self.hands.append(_Hand(self._make, place, self._seats[place]))

    def wait(self) -> None:
        """Wait until somebody says something, dies, or is late."""
        ends = [hand.deadline for hand in self.hands if hand.deadline is not None]
        patience = max(0.0, min(ends) - time.monotonic()) if ends else None
        signs: list[Any] = [hand.pipe for hand in self.hands]
        wait(signs + [hand.process.sentinel for hand in self.hands], patience)

    def attend(self, hand: "_Hand", backlog: Backlog) -> Iterator[Finished]:
        """Hear what a worker has to say, or that it is no more."""
        said, value = hand.hear()
        if said == _UNABLE:
            raise value
        if said == _DONE:
            yield from some(backlog.finish(hand.done(), value))
        elif said is None and (why := hand.end()) is not None:
            self.hands.remove(hand)
            self._stillborn = 0 if hand.is_ready else self._stillborn + 1
            if self._stillborn == _STILLBORN:
                raise WorkerError(f"no worker comes to life: {why}, {_STILLBORN} times in a row")
            if hand.task is not None:
                yield from some(backlog.lose(hand.done(), why, hand.pid))

    def close(self, backlog: Backlog) -> None:
        """Send everybody home; what they were at is taken back."""
        for hand in self.hands:
            hand.leave()
        for hand in self.hands:
            hand.kill()
            if hand.task is not None:
                backlog.give_back(hand.done(), hand.pid)


@dataclass(eq=False)
class _Hand:
    """A worker process, as the parent sees it."""

    make: Callable[[], Work]
    place: int
    seat: list[int] | None
    task: Task | None = field(default=None, init=False)
    timeout: float | None = field(default=None, init=False)
    deadline: float | None = field(default=None, init=False)
    is_ready: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        context = mp.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        level = logging.getLogger().getEffectiveLevel()
        self.process = context.Process(
            target=_live, args=(self.make, theirs, self.seat, level), name="kpcomplete-worker"
        )
        self.process.start()
        theirs.close()  # so that its end is noticed here

    @property
    def pid(self) -> int | None:
        return self.process.pid

    @property
    def is_dead(self) -> bool:
        return self.process.exitcode is not None

    def give(self, task: Task, timeout: float | None) -> None:
        self.task, self.timeout = task, timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self.pipe.send(task)
        except OSError:
            log.debug("worker %s died while it was idle", self.pid)  # noticed by who waits for it

    def hear(self) -> tuple[str | None, Any]:
        """Return what the worker says, None if nothing."""
        try:
            if not self.pipe.poll():
                return None, None
            said, value = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(_PATIENCE)
            return None, None
        self.is_ready = self.is_ready or said == _READY
        return said, value

    def done(self) -> Task:
        """Return what the worker was given; it is free again."""
        task, self.task, self.deadline = self.task, None, None
        assert task is not None
        return task

    def end(self) -> str | None:
        """Return why the worker is of no more use, None if it is; then it is gone."""
        late = self.deadline is not None and time.monotonic() >= self.deadline
        if not (late or self.is_dead):
            return None
        if not self.is_dead:
            self.process.kill()
        self.kill()
        code = self.process.exitcode or 0
        if late:
            return f"it hung for more than {self.timeout:g} s"
        return f"its worker died ({signal.Signals(-code).name if code < 0 else f'exit {code}'})"

    def leave(self) -> None:
        """Ask the worker to go, and to take what is half-written with it."""
        if not self.is_dead:
            self.process.terminate()

    def kill(self) -> None:
        """See to it that the worker is gone."""
        self.process.join(_PATIENCE)
        if not self.is_dead:
            self.process.kill()
            self.process.join()
        self.pipe.close()


def _live(make: Callable[[], Work], pipe: Connection, seat: list[int] | None, level: int) -> None:
    """Be a worker: make what works, and do what comes through the pipe."""
    if seat is not None:
        os.sched_setaffinity(0, seat)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, too, and says what to do
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    threading.Thread(target=_follow, name="kpcomplete-parent", daemon=True).start()
    try:
        work = make()
    except Exception as error:
        pipe.send((_UNABLE, meant(error)))
        return
    pipe.send((_READY, None))
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send((_DONE, work(task)))


def _follow() -> None:
    """Die with the parent, whatever the work is at."""
    parent = mp.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
