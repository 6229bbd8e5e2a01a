"""A completer and a head that look at the same frame ask the same network once."""

import numpy as np
import torch
from test_live_gate_head import frame, reported, several
from test_streaming import FPS, Frames, Passing, completer, network

from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.head.learned import Learned
from kpcomplete.head.live import Live
from kpcomplete.model.engine import Engine
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream
from kpcomplete.pipeline import Pipeline
from kpcomplete.window import Window


def head():
    """Return a head that no file holds."""
    made = Learned.__new__(Learned)
    made._window = made._step = None
    made.network = several()
    made.tasks = {task: (*classes, "unknown") for task, classes in made.network.tasks.items()}
    return made


def run(network, length=30):
    """Return the classes and joints of two people of whom one leaves, and passes of networks."""
    passes = []
    whole = Fused.__call__

    def counted(self, features, before):
        passes.append(len(features))
        return whole(self, features, before)

    people = reported(count=2)
    frames = [
        Frame(index=t, time=t / FPS, people={
            poses.person: Detection(keypoints=poses.keypoints[t], confidence=poses.confidence[t])
            for poses in people[: 1 if 8 < t < 27 else 2]
        })
        for t in range(length)
    ]  # fmt: skip
    live = Pipeline(detector=Passing(), window=Window(past=149, hop=1, future=0), head=head(),
                    completer=completer(network))  # fmt: skip
    Fused.__call__ = counted
    try:
        info = StreamInfo(name="made", fps=FPS, image_size=(640, 480))
        found = list(live.run(Frames(frames, info)))
    finally:
        Fused.__call__ = whole
    return found, passes


def test_one_pass_serves_both_and_changes_nothing(monkeypatch):
    made = several().encoder
    together, once = run(made)
    monkeypatch.setattr(Engine, "same_as", lambda *_: False)
    apart, twice = run(made)
    assert len(once) == len(together) == 30
    assert len(twice) == 2 * len(once)
    assert sum(once) == sum(twice)
    for one, other in zip(together, apart, strict=True):
        for seat, person in one.people.items():
            there = other.people[seat]
            np.testing.assert_allclose(
                person.completed.keypoints, there.completed.keypoints, atol=1e-3
            )
            for task, values in person.classes.items():
                np.testing.assert_allclose(values, there.classes[task], atol=1e-5)


def test_other_weights_run_by_themselves():
    other = network()
    with torch.no_grad():
        other.out += 0.01
    found, passes = run(other)
    assert len(passes) == 2 * len(found)
    stream = Stream(other)
    for changed in ("out", "trust", "centre"):
        another = network()
        with torch.no_grad():
            another.out += 0.01
            if changed != "out":
                getattr(another, changed).add_(0.1)
        engine = Stream(another).engine
        stream.join(engine)
        assert (stream.engine is engine) == (changed == "out")


def test_taking_a_frame_before_it_is_asked_for_changes_nothing():
    people, made = reported(), several()
    plain, hasty = Live(made), Live(made)
    for t in range(6):
        now = frame(people, t)
        wanted = plain(now)
        hasty.prepare(now)
        found = hasty(now)
        for seat, tasks in wanted.items():
            for task, values in tasks.items():
                np.testing.assert_array_equal(values, found[seat][task])
