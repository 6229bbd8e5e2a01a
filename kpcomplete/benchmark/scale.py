"""What a second worker brings, Ray beside the pool, and a long video in pieces."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from kpcomplete.archive import read_archive
from kpcomplete.executor import Executor, Work
from kpcomplete.executor.local import Local
from kpcomplete.executor.ray import Ray
from kpcomplete.pose import Array
from kpcomplete.process import Process
from kpcomplete.recording import Recording
from kpcomplete.source.video import Video

OUTPUTS = {"archive": ".parquet", "overlay": ".overlay.mp4", "plot": ".plot.png"}


class Recipe(Protocol):
    """Makes workers, in whatever process it is called."""

    def __call__(self, **rest: Any) -> Work: ...

    def changed(self, **settings: Any) -> "Recipe":
        """Return a recipe with some other settings."""
        ...


def run(
    *,
    make: Recipe,
    video: str | None = None,
    clips: int = 40,
    seconds: float = 3.0,
    rounds: int = 2,
    long: float = 60.0,
    chunk: float = 20.0,
    overlap: float = 10.0,
    ray: bool = True,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Process the same clips with one worker, two workers, and two workers of Ray, in turn.

    Each worker is tied to one core of its own, so that one worker cannot use two: what detects,
    completes, draws and encodes shares that core. Ray's workers are told the same number of
    threads, but are tied to nothing; on two cores that is the same. Speeds count from the start
    of the first recording to the end of the last, without the making of workers. Workers do not
    begin and end at the same moment: of few clips that costs much (with four of half a second
    two workers are 1.7 times as fast as one), of forty a few percent. A frame takes the same
    CPU time with one worker and with two.

    Args:
        make: Makes workers with the settings of ``process``.
        video: With people; the bundled clip if None.
        clips: How many, cut from ``video`` at places drawn at random.
        seconds: Length of each.
        rounds: Of all executors in turn; the figures are ratios of median speeds.
        long: Seconds of the video that is processed in pieces.
        chunk: Seconds of each piece.
        overlap: Seconds before it.
        ray: Whether Ray is measured.
        quick: Four clips of half a second, one round, a long video of four seconds.
        seed: Of the places.

    Returns:
        ``two_workers``: speed of two workers over that of one. ``ray_over_pool``: speed of two
        workers of Ray over that of two of the pool; NaN without Ray. ``chunk_diff_px``: the
        largest difference of any coordinate between a long video whose pieces two workers share,
        and the same pieces one after the other; infinite if one has a joint that the other lacks.
    """
    if quick:
        clips, seconds, rounds, long, chunk, overlap = 4, 0.5, 1, 4.0, 1.5, 0.5
    pool = {"one": Local(workers=1), "two": Local(workers=2)}
    executors: dict[str, Executor] = {**pool, **({"ray": Ray(workers=2)} if ray else {})}
    with _workplace(video) as (folder, images, fps):
        drawn = np.random.default_rng(seed).integers(0, 2 * len(images), clips).tolist()
        paths = [
            _film(folder / "clips" / f"{i:02d}.mp4", images, fps, start, round(seconds * fps))
            for i, start in enumerate(drawn)
        ]
        speeds: dict[str, list[float]] = {name: [] for name in executors}
        for i in range(rounds):
            for name, executor in executors.items():
                out = folder / f"{name}{i}"
                speeds[name].append(_speed(make, executor, paths, out))
        middle = {name: statistics.median(values) for name, values in speeds.items()}
        print(", ".join(f"{name}: {value:.1f} frames a second" for name, value in middle.items()))
        film = _film(folder / "long.mp4", images, fps, 0, round(long * fps))
        settings = {"chunk": chunk, "overlap": overlap}
        shared = _one(make.changed(**settings), pool["two"], film, folder / "shared")
        order = _one(make.changed(**settings), pool["one"], film, folder / "order")
        whole = _one(make.changed(chunk=None), pool["one"], film, folder / "whole")
    _compare(order, whole)
    return {
        "two_workers": middle["two"] / middle["one"],
        "ray_over_pool": middle["ray"] / middle["two"] if ray else float("nan"),
        "chunk_diff_px": float(np.max([0.0, *map(np.max, _differences(shared, order))])),
    }


@contextmanager
def _workplace(video: str | None) -> Iterator[tuple[Path, list[Array], float]]:
    """Yield a folder, the images of a video, and their rate."""
    with (
        tempfile.TemporaryDirectory() as folder,
        as_file(files("kpcomplete.sample") / "cabin.mp4") as sample,
    ):
        source = Video(video or sample)
        images = [frame.image for frame in islice(source, 600) if frame.image is not None]
        yield Path(folder), images, source.info.fps


def _film(path: Path, images: Sequence[Array], fps: float, start: int, count: int) -> Path:
    """Write images there and back again, so that they never jump."""
    path.parent.mkdir(exist_ok=True)
    there_and_back = [*images, *images[-2:0:-1]]
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "23", "threads": "1"}
        for i in range(start, start + count):
            image = there_and_back[i % len(there_and_back)]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def _speed(make: Recipe, executor: Executor, paths: Sequence[Path], out: Path) -> float:
    """Return frames a second, from the first start to the last end."""
    begun = time.perf_counter()
    job = Process(make=make, executor=executor, outputs=OUTPUTS, output_dir=str(out))
    entries = job([str(path) for path in paths])
    bad = [entry for entry in entries if entry.status != "done"]
    if bad:
        raise RuntimeError(bad[0].error)
    ends = [datetime.fromisoformat(entry.ended) for entry in entries]
    starts = [datetime.fromisoformat(entry.started) for entry in entries]
    took = (max(ends) - min(starts)).total_seconds()
    whole = time.perf_counter() - begun
    print(f"{out.name}: {took:.1f} s of work, {whole:.1f} s with the making of workers")
    return sum(entry.frames for entry in entries) / took


def _one(make: Recipe, executor: Executor, path: Path, out: Path) -> Recording:
    _speed(make, executor, [path], out)
    return read_archive(out / f"{path.stem}.parquet")


def _differences(one: Recording, other: Recording) -> list[Array]:
    """Return how far coordinates are apart, for each seat; infinite where only one has a joint."""
    if list(one.completed) != list(other.completed):
        raise RuntimeError(f"seats differ: {list(one.completed)} and {list(other.completed)}")
    found = []
    for seat, poses in one.completed.items():
        gap = np.abs(poses.keypoints - other.completed[seat].keypoints).max(axis=-1)
        same = poses.is_missing == other.completed[seat].is_missing
        found.append(np.where(same, np.nan_to_num(gap), np.inf))
    return found


def _compare(pieces: Recording, whole: Recording) -> None:
    """Say what starting trackers afresh changes."""
    for seat in pieces.completed.keys() & whole.completed.keys():
        both = pieces.completed[seat].is_observed & whole.completed[seat].is_observed
        one, other = pieces.completed[seat].keypoints, whole.completed[seat].keypoints
        gap = np.linalg.norm(one - other, axis=-1)[both]
        if len(gap):
            middle, high = np.quantile(gap, [0.5, 0.95])
            print(f"{seat}: joints that are seen lie {middle:.2f} px (95 %: {high:.1f}) from where "
                  "they are without pieces: trackers start afresh")  # fmt: skip
