from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.completer.hold import Hold
from kpcomplete.errors import SettingError
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.frontal import seen_from_ahead
from kpcomplete.head.carrying import Carrying
from kpcomplete.head.steady import Steadiness
from kpcomplete.lens import Lens
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.pose import Visibility
from kpcomplete.result import Result
from kpcomplete.window import Window


@dataclass
class Given:
    """A source of given frames that counts how far it was pulled."""

    frames: list[Frame]
    info: StreamInfo
    pulled: int = 0

    def __iter__(self):
        for frame in self.frames:
            self.pulled += 1
            yield frame


@dataclass
class Passing:
    """A detector that passes what is there."""

    seats: tuple[str, ...] = ()

    def __call__(self, frames, info, /):
        yield from frames


@dataclass
class Middle:
    """Fills in everything with the middle of the body, of unit variance."""

    causal: bool = False

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        covariance = torch.eye(2).expand(*batch.observed.shape, 2, 2)
        return replace(
            batch,
            confidence=torch.where(batch.observed, batch.confidence, 0.5),
            observed=torch.ones_like(batch.observed),
            covariance=torch.where(batch.observed[..., None, None], 0.0, covariance),
        )


@dataclass
class Kept:
    """A sink that keeps results, and how it was left."""

    results: list[Result] = field(default_factory=list)
    left_with: type | None = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace, /):
        self.left_with = kind

    def write(self, result, /):
        self.results.append(result)


def pipeline(**options):
    window = Window(past=4, hop=3, future=2)
    return Pipeline(**({"detector": Passing(), "window": window, "completer": Middle()} | options))


def test_every_frame_once_and_in_order(frames, info):
    results = list(pipeline().run(Given(frames, info)))
    assert [f.index for r in results for f in r.frames] == list(range(20))
    assert all(len(r.people["driver"].completed) == len(r.frames) for r in results)


def test_nothing_is_pulled_before_it_is_needed(frames, info):
    source = Given(frames, info)
    stream = pipeline().run(source)
    assert source.pulled == 0
    next(stream)
    assert source.pulled == 5  # hop + future


def test_observed_joints_come_back_to_the_bit_and_the_rest_is_completed(frames, info):
    for result in pipeline().run(Given(frames, info)):
        person = result.people["driver"]
        seen = person.observed.is_observed
        np.testing.assert_array_equal(
            person.completed.keypoints[seen], person.observed.keypoints[seen]
        )
        assert (person.completed.visibility[~seen] == Visibility.COMPLETED).all()
        assert np.allclose(person.completed.confidence[~seen], 0.5)
        assert (person.completed.covariance[~seen][:, 0, 0] > 1).all()  # pixels, not body units


def test_what_is_hidden_cannot_be_seen(frames, info, rng):
    hidden = rng.random((20, 33)) < 0.3

    def completed(moved):
        spoilt = []
        for frame, gone in zip(frames, hidden, strict=True):
            old = frame.people["driver"]
            points = np.where(gone[:, None] & moved, old.keypoints + 1000, old.keypoints)
            doubt = np.where(gone, 0.1, old.confidence).astype(np.float32)
            person = Detection(keypoints=points.astype(np.float32), confidence=doubt)
            spoilt.append(replace(frame, people={"driver": person}))
        results = pipeline().run(Given(spoilt, info))
        return np.concatenate([r.people["driver"].completed.keypoints for r in results])

    np.testing.assert_array_equal(completed(False), completed(True))


def test_doubtful_joints_are_kept_as_raw_but_not_believed(frames, info):
    doubt = np.full(33, 0.3, dtype=np.float32)
    points = np.ones((33, 2), dtype=np.float32)
    doubtful = replace(frames[0], people={"driver": Detection(keypoints=points, confidence=doubt)})
    (result,) = pipeline().run(Given([doubtful], info))
    assert result.people["driver"].observed.is_observed.all()
    assert result.people["driver"].completed.is_missing.all()


def test_a_watched_seat_is_reported_empty(frames, info):
    results = pipeline(detector=Passing(seats=("driver", "passenger"))).run(Given(frames, info))
    for result in results:
        assert result.people["passenger"].completed.is_missing.all()


@pytest.mark.parametrize(("causal", "filled"), [(False, {0, 1, 5, 6, 12, 13}), (True, {5, 6})])
def test_a_seat_left_for_long_is_empty_and_not_filled_in(info, causal, filled):
    points = np.ones((33, 2), dtype=np.float32)
    points[:, 0] += np.arange(33)
    person = {"driver": Detection(keypoints=points, confidence=np.ones(33, np.float32))}
    present = {2, 3, 4, 14, 15}
    frames = [
        Frame(index=i, time=float(i), people=person if i in present else {}) for i in range(16)
    ]
    stream = pipeline(
        window=Window(past=16, hop=16, future=0), completer=Middle(causal), max_absence=2.0
    ).run(Given(frames, info))
    (result,) = stream
    given = ~result.people["driver"].completed.is_missing.any(axis=1)
    assert set(np.flatnonzero(given)) == filled | present


@dataclass
class Noting(Middle):
    """Notes in how many frames joint 0 is remembered; None if nothing is."""

    notes: list[torch.Tensor | None] = field(default_factory=list)

    def __call__(self, batch: PoseBatch, /) -> PoseBatch:
        self.notes.append(None if batch.memory is None else batch.memory.count[0, 0])
        return super().__call__(batch)


def test_a_person_is_remembered_beyond_the_window_until_the_seat_is_empty(info):
    points = np.random.default_rng(0).normal((320, 240), 60, size=(33, 2)).astype(np.float32)
    person = {"driver": Detection(keypoints=points, confidence=np.ones(33, np.float32))}
    gone = range(12, 32)
    frames = [Frame(index=i, time=i / 30, people={} if i in gone else person) for i in range(40)]
    completer = Noting()
    stream = pipeline(detector=Passing(seats=("driver",)), completer=completer,
                      window=Window(past=2, hop=2, future=2)).run(Given(frames, info))  # fmt: skip
    list(stream)
    counts = [None if note is None else round(float(note)) for note in completer.notes]
    # two more frames leave the window each time; then nobody is there, and all is forgotten
    assert counts[:8] == [None, None, 2, 4, 6, 8, 10, None]
    assert all(count is None or count <= 6 for count in counts[7:])


def test_an_error_closes_all_sinks_with_it(frames, info):
    class Broken(Kept):
        def write(self, result, /):
            raise OSError("no space")

    sinks = [Kept(), Broken()]
    with pytest.raises(OSError, match="no space"):
        run(pipeline(), Given(frames, info), sinks)
    assert [s.left_with for s in sinks] == [OSError, OSError]


def test_run_counts_frames_and_leaves_sinks_well(frames, info):
    sink = Kept()
    assert run(pipeline(), Given(frames, info), [sink]) == 20
    assert sink.left_with is None
    assert sum(len(r.frames) for r in sink.results) == 20


def test_no_frames_at_all(info):
    sink = Kept()
    assert run(pipeline(), Given([], info), [sink]) == 0


def test_images_are_dropped_unless_wanted(frames, info):
    image = np.zeros((4, 4, 3), np.uint8)
    shown = [replace(f, image=image) for f in frames]
    assert all(f.image is None for r in pipeline().run(Given(shown, info)) for f in r.frames)
    kept = pipeline(keep_images=True).run(Given(shown, info))
    assert all(f.image is image for r in kept for f in r.frames)


@dataclass
class Watching:
    """A head, and what follows recordings for it, that keeps the people whom it is shown."""

    frontal: bool
    past: int = 1
    tasks: dict = field(default_factory=lambda: {"position": ("in_position", "unknown")})
    shown: list = field(default_factory=list)
    prepared: list = field(default_factory=list)
    explained: list = field(default_factory=list)

    def watch(self):
        return self

    def stream(self):
        return self

    def prepare(self, people, /):
        self.prepared.append(people)

    def __call__(self, people, /):
        self.shown.append(people)
        return {
            seat: {"position": np.tile([1.0, 0.0], (len(poses), 1))}
            for seat, poses in people.items()
        }

    def carried(self, window, task, answer):
        self.explained.append(window.keypoints[0, 0].numpy())
        return np.zeros(window.keypoints.shape[2], np.float32)


LENS = Lens(fx=500.0, position=[0.0, -1.2, 1.08], looks_at=[0.0, 0.0, 0.74])


@pytest.mark.parametrize("facing", [True, False])
def test_a_head_is_shown_people_as_it_learned_to_see_them(frames, info, facing):
    head = Watching(frontal=facing)
    results = list(pipeline(head=head, lens=LENS).run(Given(frames, info)))
    seen = results[0].people["driver"].observed
    expected = seen_from_ahead(seen, LENS.camera(info.image_size)) if facing else seen
    np.testing.assert_array_equal(head.shown[0]["driver"].keypoints, expected.keypoints)
    assert np.isfinite(expected.keypoints).any()


@pytest.mark.parametrize("facing", [True, False])
def test_live_and_where_it_explains_itself_it_is_shown_the_same(frames, info, facing):
    head = Watching(frontal=facing)
    made = pipeline(head=head, lens=LENS, completer=Hold(), window=Window(past=4, hop=1, future=0),
                    steady=Steadiness(), explain=Carrying(task="position", every=1e-6))  # fmt: skip
    first = next(made.run(Given(frames, info))).people["driver"].observed
    expected = seen_from_ahead(first, LENS.camera(info.image_size)) if facing else first
    (people,) = head.shown
    assert head.prepared[0] is people
    np.testing.assert_array_equal(people["driver"].keypoints, expected.keypoints)
    width = expected.image_size[0]
    np.testing.assert_allclose(
        width * head.explained[0], np.nan_to_num(expected.keypoints[0]), rtol=1e-5
    )


def test_a_head_that_looks_from_ahead_must_know_where_the_camera_is(frames, info):
    with pytest.raises(SettingError, match=r"where in the car .* is: set camera.position"):
        next(pipeline(head=Watching(frontal=True)).run(Given(frames, info)))
