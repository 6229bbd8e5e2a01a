"""Live frames get what windows that end with them would: over every YAML of what completes."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from kpcomplete.completer import Streaming
from kpcomplete.detector.stored import Stored
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.lifter.learned import Learned as Lifter
from kpcomplete.pipeline import Pipeline
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.window import Window

CONF = Path(__file__).parents[1] / "conf"
NAMES = sorted(file.stem for file in (CONF / "completer").glob("*.yaml"))
INFO = StreamInfo(name="ride", fps=30.0, image_size=(640, 480))
LENGTH, PAST = 14, 9  # frames; so some leave the window


@cache
def load(name):
    """Return a completer as live.yaml would have it."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("live", [f"completer={name}", "source.path=x"])
    return instantiate(cfg.completer, _convert_="all")


class Given:
    def __init__(self, frames):
        self.frames, self.info = frames, INFO

    def __iter__(self):
        return iter(self.frames)


class Whole:
    """A completer that is kept from streaming."""

    def __init__(self, inner):
        self.inner, self.causal = inner, inner.causal

    def __call__(self, batch, /):
        return self.inner(batch)


def ride(length=LENGTH, seed=0):
    """Return frames of two people who sit still but for their arms, which are seen now and then."""
    source = Synthetic(length=length, seats=("driver", "child"), seed=seed)
    draw = np.random.default_rng(seed)
    frames = []
    for t, frame in enumerate(source):
        people = {}
        for seat, person in frame.people.items():
            points = person.keypoints.copy()
            points[:13] = source.truth[seat][0, :13]  # whoever moves is placed anew in each window
            seen = np.ones(33, bool)
            seen[13:] = draw.random(20) > 0.3
            seen[13:23] &= not 4 <= t < 8  # both arms are hidden for a while
            points[~seen] = np.nan
            people[seat] = Detection(keypoints=points, confidence=seen.astype(np.float32))
        if t == 11:  # a frame that was dropped
            people = {}
        frames.append(replace(frame, people=people, truth=None))
    return frames


def results(frames, completer, past=PAST, **options):
    window = Window(past=past, hop=1, future=0)
    pipeline = Pipeline(detector=Stored(), window=window, completer=completer, **options)
    return list(pipeline.run(Given(frames)))


def test_there_is_one_for_every_yaml():
    assert {"autoencoder", "hold", "kalman"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_is_what_the_window_that_ends_with_it_says(name):
    completer = load(name)
    streams = isinstance(completer, Streaming) and completer.stream(PAST + 1) is not None
    frames = ride() if streams else ride()[:3]  # others are asked about windows anyway
    live, windowed = results(frames, completer), results(frames, Whole(completer))
    for t, (one, other) in enumerate(zip(live, windowed, strict=True)):
        assert one.people.keys() == other.people.keys()
        for seat in one.people:
            a, b = one.people[seat].completed, other.people[seat].completed
            np.testing.assert_array_equal(a.visibility, b.visibility, f"{seat} {t}")
            # a body unit is some 100 pixels; later, what is kept knows of frames that have left
            near = 1e-3 if t <= PAST else 0.3
            np.testing.assert_allclose(a.keypoints, b.keypoints, rtol=1e-5, atol=near)
            np.testing.assert_allclose(a.confidence, b.confidence, atol=1e-3)


def test_whoever_sits_down_after_a_while_starts_afresh():
    """Memory, curves and bodies are forgotten: the second visit is like the first."""
    first, empty = ride(), 90  # frames; longer than anybody is remembered
    nobody = [Frame(index=LENGTH + i, time=(LENGTH + i) / 30) for i in range(empty)]
    shift = LENGTH + empty
    again = [replace(f, index=f.index + shift, time=f.time + shift / 30) for f in first]
    found = results([*first, *nobody, *again], load("autoencoder"), lifter=Lifter(causal=True))
    middle = found[LENGTH + 60].people
    assert all(person.completed.is_missing.all() for person in middle.values())
    for one, other in zip(found[:LENGTH], found[shift:], strict=True):
        for seat in one.people:
            a, b = one.people[seat], other.people[seat]
            np.testing.assert_allclose(
                a.completed.keypoints, b.completed.keypoints, rtol=1e-5, atol=6e-3
            )
            np.testing.assert_allclose(a.joints3d, b.joints3d, atol=1e-4)
