"""Recordings made for tests of what is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.pose import PoseSequence
from kpcomplete.result import Person, Result
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")
INFO = StreamInfo(name="drives/ride.mp4", fps=30.0, image_size=(320, 240))


@dataclass
class Images:
    """A source of plain images, each of its own brightness; the index tells which."""

    info: StreamInfo = INFO
    length: int = 0
    times: tuple[float, ...] = ()
    fail_at: int | None = None
    error: Exception = field(default_factory=lambda: RuntimeError("no camera"))
    started: int = 0

    def __iter__(self) -> Iterator[Frame]:
        self.started += 1
        width, height = self.info.image_size
        for i in range(self.length or len(self.times)):
            if i == self.fail_at:
                raise self.error
            time = self.times[i] if self.times else i / self.info.fps
            image = np.full((height, width, 3), brightness(i), dtype=np.uint8)
            yield Frame(index=i, time=time, image=image)


def brightness(index: int) -> int:
    return 30 + 20 * (index % 10)


def driver(length: int, *, times: np.ndarray | None = None, info: StreamInfo = INFO) -> Person:
    """A driver of whom every third joint is completed and every seventh missing."""
    rng = np.random.default_rng(1)
    centre = np.array(info.image_size) / 2
    points = rng.normal(centre, centre / 4, size=(length, 33, 2)).astype(np.float32)
    number = np.arange(33)[None] + np.arange(length)[:, None]
    hidden, lost = number % 3 == 0, number % 7 == 0
    observed = PoseSequence.observed(
        np.where((hidden | lost)[..., None], np.nan, points),
        rng.uniform(0.5, 1, (length, 33)).astype(np.float32),
        skeleton=SKELETON,
        fps=info.fps,
        image_size=info.image_size,
        person="driver",
        times=times,
    )
    covariance = np.zeros((length, 33, 2, 2), dtype=np.float32)
    covariance[hidden] = [[25, 6], [6, 9]]
    covariance[lost] = np.nan
    state = np.where(lost, 0, np.where(hidden, 1, 2)).astype(np.uint8)
    completed = replace(
        observed,
        keypoints=np.where(lost[..., None], np.float32(np.nan), points),
        confidence=np.where(lost, 0, np.where(hidden, np.float32(0.7), observed.confidence)),
        visibility=state,
        covariance=covariance,
    )
    return Person(observed=observed, completed=completed)


def nobody(length: int, seat: str = "codriver", times: np.ndarray | None = None) -> Person:
    empty = PoseSequence.observed(
        np.full((length, 33, 2), np.nan, dtype=np.float32),
        skeleton=SKELETON,
        fps=INFO.fps,
        image_size=INFO.image_size,
        person=seat,
        times=times,
    )
    return Person(observed=empty, completed=empty)


def part(person: Person, frames: slice) -> Person:
    return Person(
        observed=person.observed[frames],
        completed=person.completed[frames],
        joints3d=None if person.joints3d is None else person.joints3d[frames],
        classes={task: values[frames] for task, values in person.classes.items()},
    )


def results(people: Mapping[str, Person], hop: int = 4) -> Iterator[Result]:
    """Cut people into results, as the pipeline gives them."""
    times = next(iter(people.values())).observed.times
    for start in range(0, len(times), hop):
        cut = slice(start, min(start + hop, len(times)))
        yield Result(
            frames=tuple(Frame(index=i, time=times[i]) for i in range(cut.start, cut.stop)),
            people={seat: part(person, cut) for seat, person in people.items()},
        )


def full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
