"""What ``process`` costs beside decoding and detecting, and whether memory stays flat."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from kpcomplete.detector import Detector
from kpcomplete.process import Process
from kpcomplete.source.video import Video


def run(
    *,
    process: Callable[..., Process],
    detector: Detector,
    video: str | None = None,
    rounds: int = 2,
    seconds: float = 60.0,
    minutes: float = 10.0,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Measure a video processed whole and detected only, in turn, and then a long one.

    Args:
        process: Makes the job under test, given its ``output_dir``.
        detector: The same detector as the job's.
        video: A video with people; the bundled clip if None.
        rounds: Pairs of runs; the ratio is that of the median speeds.
        seconds: Length of the video for the ratio, made by repeating ``video``.
        minutes: Length of the video for the memory, made by repeating ``video``.
        quick: One round on 30 s, and one minute.
        seed: Nothing here is random; kept for uniformity.

    Returns:
        ``ratio``: frames a second of the whole of ``process`` over those of decoding and
        detecting alone. ``memory_growth_mb``: resident memory at the end of the long video minus
        that after its first fifth, both as medians over a tenth of the run.
    """
    del seed
    rounds, seconds, minutes = (1, 30.0, 1.0) if quick else (rounds, seconds, minutes)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sample = as_file(files("kpcomplete.sample") / "cabin.mp4")
        path = Path(video) if video else stack.enter_context(sample)
        clip = _lengthen(path, folder / "clip.mp4", seconds / 60)
        whole, alone = [], []
        for i in tqdm(range(rounds), desc="process and detect in turn"):
            alone.append(_timed(partial(_detect, detector, clip)))
            job = process(output_dir=folder / f"round{i}")
            whole.append(_timed(partial(_process, job, clip)))
        growth = _growth(
            process(output_dir=folder / "long"), _lengthen(path, folder / "long.mp4", minutes)
        )
    frames = statistics.median(whole), statistics.median(alone)
    print(f"process {frames[0]:.1f} frames a second, detection alone {frames[1]:.1f}")
    return {"ratio": frames[0] / frames[1], "memory_growth_mb": growth}


def _timed(work: Callable[[], int]) -> float:
    """Return the frames a second of work that returns its number of frames."""
    start = time.perf_counter()
    frames = work()
    return frames / (time.perf_counter() - start)


def _detect(detector: Detector, path: Path) -> int:
    source = Video(str(path))
    return sum(1 for _ in detector(source, source.info))


def _process(job: Process, path: Path) -> int:
    (entry,) = job([str(path)])
    if entry.status != "done":
        raise RuntimeError(entry.error)
    return entry.frames


def _lengthen(path: Path, target: Path, minutes: float) -> Path:
    """Repeat a video to a length, forwards and backwards so that it never jumps."""
    source = Video(str(path))
    images = [frame.image for frame in islice(source, 600) if frame.image is not None]
    count = round(minutes * 60 * source.info.fps)
    width, height = source.info.image_size
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=round(source.info.fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "23"}
        there_and_back = images + images[-2:0:-1]
        for i in tqdm(range(count), desc="lengthen the video"):
            image = there_and_back[i % len(there_and_back)]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return target


def _growth(job: Process, path: Path) -> float:
    """Return by how many MB resident memory grows while a long video is processed."""
    stop, samples = threading.Event(), []

    def watch() -> None:
        while not stop.wait(0.25):
            samples.append(resident_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        _process(job, path)
    finally:
        stop.set()
        thread.join()
    tenth = max(1, len(samples) // 10)
    early, late = samples[2 * tenth : 3 * tenth], samples[-tenth:]
    return float(np.median(late) - np.median(early))


def resident_mb() -> float:
    """Return the memory that this process holds, MiB.

    Raises:
        RuntimeError: If the system does not say.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status names no VmRSS")
