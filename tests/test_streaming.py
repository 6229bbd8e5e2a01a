"""The network frame by frame says what it says of windows of the past."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_pipeline import Given as Frames
from test_pipeline import Passing

from kpcomplete import checkpoint, normalize
from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.completer import Stream as AnyStream
from kpcomplete.completer import Streaming
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.completer.live import Live
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.mixture import Mixture
from kpcomplete.model.given import Given
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import Timeline
from kpcomplete.pipeline import Pipeline
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.window import Window

FPS = 29.97  # no wait is exactly as long as an edge of `KINDS`, where rounding would decide
SKELETON = Skeleton.load("blazepose33")
ARMS = slice(SKELETON.index("left_elbow"), SKELETON.index("left_hip"))


def network(*, prior=True, unsupported=()):
    """Return a network all of whose parts do something."""
    torch.manual_seed(0)
    made = Temporal(width=24, dilations=[1, 3, 9, 27], codes=8)
    if prior:
        made.adopt(checkpoint.load(checkpoint.shipped("gaussian")).tensors)
    made.support.fill_(1000)
    made.support[list(unsupported)] = 0
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        made.growth.fill_(0.15)
    made.centre.normal_()
    made.spread.uniform_(0.2, 0.6)
    made.choice.uniform_()
    made.trust.uniform_()
    made.calibration.uniform_(0.5, 2.0)
    return made.eval().requires_grad_(False)


def people(time=150, count=3, seed=1):
    """Return people in pixels: joints flicker, parts are gone for seconds, some for good."""
    source = Synthetic(length=time, seats=[f"seat{i}" for i in range(count)])
    keypoints = torch.from_numpy(np.stack([source.truth[seat] for seat in source.seats]))
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.rand(count, time, 33, generator=draw) < 0.3
    hidden[:, 20:, 15:23] = True
    hidden[:, : time // 2, 23] = True
    hidden[-1, :, :11] = True
    hidden[0, 40:60] = True  # nobody there
    known = (torch.rand(count, 33, generator=draw) < 0.7).float()
    memory = Memory(mean=(keypoints.mean(dim=1) + 5) * known[..., None], count=100 * known)
    return replace(PoseBatch.from_keypoints(keypoints, fps=FPS).hide(hidden), memory=memory)


def frame(batch, t):
    return batch.frames(slice(t, t + 1))


def streamed(stream, batch, placement=None, frames=None):
    """Return the predictions of frames, put together, and the last placement."""
    found = []
    for t in frames or range(batch.times.shape[1]):
        one, used = stream.step(frame(batch, t), t / FPS, placement)
        found.append((one.mean, one.factor, one.known))
    return *(torch.cat(parts, dim=1) for parts in zip(*found, strict=True)), used


@pytest.mark.parametrize("unsupported", [(), (25, 27, 29, 31)])
@pytest.mark.parametrize("prior", [True, False])
@pytest.mark.parametrize("remembers", [True, False])
def test_streaming_equals_the_causal_network_on_all_frames_so_far(prior, unsupported, remembers):
    made, batch = network(prior=prior, unsupported=unsupported), people()
    if not remembers:
        batch = replace(batch, memory=None)
    placement = normalize.fit(batch)
    with torch.inference_mode():
        whole = made(placement.into_body(batch), causal=True)
    stream = Stream(made)
    stream.arrange([None] * len(batch))
    mean, factor, known, _ = streamed(stream, batch, placement)
    assert torch.equal(known, whole.known)
    assert known.any()
    assert (
        whole.mean[~batch.observed] - placement.into_body(batch).keypoints[~batch.observed]
    ).std() > 0.1
    torch.testing.assert_close(mean, whole.mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(factor[known], whole.factor[known], rtol=1e-4, atol=1e-5)


def test_what_is_older_than_the_window_is_forgotten():
    made, batch = network(), people(time=60, count=1)
    batch = batch.hide(torch.arange(60)[None, :, None] >= 10)
    stream = Stream(made, window=30)
    stream.arrange([None])
    known = streamed(stream, batch)[2][0].any(dim=-1)
    assert known[:39].all()  # seen last in frame 9
    assert not known[39:].any()


def test_sums_are_those_of_the_window_when_it_slides():
    made, batch = network(prior=False), people(time=90)
    stream = Stream(made, window=20)
    stream.arrange([None] * 3)
    placement = normalize.fit(batch)
    streamed(stream, batch, placement)
    last, state = batch.frames(slice(70, 90)), stream._state
    assert torch.equal(torch.from_numpy(state.count), last.observed.sum(dim=1))
    torch.testing.assert_close(
        torch.from_numpy(state.total).float(), last.keypoints.sum(dim=1), rtol=1e-5, atol=1e-3
    )
    assert state.pairs.any(axis=(0, 2)).all()
    expected = Timeline.of(placement.into_body(last), causal=True).habit[:, -1]
    found = torch.from_numpy(state.habits()).float()
    assert (expected.amax(dim=(0, 1)) > 0.01).all()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_placement_is_that_of_the_window():
    batch = people(time=45)
    stream = Stream(network(), window=20)
    stream.arrange([None] * 3)
    used = streamed(stream, batch)[3]  # frame 44 is one in which it is fitted
    expected = normalize.fit(batch.frames(slice(25, 45)))
    torch.testing.assert_close(used.centre, expected.centre)
    torch.testing.assert_close(used.scale, expected.scale)


def test_moving_and_scaling_the_person_moves_and_scales_the_completion():
    batch = people(time=60)
    moved = replace(
        batch,
        keypoints=batch.keypoints * 2 + 64,
        memory=replace(batch.memory, mean=batch.memory.mean * 2 + 64),
    )
    out = []
    for one in (batch, moved):
        live = Live(network(), window=30)
        names = ["a", "b", "c"]
        done = [live(frame(one, t), names, t / FPS) for t in range(60)]
        out.append(torch.cat([d.keypoints for d in done], dim=1))
        given = torch.cat([d.observed for d in done], dim=1)
    torch.testing.assert_close(out[1][given], out[0][given] * 2 + 64, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("count", [33, 8, 2, 1])
def test_any_joints_give_a_finite_completion_of_all(count):
    made = network()
    for seed in range(5):
        chosen = torch.randperm(33, generator=torch.Generator().manual_seed(seed))[:count]
        shown = torch.zeros(2, 20, 33, dtype=torch.bool)
        shown[..., chosen] = True
        keypoints = torch.from_numpy(
            np.stack(list(Synthetic(length=20, seats="ab").truth.values()))
        )
        batch = replace(PoseBatch.from_keypoints(keypoints, fps=FPS).hide(~shown), memory=None)
        live = Live(made, window=150)
        for t in range(20):
            done = live(frame(batch, t), ["a", "b"], t / FPS)
            assert done.observed.all()
            assert done.keypoints.isfinite().all()
            assert done.covariance.isfinite().all()
            assert (done.confidence >= 0).all()


def test_no_joints_at_all_stay_missing():
    batch = people(time=5, count=2)
    live = Live(network(), window=150)
    for t in range(5):
        nobody = frame(batch, t).hide(torch.ones(2, 1, 33, dtype=torch.bool))
        assert not live(nobody, ["a", "b"], t / FPS).observed.any()


def test_people_come_and_go_without_touching_each_other():
    made, batch = network(), people(time=40)
    alone = []
    for row in range(3):
        live = Live(made, window=30)
        one = batch.select(slice(row, row + 1))
        frames = range(10, 40) if row == 2 else range(40)
        alone.append({t: live(frame(one, t), ["x"], t / FPS) for t in frames})
    live = Live(made, window=30)
    for t in range(40):
        # c comes after 10 frames, a leaves after 20, and the others change places
        rows = [0, 1] if t < 10 else [0, 1, 2] if t < 20 else [2, 1]
        done = live(frame(batch, t).select(torch.tensor(rows)), ["abc"[r] for r in rows], t / FPS)
        for place, row in enumerate(rows):
            one = alone[row][t]
            assert torch.equal(done.observed[place], one.observed[0])
            torch.testing.assert_close(done.keypoints[place], one.keypoints[0], rtol=0, atol=0.01)


@pytest.mark.parametrize("count", [0, 1, 16, 17, 32, 33])
def test_given_answers_as_the_mixture_does(count):
    found = checkpoint.load(checkpoint.shipped("gaussian")).tensors
    root = found["factor"].double().tril()
    mixture = Mixture(
        joints=found["joints"], weight=found["weight"].double(), mean=found["mean"].double(),
        covariance=root @ root.mT,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(count)
    observed = torch.zeros(33, dtype=torch.bool)
    observed[torch.randperm(33, generator=generator)[:count]] = True
    points = torch.randn(33, 2, generator=generator).double()
    expected = mixture.condition(points[None], observed[None])
    given = Given(mixture)
    for _ in range(2):  # worked out, and kept
        found = given(points.numpy(), observed.numpy())
        wanted = (expected.mean[0], expected.covariance[0], expected.doubtful[0])
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(torch.from_numpy(one), other, rtol=1e-6, atol=1e-7)


def completer(made, causal=True):
    made_up = AutoencoderCompleter.__new__(AutoencoderCompleter)  # without a file
    made_up.network, made_up.causal, made_up.max_std, made_up.chunk = made, causal, None, 20_000
    made_up._whole = made_up._step = None
    return made_up


def ride(time=100, seed=0):
    """Return frames of a driver whose head and shoulders keep still, and are always seen."""
    batch = people(time=time, count=1, seed=seed)
    keypoints, seen = batch.keypoints[0].numpy().copy(), batch.observed[0].numpy().copy()
    still = [*range(13)]
    keypoints[:, still] = Synthetic(length=1).truth["driver"][:, still]
    seen[:, still] = True
    confidence = seen.astype(np.float32)
    return [
        Frame(index=t, time=t / FPS,
              people={"driver": Detection(keypoints=keypoints[t], confidence=confidence[t])})
        for t in range(time)
    ]  # fmt: skip


INFO = StreamInfo(name="ride", fps=FPS, image_size=(640, 480))


def completed(frames, **options):
    options = {"detector": Passing(), "window": Window(past=149, hop=1, future=0)} | options
    return [r.people["driver"].completed for r in Pipeline(**options).run(Frames(frames, INFO))]


def test_the_pipeline_streams_when_live_and_says_what_it_says_of_windows():
    made, frames = network(), ride()
    live = completed(frames, completer=completer(made))

    class Whole:
        causal = True
        __call__ = staticmethod(completer(made))

    windowed = completed(frames[:60], completer=Whole())
    for t, (one, other) in enumerate(zip(live, windowed, strict=False)):
        np.testing.assert_array_equal(one.visibility, other.visibility, str(t))
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=0.01)
        np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)
        seen = one.is_observed
        np.testing.assert_array_equal(one.keypoints[seen], other.keypoints[seen])


def test_the_network_is_not_asked_about_windows_when_live(monkeypatch):
    made = network()
    monkeypatch.setattr(Temporal, "forward", lambda *_, **__: pytest.fail("a whole window"))
    assert len(completed(ride(5), completer=completer(made))) == 5


@pytest.mark.parametrize(
    "window", [Window(past=9, hop=2, future=0), Window(past=9, hop=1, future=1)]
)
def test_other_windows_are_completed_as_wholes(window, monkeypatch):
    monkeypatch.setattr(AutoencoderCompleter, "stream", lambda *_: pytest.fail("a stream"))
    assert completed(ride(20), completer=completer(network()), window=window)


def test_there_is_a_live_form_of_the_causal_network_only():
    assert isinstance(completer(network()), Streaming)
    assert isinstance(completer(network()).stream(150), AnyStream)
    assert completer(network(), causal=False).stream(150) is None


class Kept:
    """A completer whose live form fills in nothing, and keeps what it was given."""

    causal = True

    def __init__(self):
        self.given = []

    def __call__(self, batch, /):
        raise AssertionError("a whole window")

    def stream(self, window):
        self.window = window
        return self._next

    def _next(self, batch, people, seconds, /):
        self.given.append((seconds, list(people), batch.memory))
        everything = torch.ones_like(batch.observed)
        covariance = torch.ones(*batch.observed.shape, 2, 2)
        return replace(batch, observed=everything, covariance=covariance)


def test_what_left_the_window_is_remembered_live():
    kept, frames = Kept(), ride(30)
    completed(frames, completer=kept, window=Window(past=9, hop=1, future=0))
    assert kept.window == 10
    memories = [memory for *_, memory in kept.given]
    assert [m is None for m in memories] == [True] * 10 + [False] * 20
    assert memories[-1].count.max() == pytest.approx(20, abs=0.1)
    gone = np.mean([f.people["driver"].keypoints[0] for f in frames[:20]], axis=0)
    np.testing.assert_allclose(memories[-1].mean[0, 0], gone, atol=0.01)


def test_a_seat_left_for_long_is_empty_and_forgotten_live():
    frames = [replace(f, people={} if 10 <= t < 40 else f.people) for t, f in enumerate(ride(45))]
    kept = Kept()
    window = Window(past=9, hop=1, future=0)
    out = completed(frames, completer=kept, window=window, max_absence=4.5 / FPS,
                    detector=Passing(seats=("driver",)))  # fmt: skip
    given = [not poses.is_missing.any() for poses in out]
    assert given == [t < 14 or t >= 40 for t in range(45)]
    assert [round(s * FPS) for s, *_ in kept.given] == [*range(19), *range(40, 45)]
    assert kept.given[-1][2] is None  # someone else may sit there
