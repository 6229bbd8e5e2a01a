"""Processes that are killed at random moments, and what they leave."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from kpcomplete.errors import KpcompleteError

PRELOAD = ("kpcomplete.training", "kpcomplete.app.process", "kpcomplete.app.live",
           "kpcomplete.app.simulate", "kpcomplete.sink.plot", "kpcomplete.sink.overlay",
           "kpcomplete.detector.stored", "kpcomplete.benchmark.played", "matplotlib.pyplot",
           "anny", "open3d", "torch._dynamo")  # fmt: skip
_PATIENCE = 60.0  # s in which SIGTERM has to be obeyed
_LONGEST = 600.0  # s that an undisturbed run may take
_BEYOND = 1.1  # times what a run takes: moments at which it may be done


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something that writes files into a folder, and goes on where it was when it is called again.

    Attributes:
        do: Called in a process of its own, within the folder.
        check: Raises unless a file under its final name is whole.
        differences: Returns what in a finished folder is not as in that of an undisturbed run.
        says: Returns what else there is to say when all is over.
    """

    do: Callable[[], Any]
    check: Callable[[Path], Any]
    differences: Callable[[Path, Path], Sequence[str]]
    says: Callable[[], str] = str


@dataclass
class Tally:
    """What was found.

    Attributes:
        kills: Signals that met a process at work, or at its start.
        corrupt: Files that were not whole under their final name.
        unequal: Finished folders that were not as an undisturbed run leaves them.
        finished: Finished folders.
        notes: What was wrong.
    """

    kills: int = 0
    corrupt: int = 0
    unequal: int = 0
    finished: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    """How a run ended: after how many seconds, with which exit code, and whether by a signal."""

    took: float
    code: int | None
    struck: bool = False


def disturb(work: Work, folder: Path, kills: int, random: Random) -> Tally:
    """Kill a work at random moments, SIGKILL and SIGTERM in turn, and let it go on each time.

    What ends in order on SIGTERM goes on in the same folder, too.

    Args:
        work: What is done.
        folder: For all its folders; must be empty.
        kills: How often it is killed.
        random: Chooses the moments, evenly over what a run takes and a little more; a run that is
            done by then has finished its folder, and the next begins another.
    """
    tally = Tally()
    _run(replace(work, do=_nothing), folder / "nothing")  # imports
    reference = folder / "undisturbed"
    first = _run(work, reference)
    if first.code != 0:
        raise RuntimeError(f"an undisturbed run ended with {first.code}:\n{_said(reference)}")
    _look(work, reference, tally)
    longest, number, is_over = first.took, 0, False
    while not is_over:
        here = folder / f"disturbed{number}"
        after = random.uniform(0, _BEYOND * longest) if tally.kills < kills else None
        ended = _run(work, here, after, (signal.SIGKILL, signal.SIGTERM)[tally.kills % 2])
        tally.kills += ended.struck
        _look(work, here, tally)
        if ended.code == 0 and not ended.struck:
            tally.finished, number = tally.finished + 1, number + 1
            longest = min(longest, ended.took)
            _compare(work, here, reference, tally)
            is_over = tally.kills >= kills
        elif not ended.struck:
            raise RuntimeError(f"a run that was to go on ended with {ended.code}:\n{_said(here)}")
    return tally


def _nothing() -> None:
    pass


def _run(work: Work, folder: Path, after: float | None = None, sign: int = signal.SIGKILL) -> Ended:
    """Let a work run in a folder, and send a signal after some seconds if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    process = context.Process(target=_child, args=(work.do, str(folder)))
    started = time.monotonic()
    process.start()
    process.join(_LONGEST if after is None else after)
    struck = after is not None and process.exitcode is None
    if process.exitcode is None and process.pid is not None:
        os.kill(process.pid, sign if struck else signal.SIGKILL)
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise RuntimeError(f"signal {sign} did not end a run within {_PATIENCE} s")
    return Ended(time.monotonic() - started, process.exitcode, struck)


def _child(do: Callable[[], Any], folder: str) -> None:
    os.chdir(folder)
    log = os.open(f"{folder}.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    do()


def _said(folder: Path) -> str:
    return Path(f"{folder}.log").read_text(errors="replace")[-2000:]


def files(folder: Path) -> Sequence[Path]:
    """Return the files of a folder under their final names."""
    return [
        path for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]  # fmt: skip


def _look(work: Work, folder: Path, tally: Tally) -> None:
    for path in files(folder):
        try:
            work.check(path)
        except (KpcompleteError, AssertionError, OSError, ValueError) as error:
            tally.corrupt += 1
            tally.notes.append(f"{path.name} is not whole: {error!s:.200}")


def _compare(work: Work, folder: Path, reference: Path, tally: Tally) -> None:
    bad = [*work.differences(folder, reference)]
    bad += [path.name for path in folder.rglob(".*.part-*")]
    if bad:
        tally.unequal += 1
        tally.notes.append(f"{folder.name} differs: {', '.join(sorted(bad))}")
