"""Gates and heads frame by frame say what they say of the window of the past."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from test_streaming import Frames, network

from kpcomplete.batch import PoseBatch
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.gate import Streaming
from kpcomplete.gate import learned as gates
from kpcomplete.gate.watch import Guard, doubts
from kpcomplete.head.learned import Learned, Watch
from kpcomplete.head.live import Live
from kpcomplete.head.several import Several
from kpcomplete.normalize import fit
from kpcomplete.pipeline import Pipeline
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.whereabouts import Whereabouts
from kpcomplete.window import Window

CONF = Path(__file__).parents[1] / "conf"
SKELETON = Skeleton.load("blazepose33")
FPS = 30.0


@cache
def reported(count=3, time=40, still=True, seed=0):
    """Return what a detector may say of people; if still, head and shoulders do not move."""
    rng = np.random.default_rng(seed)
    source = Synthetic(length=time, seats=[f"seat{i}" for i in range(count)], noise=0.5)
    people = []
    for seat in source.seats:
        points = source.truth[seat].astype(np.float32).copy()
        sure = np.where(rng.random((time, 33)) < 0.2, 0.1, 0.6) + 0.4 * rng.random((time, 33))
        hidden = rng.random((time, 33)) < 0.15
        if still:
            points[:, :13], sure[:, :13], hidden[:, :13] = points[:1, :13], 0.9, False
        points[hidden], sure[hidden] = np.nan, 0
        people.append(
            PoseSequence.observed(
                points, np.clip(sure, 0, 1).astype(np.float32), skeleton=SKELETON, fps=FPS,
                image_size=(640, 480), person=seat,
            )
        )  # fmt: skip
    return people


def frame(people, t):
    return {poses.person: poses[t : t + 1] for poses in people}


def test_people_are_placed_as_in_the_window():
    people = reported(still=False)
    places, names = Whereabouts(12), [poses.person for poses in people]
    lost = people[0].hide(np.arange(33)[None].repeat(40, 0) >= 0)
    no_neck = people[1].hide(np.arange(33)[None].repeat(40, 0) == 11)
    people = [lost, no_neck, people[2]]
    for t in range(40):
        now = PoseBatch.from_sequences([poses[t : t + 1] for poses in people])
        centre, scale = places(now.keypoints[:, 0].numpy(), now.observed[:, 0].numpy(), names)
        shown = [poses[max(0, t - 11) : t + 1] for poses in people]
        wanted = fit(PoseBatch.from_sequences(shown))
        np.testing.assert_allclose(centre, wanted.centre, rtol=1e-6)
        np.testing.assert_allclose(scale, wanted.scale, rtol=1e-6)


@cache
def gate(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(compose(f"gate/{name}").gate, _convert_="all")


@pytest.mark.parametrize("name", sorted(f.stem for f in (CONF / "gate").glob("*.yaml")))
def test_a_gate_says_frame_by_frame_what_it_says_of_the_window(name):
    people, judge = reported(), gate(name)
    guard = Guard(judge)
    found = [guard.follow(frame(people, t)) for t in range(40)]
    wanted = doubts(people, judge) > judge.distrust
    for row, poses in enumerate(people):
        got = np.concatenate([f[poses.person] for f in found])
        near = np.abs(doubts([poses], judge)[0] - judge.distrust) < 1e-4
        np.testing.assert_array_equal(got | near, wanted[row] | near)
    if name == "learned":
        assert isinstance(judge, Streaming)
        assert wanted.any()


def test_the_learned_gate_streams_to_the_fifth_digit():
    people, judge = reported(), gate("learned")
    stream = judge.stream(46)
    for t in range(40):
        now = PoseBatch.from_sequences([poses[t : t + 1] for poses in people])
        found = stream(now, [(640, 480)] * 3, ["a", "b", "c"], t / FPS)
        wanted = doubts([poses[: t + 1] for poses in people], judge, 1)[:, 0]
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_gate_forgets_who_left_and_whoever_left_the_window():
    people, judge = reported(), gate("learned")
    one, other = (
        [PoseBatch.from_sequences([poses[t : t + 1]]) for t in range(20)] for poses in people[:2]
    )
    image = [(640, 480)]
    plain = judge.stream(46)
    wanted = [plain(other[t], image, ["a"], t / FPS) for t in range(20)]
    for between in (["b"], []):
        stream = judge.stream(46)
        for t in range(20):
            stream(one[t], image, ["a"], t / FPS)
        nobody = replace(one[0], observed=torch.zeros_like(one[0].observed))
        if between:
            stream(nobody, image, between, 1.0)
        found = [stream(other[t], image, ["a"], 2 + t / FPS) for t in range(20)]
        same = all(np.allclose(f, w, atol=1e-6) for f, w in zip(found, wanted, strict=True))
        assert same == bool(between)


@cache
def several(completed=True):
    torch.manual_seed(2)
    made = Several(encoder=network(), tasks={"eats": ["no", "yes"], "sits": ["a", "b", "c"]},
                   past=16, hidden=(8,), completed=completed, enough=4)  # fmt: skip
    made.temperature.uniform_(0.5, 2)
    made.middle.normal_()
    return made.eval().requires_grad_(False)


@torch.inference_mode()
def windowed(made, poses, t):
    points = torch.from_numpy(poses.keypoints[max(0, t - made.past + 1) : t + 1] / np.float32(640))
    found = made.probabilities(PoseBatch.from_keypoints(points[None], fps=FPS))
    return {task: values[0].numpy() for task, values in found.items()}


@pytest.mark.parametrize("completed", [True, False])
def test_a_head_says_frame_by_frame_what_it_says_of_the_window(completed):
    people, made = reported(), several(completed)
    live, far = Live(made), []
    for t in range(40):
        found = live(frame(people, t))
        for poses in people:
            wanted = windowed(made, poses, t)
            for task, values in wanted.items():
                got = found[poses.person][task]
                assert got.shape == (1, len(values))
                if t < made.past or not completed:
                    np.testing.assert_allclose(got[0], values, atol=1e-5)
                far.append(np.abs(got[0] - values).max())
    assert np.max(far) < 0.1  # latents know a little more than the window


def test_a_head_follows_several_frames_and_seats_that_fill_and_empty():
    people, made = reported(), several()
    first, second = (replace(poses, person="driver") for poses in people[:2])
    empty = first[:1].hide(np.ones((1, 33), bool))
    alone = Live(made)({"driver": second})["driver"]
    for gap, same in ((3, False), (made.past, True)):
        live = Live(made)
        live({"driver": first, "child": replace(people[2], person="child")[:10]})
        for _ in range(gap):
            nothing = live({"driver": empty})["driver"]["eats"]
        assert (nothing[0, -1] == 1) == same
        again = live({"driver": second})["driver"]
        assert np.allclose(again["sits"], alone["sits"], atol=1e-6) == same
    assert live({"driver": second[:0]})["driver"]["sits"].shape == (0, 4)


def test_a_head_of_another_encoder_has_no_form_frame_by_frame():
    class Other(torch.nn.Module):
        completed, encoder = True, None

    assert not Live.can(Other())


def test_the_pipeline_follows_live_people_and_windows_of_recordings(monkeypatch):
    judge, made = gate("learned"), several()
    head = Learned.__new__(Learned)  # without a file
    head._window = head._step = None
    head.network, head.tasks = made, {task: (*c, "unknown") for task, c in made.tasks.items()}
    monkeypatch.setattr(Watch, "__call__", lambda *_: pytest.fail("a whole window"))
    monkeypatch.setattr(gates.Learned, "__call__", lambda *_: pytest.fail("a whole window"))
    (poses,) = reported(count=1)
    frames = [
        Frame(index=t, time=t / FPS, people={"driver": Detection(
            keypoints=poses.keypoints[t], confidence=poses.confidence[t])})
        for t in range(20)
    ]  # fmt: skip
    from test_streaming import Passing, completer

    live = Pipeline(detector=Passing(), window=Window(past=149, hop=1, future=0), gate=judge,
                    completer=completer(network()), head=head)  # fmt: skip
    info = StreamInfo(name="ride", fps=FPS, image_size=(640, 480))
    found = [result.people["driver"].classes["sits"] for result in live.run(Frames(frames, info))]
    assert [values.shape for values in found] == [(1, 4)] * 20
    assert np.allclose(np.concatenate(found).sum(axis=1), 1)
