"""Whether files that are broken on purpose end in an error that says so, and in nothing else."""

import contextlib
import logging
import multiprocessing
import resource
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from kpcomplete.benchmark.doors import Door, config_door, doors
from kpcomplete.errors import KpcompleteError

_SECONDS = 10  # after which a case counts as hung
_PATIENCE = 60.0  # s without a case, after which a process hangs beyond Python
_MEMORY = 4 * 1024**3  # bytes that reading may take beyond what is there
_SHARES = {"archive": 0.3, "checkpoint": 0.3, "config": 0.3,
           "dataset": 0.1, "journal": 0.1}  # of the cases of other doors: slower  # fmt: skip


class Hung(BaseException):
    """A case takes too long; no reader catches it."""


def run(
    *,
    cases: int = 1_000_000,
    seed: int = 0,
    quick: bool = False,
    only: str | None = None,
    check: Callable[[Any], Any] | None = None,
) -> dict[str, float]:
    """Try all doors with broken files, each file by its number; print what failed.

    A failure is any exception but those meant for users, more than 10 s, more than 4 GB, or the
    end of the process.

    Args:
        cases: How many, over all doors.
        seed: Same seed, same files.
        quick: Only 2,000.
        only: Name of the only door.
        check: Judges configs; None leaves them out.

    Returns:
        ``cases`` and ``failures``.
    """
    names = [*doors(), *(["config"] if check else [])]
    names = [name for name in names if only in (None, name)]
    shares = [_SHARES.get(name, 1.0) for name in names]
    done = failures = 0
    for name, share in zip(names, shares, strict=True):
        count = round((2_000 if quick else cases) * share / sum(shares)) + 1
        wrong = _guarded(name, count, seed, check)
        print(f"{name}: {count} cases, {len(wrong)} failures", *wrong[:20], sep="\n  ", flush=True)
        done, failures = done + count, failures + len(wrong)
    return {"cases": float(done), "failures": float(failures)}


def attack(
    door: Door, name: str, seed: int, numbers: range, folder: Path
) -> Iterator[tuple[int, str | None]]:
    """Yield the number of each case when it is over, and what went wrong with it."""
    logging.disable(logging.CRITICAL)
    path = folder / f"case{door.ending}"
    with warnings.catch_warnings(), _alarm():
        warnings.simplefilter("ignore")
        for number in numbers:
            path.write_bytes(door.make(Random(f"{seed} {name} {number}")))
            yield number, _tried(door, path)
    logging.disable(logging.NOTSET)


def _tried(door: Door, path: Path) -> str | None:
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        door.read(path)
    except KpcompleteError:
        return None
    except (Exception, Hung) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{type(error).__name__}: {error!s:.120} at {Path(place.filename).name}:{place.lineno}"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def raise_it(number: int, frame: FrameType | None) -> None:
        raise Hung(f"after {_SECONDS} s")

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def _guarded(name: str, count: int, seed: int, check: Callable[[Any], Any] | None) -> list[str]:
    """Attack a door in a process of its own, a new one after each that ends."""
    context = multiprocessing.get_context("spawn")
    wrong, start = [], 0
    while start < count:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(there, name, seed, start, count, check))
        process.start()
        there.close()
        with contextlib.suppress(EOFError):
            while here.poll(_PATIENCE):
                start, text = here.recv()
                if text:
                    wrong.append(f"case {start}: {text}")
                start += 1
        process.kill()
        process.join()
        if start < count:
            wrong.append(f"case {start} or one of the next 100: ended its process, or hangs")
            start += 100
    return wrong


def _work(
    pipe: Any, name: str, seed: int, start: int, stop: int, check: Callable[[Any], Any] | None
) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    door = config_door(check) if name == "config" and check else doors()[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, text in attack(door, name, seed, range(start, stop), Path(folder)):
            if text or number % 100 == 99 or number + 1 == stop:
                pipe.send((number, text))
