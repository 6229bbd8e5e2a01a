"""Long videos in pieces: who shares the work does not show."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import video_files

from kpcomplete.archive import read_archive
from kpcomplete.backlog import Backlog, Task
from kpcomplete.completer.hold import Hold
from kpcomplete.executor.serial import Serial
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.naming import Names
from kpcomplete.pieces import split
from kpcomplete.pipeline import Pipeline
from kpcomplete.recording import Recording, sequence
from kpcomplete.sink.archive import Archive
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.source.video import Video
from kpcomplete.window import Window
from kpcomplete.work import Worker

LENGTH = 200


@dataclass
class Seen:
    """A detector that knows who is in each frame of the test video, and numbers them anew.

    Who comes first in the frames that it is shown is ``seat0``, so that names depend on where it
    starts. The second person is away at first, the third comes in the end.
    """

    names: tuple[str, ...] = ("seat0", "seat1", "seat2")
    shown: list[int] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    @property
    def seats(self) -> tuple[str, ...]:
        return tuple(self._known.values())

    def __call__(self, frames: Iterable[Frame], info, /) -> Iterator[Frame]:
        truth = [f.people for f in Synthetic(length=LENGTH, seats=("a", "b", "c"))]
        self._known = {}
        for frame in frames:
            self.shown.append(frame.index)
            there = {"a": True, "b": frame.index >= 30, "c": frame.index >= 150}
            people = {}
            for person in sorted((p for p in there if there[p]), reverse=frame.index >= 60):
                if person not in self._known:
                    self._known[person] = self.names[len(self._known)]
                people[self._known[person]] = truth[frame.index][person]
            yield replace(frame, people=self._gappy(people, frame.index))

    def _gappy(self, people, index):
        out = {}
        for name, person in people.items():
            points = person.keypoints.copy()
            points[index % 33] = np.nan
            confidence = np.where(np.isfinite(points[:, 0]), person.confidence, 0)
            out[name] = Detection(keypoints=points, confidence=confidence.astype(np.float32))
        return out


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return str(video_files.write(tmp_path_factory.mktemp("pieces") / "a.mp4", length=LENGTH))


def worker(out, **settings):
    return Worker(
        source=lambda path: Video(path),
        pipeline=Pipeline(
            detector=Seen(), window=Window(past=20, hop=10, future=20), completer=Hold()
        ),
        sinks={"archive": Archive},
        outputs={"archive": ".parquet"},
        output_dir=out,
        overlap=0.4,
        **settings,
    )


def done(work, video):
    backlog = Backlog([Task(recording=video, stem="a")], 0)
    (finished,) = Serial()(lambda: work, backlog)
    assert finished.outcome.error == ""
    return finished.outcome


def test_pieces_give_what_the_whole_gives(video, tmp_path):
    assert done(worker(tmp_path / "whole"), video).frames == LENGTH
    assert done(worker(tmp_path / "pieces", chunk=1.5), video).frames == LENGTH
    whole, pieces = (read_archive(tmp_path / n / "a.parquet") for n in ("whole", "pieces"))
    assert list(pieces.completed) == list(whole.completed) == ["seat0", "seat1", "seat2"]
    np.testing.assert_array_equal(pieces.times, whole.times)
    for seat, poses in whole.completed.items():
        np.testing.assert_array_equal(pieces.raw[seat].keypoints, whole.raw[seat].keypoints)
        gap = np.abs(pieces.completed[seat].keypoints - poses.keypoints)
        assert np.nanmax(gap) <= 1e-4
        np.testing.assert_array_equal(pieces.completed[seat].visibility, poses.visibility)
    assert not (tmp_path / "pieces" / ".pieces").exists()


def test_pieces_that_are_there_are_not_done_again(video, tmp_path):
    first = worker(tmp_path, chunk=1.5)
    pieces = split(Video(video), 1.5)
    assert [(p.first, p.last) for p in pieces] == [(0, 40), (40, 80), (80, 120), (120, 160),
                                                   (160, 200)]  # fmt: skip
    task = Task(recording=video, stem="a")
    for piece in pieces[:3]:
        assert first(replace(task, pieces=(piece,))).status == "done"
    again = worker(tmp_path, chunk=1.5)
    done(again, video)
    assert again.pipeline.detector.shown == [*range(110, 160), *range(150, 200)]
    other = worker(tmp_path, chunk=1.5, provenance={"config": {"detector": "another"}})
    first(replace(task, pieces=pieces[:1]))
    other(replace(task, pieces=pieces[:1]))
    assert other.pipeline.detector.shown[0] == 0


def test_pieces_of_a_video_of_a_longer_name_are_left_alone(video, tmp_path):
    other = tmp_path / ".pieces" / "a.b.00000.0123456789ab.parquet"
    other.parent.mkdir()
    other.write_bytes(b"somebody works on it")
    done(worker(tmp_path, chunk=1.5), video)
    assert [path.name for path in other.parent.iterdir()] == [other.name]


def test_short_videos_and_what_is_no_video_stay_whole(video):
    assert split(Video(video), 6.0) == ()
    assert split(Synthetic(length=10_000), 1.0) == ()


def test_a_video_that_ends_early_stays_whole(tmp_path):
    path = video_files.write(tmp_path / "a.mp4", length=200, movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    assert split(Video(path), 1.0) == ()


def recording(people, first, length):
    """People who stand still at a place each, with a frame or more in which they are seen."""
    shape = np.random.default_rng(0).normal(0, 20, (33, 2))
    frames = []
    for index in range(first, first + length):
        there = {
            name: Detection(
                keypoints=(shape + place).astype(np.float32), confidence=np.ones(33, np.float32)
            )
            for name, (place, seen) in people.items()
            if index in seen
        }
        frames.append(Frame(index=index, time=index / 30, people=there))
    info = StreamInfo(name="x", fps=30.0, image_size=(640, 480))
    return Recording(
        name="x", fps=30.0, image_size=(640, 480), skeleton=Skeleton.load("blazepose33"),
        frames=np.arange(first, first + length), times=np.arange(first, first + length) / 30,
        raw={name: sequence(frames, name, info) for name in people},
    )  # fmt: skip


LEFT, MIDDLE, RIGHT = (100, 200), (300, 200), (500, 200)
ALWAYS = range(1000)


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"seat0": (LEFT, ALWAYS), "seat1": (RIGHT, ALWAYS)},
         {"seat0": (RIGHT, ALWAYS), "seat1": (LEFT, ALWAYS)}, {"seat0": "seat1", "seat1": "seat0"}),
        ({"seat0": (LEFT, ALWAYS)}, {"seat0": (RIGHT, ALWAYS)}, {"seat0": "seat1"}),
        # empty in the frames that both have, but at the same place
        ({"seat0": (LEFT, ALWAYS), "seat1": (RIGHT, range(40))},
         {"seat0": (RIGHT, range(70, 99)), "seat1": (LEFT, ALWAYS)},
         {"seat0": "seat1", "seat1": "seat0"}),
        # people without seats are only who is seen
        ({"person0": (LEFT, range(40))}, {"person0": (LEFT, range(70, 99))},
         {"person0": "person1"}),
        # names of places stay
        ({"driver": (LEFT, ALWAYS)}, {"driver": (RIGHT, ALWAYS)}, {"driver": "driver"}),
    ],
)  # fmt: skip
def test_who_is_who(before, after, names):
    found = Names()
    found.meet(recording(before, 0, 60), 0)
    assert {n: found.of(n) for n in before} == {n: n for n in before}
    found.meet(recording(after, 50, 50), 60)
    assert {n: found.of(n) for n in after} == names


def test_a_seat_is_remembered_over_a_piece_without_it():
    found = Names()
    found.meet(recording({"seat0": (LEFT, ALWAYS), "seat1": (RIGHT, ALWAYS)}, 0, 60), 0)
    found.meet(recording({"seat0": (LEFT, ALWAYS)}, 50, 50), 60)
    found.meet(
        recording({"seat0": (MIDDLE, ALWAYS), "seat1": (RIGHT, range(130, 150))}, 90, 60), 100
    )
    assert (found.of("seat0"), found.of("seat1")) == ("seat2", "seat1")
    assert found.known == ("seat0", "seat1", "seat2")


@dataclass
class Sitting:
    """A detector that sees the same person for ever, and how much memory there is now and then."""

    memory: list[float] = field(default_factory=list, repr=False)
    seats: tuple[str, ...] = ("driver",)

    def __call__(self, frames: Iterable[Frame], info, /) -> Iterator[Frame]:
        (frame,) = Synthetic(length=1)
        for one in frames:
            if one.index % 5000 == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                self.memory.append(pages * os.sysconf("SC_PAGESIZE") / 2**20)
            yield replace(one, people=frame.people)


def hour(path, seconds):
    """A long video of one small image, with a key frame every half minute."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "900"}
        image = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 90, np.uint8), format="bgr24")
        for i in range(30 * seconds):
            image.pts = i
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [None, 600.0])
def test_an_hour_takes_no_more_memory_than_minutes(chunk, tmp_path):
    seconds = 3600
    video = hour(tmp_path / "hour.mp4", seconds)
    work = worker(tmp_path / "out", chunk=chunk, progress=False)
    detector = Sitting()
    work.pipeline = replace(work.pipeline, detector=detector)
    assert done(work, video).frames == 30 * seconds
    early = max(detector.memory[: 1 + len(detector.memory) // 5])
    print(f"memory grew by {max(detector.memory) - early:.1f} MB")
    assert max(detector.memory) - early < 100  # MB; what all frames hold would be 1000
    with pq.ParquetFile(tmp_path / "out" / "a.parquet") as file:
        assert file.metadata.num_rows == 30 * seconds * 33
