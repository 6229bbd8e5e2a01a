"""What is still to be done of a batch, and how often each part of it is tried."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kpcomplete.manifest import DAMAGED, DONE, QUARANTINED

SPLIT = "split"
"""Status of a recording that turned out to be long: its pieces are to be done instead."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some frames of a recording.

    Attributes:
        number: Of the piece, from 0.
        first: First frame that counts.
        last: Frame after the last.
    """

    number: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker does at a time; plain values, so that it can travel.

    Attributes:
        recording: Path of the recording.
        stem: Of its outputs.
        pieces: None: all of it, unless it is too long. One: these frames are detected, the rest
            is done by somebody else. Several: they have been detected and are put together.
        digest: Whether a digest for the summary is wanted.
    """

    recording: str
    stem: str
    pieces: tuple[Piece, ...] = ()
    digest: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a task.

    Attributes:
        status: ``done``, ``damaged``, ``failed``, ``quarantined``, or ``split``.
        error: What is wrong; empty if it is done.
        frames: Frames written, or detected.
        seconds: How long it took.
        again: Another attempt may do better.
        fatal: Nothing else will do better either: the outputs cannot be written.
        pieces: What a recording was split into.
    """

    status: str
    error: str = ""
    frames: int = 0
    seconds: float = 0.0
    again: bool = False
    fatal: bool = False
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A recording of which nothing more will be done.

    Attributes:
        task: The recording.
        outcome: Of all of it: seconds are added up over attempts and pieces.
        attempts: Of its worst part.
    """

    task: Task
    outcome: Outcome
    attempts: int


class Backlog:
    """Gives tasks to whoever has time, and takes note of what became of them.

    A recording that brought a worker down, or that hung, is tried again, last of all; one that
    does it each time is quarantined.

    Args:
        tasks: Recordings.
        retries: Attempts after the first.
        started: Told of each task that is given away.
        lost: Told of each task that went down with its worker, and the worker's process; its
            half-written files can go.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        retries: int,
        *,
        started: Callable[[Task], None] = lambda task: None,
        lost: Callable[[Task, int | None], None] = lambda task, process: None,
    ) -> None:
        self.retries, self._started, self._lost = retries, started, lost
        self._waiting: deque[Task] = deque(tasks)
        self._running: set[Task] = set()
        self._tries: dict[Task, int] = {}
        self._parts: dict[str, _Parts] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._waiting and not self._running

    def __len__(self) -> int:
        """How many tasks wait; there may be more when those that run turn out to be long."""
        return len(self._waiting)

    def take(self) -> Task | None:
        """Return what is to be done next, None if there is nothing at the moment."""
        if not self._waiting:
            return None
        task = self._waiting.popleft()
        self._running.add(task)
        self._started(task)
        return task

    def give_back(self, task: Task, process: int | None = None) -> None:
        """Take a task back that was lost through no fault of its own, as when a machine went."""
        self._running.discard(task)
        self._waiting.appendleft(task)
        self._lost(task, process)

    def lose(self, task: Task, why: str, process: int | None = None) -> Finished | None:
        """Take note that the worker of a task is gone; return its recording if that is the end.

        Args:
            task: What it was doing.
            why: For the manifest.
            process: Number of the worker's process on this machine, if it was here.
        """
        self._lost(task, process)
        times = self._tries.get(task, 0) + 1
        said = f"{task.recording}: {why}, {times} of {self.retries + 1} times"
        return self.finish(task, Outcome(status=QUARANTINED, error=said, again=True))

    def finish(self, task: Task, outcome: Outcome) -> Finished | None:
        """Take note of what became of a task; return its recording if that is the end of it."""
        self._running.discard(task)
        self._tries[task] = self._tries.get(task, 0) + 1
        parts = self._parts.setdefault(task.recording, _Parts())
        parts.seconds += outcome.seconds
        parts.attempts = max(parts.attempts, self._tries[task])
        if parts.over:
            return None  # a piece of a recording that was given up
        if outcome.again and self._tries[task] <= self.retries:
            self._waiting.append(task)
            return None
        if outcome.status == SPLIT:
            parts.pieces, parts.missing = outcome.pieces, len(outcome.pieces)
            for piece in reversed(outcome.pieces):  # first of all, as they are the longest
                self._waiting.appendleft(replace(task, pieces=(piece,)))
            return None
        if len(task.pieces) == 1 and outcome.status in (DONE, DAMAGED):
            parts.missing -= 1
            parts.problem = parts.problem or outcome.error
            if not parts.missing:
                self._waiting.appendleft(replace(task, pieces=parts.pieces))
            return None
        return self._end(task, outcome, parts)

    def _end(self, task: Task, outcome: Outcome, parts: "_Parts") -> Finished:
        parts.over = True
        self._waiting = deque(t for t in self._waiting if t.recording != task.recording)
        if outcome.status == DONE and parts.problem:
            outcome = replace(outcome, status=DAMAGED, error=parts.problem)
        return Finished(
            task=replace(task, pieces=()),
            outcome=replace(outcome, seconds=round(parts.seconds, 2)),
            attempts=parts.attempts,
        )


@dataclass
class _Parts:
    """What is known of a recording so far."""

    pieces: tuple[Piece, ...] = ()
    missing: int = 0
    seconds: float = 0.0
    attempts: int = 0
    problem: str = ""
    over: bool = False


def paths(folder: Path | str, stem: str, outputs: Mapping[str, str | None]) -> dict[str, Path]:
    """Return output name to path."""
    return {n: Path(folder) / f"{stem}{ending}" for n, ending in outputs.items() if ending}


def digest_name(stem: str) -> str:
    """Return the name of a recording's digest in the store."""
    return f".digests/{stem}.parquet"
