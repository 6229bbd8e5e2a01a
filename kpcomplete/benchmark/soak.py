"""Whether watching can go on for hours, and what a recording keeps when it is killed."""

import ctypes
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from importlib.resources import as_file, files
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from kpcomplete.archive import read_archive
from kpcomplete.benchmark.pipeline import resident_mb
from kpcomplete.desk import Desk
from kpcomplete.journal import ENDING
from kpcomplete.live import Live
from kpcomplete.recovery import recover
from kpcomplete.result import Result
from kpcomplete.source.paced import Paced

_COMPARED = ((0.2, 0.3), (0.9, 1.0))  # of the minutes: after the warm-up, and at the end
_SETTLE = 5.0  # s between two looks at what is held
_WAIT = 300.0  # s for a program to start


def run(
    *,
    live: Callable[..., Live],
    video: str | None = None,
    minutes: float = 30.0,
    kills: int = 20,
    settings: Sequence[str] = (),
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Watch a looped video for a while, recording it; then kill recordings at random moments.

    Args:
        live: Makes what watches, given ``source``, ``windows``, ``output_dir`` and ``seconds``.
        video: Real people; the bundled clip if None.
        minutes: Of watching.
        kills: Programs that are killed while they record.
        settings: Of these programs, as ``kpcomplete live`` takes them.
        quick: One minute, two kills.
        seed: Of the moments.

    Returns:
        ``growth_mb``: resident memory at the end minus that after a fifth of the time, each the
        median over a tenth of it, without garbage and what the allocator has free;
        ``resident_growth_mb``: with both. ``minutes``: as watched. ``drift_ms``: by how much
        frames were later, after the clock, at the end than after a fifth. ``threads``: left at
        the end.
        ``kills``, ``unreadable``: recordings that could not be read afterwards, table or video;
        ``lost_s``: the most that was not on disk when a program was killed.
    """
    if quick:
        minutes, kills = min(minutes, 1.0), min(kills, 2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sample = as_file(files("kpcomplete.sample") / "cabin.mp4")
        path = Path(video) if video else stack.enter_context(sample)
        before = set(threading.enumerate())
        watched = _watch(live, path, folder / "soak", 60 * minutes)
        left = len(set(threading.enumerate()) - before)
        draw = random.Random(seed)
        killed = [
            _killed(path, folder / f"kill{i}", 1 + 7 * draw.random(), settings)
            for i in tqdm(range(kills), desc="kill recordings", disable=None)
        ]
    return {
        "growth_mb": watched.pop("growth_mb"),
        "minutes": minutes,
        **watched,
        "threads": float(left),
        "kills": float(kills),
        "unreadable": float(sum(not readable for readable, _ in killed)),
        "lost_s": max((lost for _, lost in killed), default=0.0),
    }


class Gauge:
    """A window without one, that notes memory and how far frames are behind the clock.

    Args:
        desk: Is not asked for anything.
        seconds: For which it watches.

    Attributes:
        memory: Seconds watched, and megabytes: what the system has given to the process.
        held: The same after garbage was collected and free memory given back. That is done around
            the two moments that are compared only, so that it does not keep memory small.
        behind: Seconds watched, and seconds that the frame was later than its time.
    """

    def __init__(self, desk: Desk, seconds: float = np.inf) -> None:
        self.memory: list[tuple[float, float]] = []
        self.held: list[tuple[float, float]] = []
        self.behind: list[tuple[float, float]] = []
        self._start, self._next, self._settle, self._seconds = np.nan, 0.0, 0.0, seconds

    def __enter__(self) -> "Gauge":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result, /) -> None:
        """Take a note every second."""
        frame, now = result.frames[-1], time.monotonic()
        if frame.captured is None or now < self._next:
            return
        self._next = now + 1
        self._start = now if np.isnan(self._start) else self._start
        watched = now - self._start
        self.behind.append((watched, frame.captured - frame.time))
        self.memory.append((watched, resident_mb()))
        compared = any(a <= watched / self._seconds <= b for a, b in _COMPARED)
        if compared and now >= self._settle:
            self._settle = now + _SETTLE
            gc.collect()
            _give_back()
            self.held.append((watched, resident_mb()))

    def growth(self, notes: Sequence[tuple[float, float]]) -> float:
        """Return the median around the second moment minus that around the first."""
        when, what = np.array(notes).T
        before, after = (
            np.median(what[(when >= first * self._seconds) & (when <= last * self._seconds)])
            for first, last in _COMPARED
        )
        return float(after - before)


def _watch(live: Callable[..., Live], path: Path, folder: Path, seconds: float) -> dict[str, float]:
    gauges: list[Gauge] = []

    def gauge(desk: Desk) -> Gauge:
        gauges.append(Gauge(desk, seconds))
        return gauges[-1]

    job = live(source=Paced(path, loop=True), windows={"gauge": gauge}, output_dir=folder,
               seconds=seconds, into=["gauge", "archive", "overlay"])  # fmt: skip
    done = job()
    (noted,) = gauges
    print(f"{done.frames} frames, {done.dropped} dropped, {done.latency}")
    for when, what in noted.memory[:: max(1, len(noted.memory) // 20)]:
        print(f"after {when:.0f} s: {what:.1f} MB")
    return {
        "growth_mb": noted.growth(noted.held),
        "resident_growth_mb": noted.growth(noted.memory),
        "drift_ms": 1e3 * noted.growth(noted.behind),
    }


def _killed(
    path: Path, folder: Path, seconds: float, settings: Sequence[str]
) -> tuple[bool, float]:
    """Return whether a killed recording can be read, and the seconds of it that are lost."""
    command = [
        sys.executable, "-m", "kpcomplete.app.cli", "live", f"source={path}", "pace=true",
        "loop=true", "sink=[archive,overlay]", f"output_dir={folder}", *settings,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        journal = _first_flush(folder, program)
        time.sleep(seconds)
        os.kill(program.pid, signal.SIGKILL)
        moment = time.time()
        program.wait()
    lost = moment - journal.stat().st_mtime
    recover(folder)
    try:
        (archive,), (video,) = (list(folder.glob(ending)) for ending in ("*.parquet", "*.mp4"))
        times = read_archive(archive).times
        with av.open(str(video)) as container:
            last = max(float(frame.time) for frame in container.decode(video=0))
    except (ValueError, av.FFmpegError):  # not both are there, or not whole
        return False, lost
    return bool((np.diff(times) > 0).all() and abs(last - times[-1]) < 5), lost


def _first_flush(folder: Path, program: "subprocess.Popen[bytes]") -> Path:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end and program.poll() is None:
        found = [p for p in folder.glob(f"*.parquet{ENDING}") if p.stat().st_size > 5000]
        if found:
            return found[0]
        time.sleep(0.1)
    raise RuntimeError(f"{program.args!r} records nothing (exit code {program.poll()})")


def _give_back() -> None:
    """Give free memory back to the system, where the C library can."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
