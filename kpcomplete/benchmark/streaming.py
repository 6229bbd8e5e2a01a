"""How long a live frame takes to complete, and how many frames a second recordings are."""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from kpcomplete import normalize
from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.compiled import prepare
from kpcomplete.completer import Completer, Streaming
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import reseed_all
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import SettingError
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.pipeline import Pipeline
from kpcomplete.pose import Array
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.window import Window

_LENGTH = 150  # frames of a window
_PART = 16  # windows that a core takes at a time
_FPS = 30.0


def run(
    *,
    live: Completer,
    completer: Completer,
    corruption: Corruption,
    frames: int = 3000,
    windows: int = 400,
    rounds: int = 3,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Measure one occupant live on one thread, and windows of a recording on all cores.

    Args:
        live: Causal, with a live form.
        completer: Looks at both sides.
        corruption: What hides joints of the made-up people.
        frames: Live ones.
        windows: Of 150 frames, completed 16 at a time, by as many threads as there are cores.
        rounds: Of these; the fastest counts.
        quick: A tenth of both, one round.
        seed: Of how people move, and of what is hidden.

    Returns:
        ``p50_ms``, ``p99_ms`` from the detector's joints of a frame to all joints with their
        covariances, both in pixels. ``batch_fps`` the same for frames of windows.

    Raises:
        SettingError: If ``live`` has no live form.
    """
    if quick:
        frames, windows, rounds = max(frames // 10, _LENGTH), max(windows // 10, 1), 1
    shown = people(-(-frames // _LENGTH), corruption, seed)
    prepare()
    with one_thread():
        alone = 1e3 * _step_by_step(live, shown, frames)
        inside = 1e3 * _in_the_pipeline(live, shown, frames)
        whole = 1e3 * _whole(live, shown)
    print(f"the whole of a live frame in the pipeline, without the detector: {_text(inside)}")
    print(f"a whole window for each live frame instead: {whole:.1f} ms")
    batch_fps = _together(completer, people(windows, corruption, seed + 1), rounds)
    p50, p99 = np.percentile(alone, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99), "batch_fps": batch_fps}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and numpy compute on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def people(windows: int, corruption: Corruption, seed: int) -> PoseBatch:
    """Return windows in pixels of somebody who moves, in a row, with joints hidden."""
    source = Synthetic(length=windows * _LENGTH, fps=_FPS, noise=0.5, seed=seed)
    truth = torch.from_numpy(source.truth["driver"])
    whole = PoseBatch.from_keypoints(truth.view(windows, _LENGTH, *truth.shape[1:]), fps=_FPS)
    reseed_all([corruption], seed)
    placement = normalize.fit(whole)
    return placement.into_pixels(corruption(placement.into_body(whole)))


def _step_by_step(live: Completer, shown: PoseBatch, frames: int) -> Array:
    """Return the seconds of each frame."""
    stream = live.stream(_LENGTH) if isinstance(live, Streaming) else None
    if stream is None:
        raise SettingError(f"{type(live).__name__} has no live form: set live.causal=true")
    memory = Memory(
        mean=shown.keypoints[0].mean(dim=0, keepdim=True),
        count=shown.observed[0].sum(0)[None] * 1.0,
    )
    taken = np.empty(frames)
    for i in tqdm(range(frames), desc="one frame after the other", disable=None):
        window, place = divmod(i, _LENGTH)
        batch = shown.select(slice(window, window + 1)).frames(slice(place, place + 1))
        batch = replace(batch, memory=memory if window else None)
        start = time.perf_counter()
        stream(batch, ["driver"], i / _FPS)
        taken[i] = time.perf_counter() - start
    return taken


def _in_the_pipeline(live: Completer, shown: PoseBatch, frames: int) -> Array:
    points = shown.keypoints.flatten(0, 1).numpy()
    confidence = shown.observed.flatten(0, 1).float().numpy()
    source = _Given([
        Frame(index=i, time=i / _FPS,
              people={"driver": Detection(keypoints=points[i], confidence=confidence[i])})
        for i in range(frames)
    ])  # fmt: skip
    pipeline = Pipeline(
        detector=Stored(), window=Window(past=_LENGTH - 1, hop=1, future=0), completer=live
    )
    times = [time.perf_counter()]
    for _ in pipeline.run(source):
        times.append(time.perf_counter())
    return np.diff(times)


class _Given:
    def __init__(self, frames: Iterable[Frame]) -> None:
        self.info = StreamInfo(name="given", fps=_FPS, image_size=(640, 480))
        self.frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)


@torch.inference_mode()
def _whole(completer: Completer, shown: PoseBatch) -> float:
    """Return the seconds that one window takes."""
    one = shown.select(slice(0, 1))
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        completer(normalize.fit(one).into_body(one))
        best = min(best, time.perf_counter() - start)
    return best


def _together(completer: Completer, shown: PoseBatch, rounds: int) -> float:
    """Return frames a second on all cores, each of which takes its share of the windows."""
    cores = len(os.sched_getaffinity(0))
    parts = [shown.select(slice(i, i + _PART)) for i in range(0, len(shown), _PART)]

    @torch.inference_mode()
    def complete(part: PoseBatch) -> None:
        placement = normalize.fit(part)
        placement.into_pixels(completer(placement.into_body(part)))

    taken = []
    start_up = partial(torch.set_num_threads, 1)
    with one_thread(), ThreadPoolExecutor(cores, initializer=start_up) as pool:
        for _ in tqdm(range(rounds), desc=f"{len(shown)} windows on {cores} cores", disable=None):
            start = time.perf_counter()
            list(pool.map(complete, parts))
            taken.append(time.perf_counter() - start)
    return len(shown) * _LENGTH / min(taken)


def _text(milliseconds: Array) -> str:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"
