"""Processes that are killed at random moments, and what they leave."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from kpcomplete.errors import KpcompleteError

PRELOAD = ("kpcomplete.training", "kpcomplete.work", "kpcomplete.live", "torch._dynamo", "hydra")
_PATIENCE = 60.0  # s in which SIGTERM has to be obeyed
_LONGEST = 600.0  # s that an undisturbed run may take


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something that writes files into a folder, and goes on where it was when it is called again.

    Attributes:
        do: Called in a process of its own, within the folder.
        check: Raises unless a file under its final name is whole; the file, and whether the work
            was finished.
        same: Returns of a finished folder what has to be equal to an undisturbed run.
    """

    do: Callable[[], Any]
    check: Callable[[Path], Any]
    same: Callable[[Path], Any]


@dataclass
class Tally:
    """What was found.

    Attributes:
        kills: Processes that were killed before they were done.
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


def disturb(work: Work, folder: Path, kills: int, random: Random) -> Tally:
    """Kill a work at random moments, SIGKILL and SIGTERM in turn, and let it go on each time.

    Args:
        work: What is done.
        folder: For all its folders; must be empty.
        kills: How often it is killed.
        random: Chooses the moments, evenly over what a run takes; sooner if it was done by then.
    """
    tally = Tally()
    _run(Work(do=_nothing, check=work.check, same=work.same), folder / "nothing")  # imports
    reference = folder / "undisturbed"
    longest, ended = _run(work, reference)
    if ended != 0:
        raise RuntimeError(f"an undisturbed run ended with {ended}:\n{_said(reference)}")
    wanted, number = work.same(reference), 0
    code: int | None = None
    while tally.kills < kills or code != 0:
        here = folder / f"disturbed{number}"
        after = random.uniform(0, longest) if tally.kills < kills else None
        sign = (signal.SIGKILL, signal.SIGTERM)[tally.kills % 2]
        took, code = _run(work, here, after, sign)
        tally.kills += code != 0
        _look(work, here, tally)
        if code == 0:
            tally.finished, number = tally.finished + 1, number + 1
            longest = min(longest, took)
            _compare(work, here, wanted, tally)
        elif after is None:
            raise RuntimeError(f"a run that was to go on ended with {code}:\n{_said(here)}")
    return tally


def _nothing() -> None:
    pass


def _run(
    work: Work, folder: Path, after: float | None = None, sign: int = signal.SIGKILL
) -> tuple[float, int | None]:
    """Return how long a run took, and its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    process = context.Process(target=_child, args=(work.do, str(folder)))
    started = time.monotonic()
    process.start()
    process.join(_LONGEST if after is None else after)
    if process.exitcode and after is not None:
        raise RuntimeError(f"a run ended with {process.exitcode} by itself:\n{_said(folder)}")
    if process.exitcode is None and process.pid is not None:
        os.kill(process.pid, sign if after is not None else signal.SIGKILL)
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise RuntimeError(f"signal {sign} did not end a run within {_PATIENCE} s")
    return time.monotonic() - started, process.exitcode


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


def _compare(work: Work, folder: Path, wanted: Any, tally: Tally) -> None:
    found = work.same(folder)
    left = [path.name for path in folder.rglob(".*.part-*")]
    if found != wanted or left:
        tally.unequal += 1
        if isinstance(found, Mapping) and isinstance(wanted, Mapping):
            left += [k for k in {*found, *wanted} if found.get(k) != wanted.get(k)]
        tally.notes.append(f"{folder.name} differs: {', '.join(sorted(map(str, left)))}")
