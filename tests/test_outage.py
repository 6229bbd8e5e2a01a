"""A camera that is lost and found again, with people in front of it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from seen_people import SIZE, Painted, painted
from test_source_webcam import Camera, plug  # noqa: F401

from kpcomplete.detector.seats import Seats
from kpcomplete.pipeline import Pipeline
from kpcomplete.source.webcam import Webcam
from kpcomplete.window import Window


class Filming(Camera):
    """Gives an image of two people, the same two, whenever it is told to."""

    def __init__(self, length):
        super().__init__(length=length, fps=30.0, size=SIZE)
        self.go = threading.Semaphore(1)

    def read(self):
        given, _ = super().read()
        return given, painted(blue=(60, 80), red=(260, 80)) if given else None


@dataclass
class Following:
    """Fills in nothing, and notes whom it is told to follow."""

    causal: bool = True
    names: list[str] = field(default_factory=list)

    def __call__(self, batch, /):
        return batch

    def stream(self, window):
        def step(batch, names, now):
            self.names.append(" | ".join(names))
            covariance = torch.zeros(*batch.observed.shape, 2, 2)
            return replace(batch, covariance=covariance)

        return step


@dataclass
class Stepped:
    """A camera that takes its next image when this one was taken from it; stops after the last."""

    camera: Webcam
    first: Filming
    last: Filming

    @property
    def info(self):
        return self.camera.info

    def __iter__(self) -> Iterator:
        for frame in self.camera:
            yield frame
            if frame.image is not None:
                (self.last if self.first.released else self.first).go.release()
            if self.last.count == self.last.length:
                self.camera.stop()


def test_people_keep_their_seats_and_their_names_while_the_camera_is_away(plug):  # noqa: F811
    before, gone, after = Filming(80), Camera(opened=False), Filming(30)
    plug(before, gone, gone, after)
    source = Stepped(Webcam(), before, after)
    completer = Following()
    pipeline = Pipeline(
        detector=Seats(trackers=Painted(), threads=1), window=Window(past=149, hop=1, future=0),
        completer=completer,
    )  # fmt: skip
    places = [
        {
            seat: round(float(np.nanmean(person.observed.keypoints[0, :13, 0])), -1)
            for seat, person in result.people.items()
            if person.observed.is_observed.any()
        }
        for result in pipeline.run(source)
    ]
    assert before.released
    there = [found for found in places if found]
    assert len(there) > 90  # of 80 + 30, on both sides of the outage
    assert all(found == {"seat0": 60, "seat1": 260} for found in there)
    assert set(completer.names) == {"seat0 0 | seat1 0"}  # nobody is taken for somebody else
