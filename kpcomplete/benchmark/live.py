"""What a live frame costs beside the detector, and how late it is on the screen."""

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from kpcomplete import checkpoint
from kpcomplete.benchmark.streaming import one_thread
from kpcomplete.compiled import prepare
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.data.occupants import TASKS
from kpcomplete.detector import Detector
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import SettingError
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.gate import Gate
from kpcomplete.head.learned import Learned
from kpcomplete.head.several import Several
from kpcomplete.latency import Latency, Lateness
from kpcomplete.lifter import Lifter
from kpcomplete.pipeline import Pipeline
from kpcomplete.pose import Array
from kpcomplete.result import Result
from kpcomplete.sink._canvas import Canvas
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source.paced import Paced
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.source.video import Video
from kpcomplete.window import Window

_SIZE = (1280, 720)
_FPS = 30
_SEATS = ("driver", "passenger", "rear_left", "rear_middle", "rear_right")


def run(
    *,
    detector: Detector,
    completer: AutoencoderCompleter,
    lifter: Lifter,
    gate: Gate,
    window: Window,
    video: str | None = None,
    frames: int = 3000,
    seconds: float = 40.0,
    warm_up: float = 10.0,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Measure the work of a frame alone, then everything on a 720p video played at 30 a second.

    Args:
        detector: Finds the people of the video.
        completer: Causal, with a live form.
        lifter: Causal.
        gate: Part of the whole, not of the work of a frame.
        window: Of live frames.
        video: With people; the bundled clip if None. It is scaled to 720p, there and back.
        frames: Of made-up people, one after the other.
        seconds: Of the video, for each measurement.
        warm_up: Seconds of it that do not count.
        quick: A tenth of the frames, half of the video.
        seed: Of how made-up people move, and of which joints are missing.

    Returns:
        ``p50_ms``, ``p99_ms``: completion, lifting and classes of one person on one thread (the
        network of the classes is made up, and as large as a trained one), all of the pipeline but
        the gate included. ``five_over_one``: median for five people over that for one.
        ``fps_ratio``: frames a second of everything, drawing included, over those of decoding and
        detecting alone, as fast as they come. ``latency_over_detector_frames``: what is added to
        the 95th percentile of the time from capture to detection until the picture is drawn, in
        frames of 1/30 s. ``drops``: share of images that were dropped; the detector alone is
        printed.

    Raises:
        SettingError: If nothing is left after the warm-up.
    """
    if quick:
        frames, seconds = max(frames // 10, 50), max(seconds / 2, 1.5 * warm_up)
    prepare()
    if seconds <= warm_up:
        raise SettingError(f"seconds must be more than warm_up={warm_up}, but is {seconds}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(one_thread())  # as live does
        head = made_up_head(completer, folder)
        alone = Pipeline(
            detector=Stored(), window=window, completer=completer, lifter=lifter, head=head
        )
        one, five = (1e3 * work(alone, n, frames, seed) for n in (1, len(_SEATS)))
        gated = 1e3 * work(replace(alone, gate=gate), 1, frames, seed)
        print(f"one person: {_text(one)}; five: {_text(five)}; one, with the gate: {_text(gated)}")
        sample = stack.enter_context(as_file(files("kpcomplete.sample") / "cabin.mp4"))
        clip = hd(Path(video) if video else sample, folder / "clip.mp4", seconds)
        whole = replace(alone, detector=detector, gate=gate, ahead=1, keep_images=True)
        ratio = _speed(whole, clip)
        late, dropped = _late(whole, clip, warm_up)
    print(f"detector alone, from capture: {late[0]}, {dropped[0]:.1%} dropped")
    print(f"everything, from capture until it is drawn: {late[1]}, {dropped[1]:.1%} dropped")
    return {
        "p50_ms": float(np.median(one)),
        "p99_ms": float(np.percentile(one, 99)),
        "five_over_one": float(np.median(five) / np.median(one)),
        "fps_ratio": ratio,
        "latency_over_detector_frames": (late[1].p95 - late[0].p95) * _FPS,
        "drops": dropped[1],
    }


def made_up_head(completer: AutoencoderCompleter, folder: Path) -> Learned:
    """Return a head on the completer's network whose weights nobody trained."""
    network = Several(encoder=completer.network, tasks=TASKS)
    path = folder / "head.safetensors"
    checkpoint.save(path, network.state_dict(), checkpoint.Metadata.of(network, {}))
    return Learned(weights=path)


@dataclass
class _Given:
    frames: Sequence[Frame]
    info: StreamInfo

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)


def work(pipeline: Pipeline, people: int, frames: int, seed: int) -> Array:
    """Return the seconds that each frame of made-up people takes, after 60 frames."""
    source = Synthetic(
        length=frames + 60, seats=_SEATS[:people], noise=0.5, image_size=_SIZE, seed=seed
    )
    draw, shown = np.random.default_rng(seed), []
    for frame in source:
        found = {}
        for seat, person in frame.people.items():
            seen = draw.random(33) > 0.2
            seen[25:] = False  # legs
            points = np.where(seen[:, None], person.keypoints, np.float32(np.nan))
            found[seat] = Detection(keypoints=points, confidence=seen.astype(np.float32))
        shown.append(replace(frame, people=found, truth=None))
    times = [time.perf_counter()]
    for _ in pipeline.run(_Given(shown, source.info)):
        times.append(time.perf_counter())
    return np.diff(times)[60:]


def hd(path: Path, target: Path, seconds: float) -> Path:
    """Make a 720p video of 30 frames a second of a video, there and back so that it never jumps."""
    images = [frame.image for frame in islice(Video(path), 300) if frame.image is not None]
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height = _SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast", "crf": "23"}
        there_and_back = images + images[-2:0:-1]
        for i in tqdm(range(round(seconds * _FPS)), desc="make the video", disable=None):
            image = _fitted(there_and_back[i % len(there_and_back)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return target


def _fitted(image: Array) -> Array:
    scale = min(_SIZE[0] / image.shape[1], _SIZE[1] / image.shape[0])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    whole = np.zeros((_SIZE[1], _SIZE[0], 3), dtype=np.uint8)
    whole[: size[1], : size[0]] = cv2.resize(image, size)
    return whole


def _speed(pipeline: Pipeline, clip: Path) -> float:
    """Return frames a second of everything over those of the detector, both as fast as can be."""
    source = Video(clip)
    taken = []
    for whole in (False, True):
        start = time.perf_counter()
        if whole:
            drawn = _Drawn()
            for result in pipeline.run(source):
                drawn(result)
        else:
            for _ in pipeline.detector(source, source.info):
                pass
        taken.append(time.perf_counter() - start)
    return taken[0] / taken[1]


class _Drawn:
    """Draws what a window shows, but for the window."""

    def __init__(self) -> None:
        skeleton = Skeleton.load(CANONICAL)
        self._canvas = Canvas(skeleton=skeleton, image_size=_SIZE, max_height=720)

    def __call__(self, result: Result) -> None:
        for i, frame in enumerate(result.frames):
            if frame.image is not None:
                self._canvas.paint(frame.image, result.people, i)


def _late(pipeline: Pipeline, clip: Path, warm_up: float) -> tuple[list[Lateness], list[float]]:
    """Return how late frames are and the share that is dropped: detected only, and everything."""
    late, dropped = [], []
    for whole in (False, True):
        source, latency, drawn = Paced(clip), Latency(), _Drawn()
        total, before = 0, None
        stream = pipeline.run(source) if whole else _detected(pipeline.detector, source)
        with closing(stream):
            for result in stream:
                if whole:
                    drawn(result)
                if result.frames[-1].time >= warm_up:
                    before = source.dropped if before is None else before
                    latency.note(result.frames, time.monotonic())
                    total += len(result.frames)
        late.append(latency.whole)
        dropped.append((source.dropped - (before or 0)) / max(total, 1))
    return late, dropped


def _text(milliseconds: Array) -> str:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def _detected(detector: Detector, source: Paced) -> Generator[Result, None, None]:
    """Yield frames as soon as the detector is done with them, as results without people."""
    for frame in detector(source, source.info):
        yield Result(frames=(frame,), people={})
