"""The parts of the learned gate, how it learns, and how it is measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kpcomplete import checkpoint, staged
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark import invented
from kpcomplete.errors import ModelFileError, SettingError, SourceError
from kpcomplete.frame import Detection, Frame
from kpcomplete.gate import fitting, watch
from kpcomplete.gate.confidence import Confidence
from kpcomplete.gate.learned import Learned
from kpcomplete.gate.signs import KEY, faded, layout, summed
from kpcomplete.gate.surroundings import LOST, NOISE, Surroundings
from kpcomplete.mixture import Mixture
from kpcomplete.model.linear import Linear
from kpcomplete.skeleton import Skeleton
from kpcomplete.staged import Scene

SKELETON = Skeleton.load("blazepose33")
UPRIGHT = {"nose": (0, -0.65), "ear": (0.2, -0.65), "eye": (0.08, -0.75), "mouth": (0.07, -0.5),
           "shoulder": (0.5, 0), "elbow": (0.65, 0.75), "wrist": (0.5, 1.1), "index": (0.45, 1.3),
           "pinky": (0.5, 1.3), "thumb": (0.4, 1.2), "hip": (0.3, 1.25), "knee": (0.5, 2.0),
           "ankle": (0.5, 3.0), "heel": (0.5, 3.1), "foot": (0.5, 3.2)}  # fmt: skip


def upright():
    """Return ``[33, 2]`` body units of somebody who is seen from ahead."""
    out = []
    for name in SKELETON.joints:
        x, y = next(UPRIGHT[part] for part in UPRIGHT if part in name.split("_"))
        out.append((-x if "right" in name else x, y))
    return np.array(out, dtype=np.float32)


def scene(number, seat="driver", time=20):
    """Return a scene in which the knees are put on the hands, with little less confidence."""
    rng = np.random.default_rng([number, len(seat)])
    truth = 60 * upright() + (320, 120) + rng.normal(0, 10, 2)
    truth = truth + rng.normal(0, 1, (time, 33, 2))
    found = truth + rng.normal(0, 1.5, truth.shape)
    confidence = rng.uniform(0.7, 1.0, truth.shape[:2])
    for side in ("left", "right"):
        knee, hand = SKELETON.indices([f"{side}_knee", f"{side}_wrist"])
        found[:, knee] = truth[:, hand] + rng.normal(0, 4, (time, 2))
        confidence[:, knee] = rng.uniform(0.6, 0.95, time)
    return Scene(
        person=f"0_{number:03d}_{seat}", seat=seat, camera="mirror", fps=30.0,
        image_size=(640, 480), keypoints=found.astype(np.float32),
        confidence=confidence.astype(np.float32), truth=truth.astype(np.float32),
        visible=np.ones(truth.shape[:2], dtype=bool),
    )  # fmt: skip


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    path = tmp_path_factory.mktemp("staged") / "staged.safetensors"
    staged.write(path, [scene(n, seat) for n in range(5) for seat in ("driver", "passenger")])
    return path


@pytest.fixture(scope="module")
def trained(material):
    path = material.with_name("gate.safetensors")
    return path, fitting.fit(material=material, output=path, held_out=2, steps=60, rate=2e-2)


# -- where the rest of the body says a joint is --------------------------------------------------


@pytest.mark.parametrize("lost", [[], [4], [0, 3]])
def test_leaving_out_agrees_with_the_mixture_itself(lost):
    draw = torch.Generator().manual_seed(3)
    root = torch.randn(3, 10, 10, generator=draw, dtype=torch.float64)
    covariance = root @ root.mT + 0.5 * torch.eye(10)
    mean = torch.randn(3, 10, generator=draw, dtype=torch.float64)
    weight = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    singles = [torch.tensor([j]) for j in range(5)]
    groups = [torch.tensor([0]), torch.tensor([1, 2]), torch.tensor([3, 4])]
    points = torch.randn(6, 5, 2, generator=draw, dtype=torch.float64)
    trusted = torch.ones(6, 5, dtype=torch.bool)
    trusted[:, lost] = False
    found = Surroundings(weight, mean, covariance, [singles, groups])(points, trusted)
    noise = torch.where(trusted[0], NOISE, LOST).repeat_interleave(2).double()
    same = Mixture(
        joints=torch.arange(5), weight=weight, mean=mean, covariance=covariance + torch.diag(noise)
    )
    for way, result in zip((singles, groups), found, strict=True):
        for group in way:
            others = torch.ones(6, 5, dtype=torch.bool)
            others[:, group] = False
            wanted = same.condition(points, others)
            torch.testing.assert_close(result.gap[:, group], (points - wanted.mean)[:, group])
            torch.testing.assert_close(result.covariance[:, group], wanted.covariance[:, group])


def test_patterns_are_remembered_but_not_mixed_up():
    weight, mean = torch.ones(1), torch.zeros(1, 4)
    covariance = torch.tensor([[1.0, 0, 0.9, 0], [0, 1, 0, 0.9], [0.9, 0, 1, 0], [0, 0.9, 0, 1]])
    rest = Surroundings(weight, mean, covariance[None], [[torch.tensor([0]), torch.tensor([1])]])
    points = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]] * 2)
    trusted = torch.tensor([[True, True], [True, False]])
    for _ in range(2):
        (found,) = rest(points, trusted)
        # told by the other joint that it is at 0.9, and by a lost one that it is at 0
        assert found.gap[:, 0, 0].tolist() == pytest.approx([0.1, 0.99], abs=0.02)


# -- signs ---------------------------------------------------------------------------------------


def test_who_goes_with_whom():
    who, names = layout(), SKELETON.joints
    key = [names[i] for i in who.key]
    assert key == list(KEY)
    pairs = {
        names[i]: (key[who.goes_with[i]], names[who.parent[i]], names[who.mirror[i]])
        for i in range(33)
    }
    assert pairs["left_heel"] == ("left_foot_index", "left_ankle", "right_heel")
    assert pairs["right_eye_inner"] == ("right_ear", "nose", "left_eye_inner")
    assert pairs["right_pinky"] == ("right_index", "right_wrist", "left_pinky")
    assert pairs["left_shoulder"] == ("left_shoulder", "right_shoulder", "right_shoulder")
    assert pairs["left_knee"] == ("left_knee", "left_hip", "right_knee")
    assert pairs["nose"][0] == pairs["nose"][2] == "nose"
    assert pairs["mouth_right"] == ("nose", "nose", "mouth_left")
    assert sorted(torch.cat(who.left_out).tolist()) == list(range(len(KEY)))
    assert who.kind[names.index("left_knee")] == who.kind[names.index("right_knee")]


def test_sums_fade_with_time_and_not_with_frames():
    values = torch.tensor([[[1.0], [0.0], [2.0]]])
    times = torch.tensor([[0.0, 1.0, 3.0]])
    (sums,) = summed(values, times, (1.0,))
    wanted = [1.0, np.exp(-1), 2 + np.exp(-3)]
    assert sums[0, :, 0].tolist() == pytest.approx(wanted)
    (means,) = faded(values, times, (1.0,))
    count = [1.0, 1 + np.exp(-1), 1 + np.exp(-2) + np.exp(-3)]
    assert means[0, :, 0].tolist() == pytest.approx(np.divide(wanted, count).tolist())


def test_sums_of_long_windows_are_those_of_a_loop():
    draw = torch.Generator().manual_seed(0)
    values = torch.rand(2, 300, 3, generator=draw)
    times = torch.rand(2, 300, generator=draw).cumsum(dim=1) / 20
    wanted = values.clone()
    for t in range(1, 300):
        keep = torch.exp(-(times[:, t] - times[:, t - 1]) / 0.7)[:, None]
        wanted[:, t] += keep * wanted[:, t - 1]
    torch.testing.assert_close(summed(values, times, (0.7,))[0], wanted)


def test_the_mirror_mirrors_twice():
    batch, edges = watch.placed([scene(0).poses()])
    once = watch.mirrored(batch, edges, layout().mirror)
    again, limits = watch.mirrored(*once, layout().mirror)
    torch.testing.assert_close(again.keypoints, batch.keypoints)
    torch.testing.assert_close(limits, edges)
    assert not torch.allclose(once[0].keypoints, batch.keypoints)


def test_edges_are_those_of_the_image():
    batch, edges = watch.placed([scene(0).poses()])
    assert (edges[0, 2:] - edges[0, :2]).tolist() == pytest.approx(
        [640 / 60, 480 / 60], rel=0.05
    )  # the person's body unit is about 60 pixels
    inside = (batch.keypoints > edges[0, :2]) & (batch.keypoints < edges[0, 2:])
    assert inside.all()


# -- judging a recording -------------------------------------------------------------------------


class Spy:
    """A gate that distrusts the nose, and keeps how many frames it was shown."""

    distrust = 0.5

    def __init__(self):
        self.shown = []

    def __call__(self, batch: PoseBatch, edges=None, last=None, /):
        self.shown.append(batch.times.shape[1])
        doubt = torch.zeros_like(batch.confidence)
        doubt[..., 0] = 1.0
        return doubt[:, -last:]


@pytest.mark.parametrize("size", [1, 4])
def test_each_frame_is_judged_once_whatever_is_shown(size):
    spy = Spy()
    guard = watch.Guard(spy, past=5)
    poses = scene(0).poses()
    for end in range(size, 21, size):
        shown = poses[max(0, end - 9) : end]
        hidden = guard(shown)
        assert hidden.shape == (len(shown), 33)
        assert hidden[:, 0].all()
        assert not hidden[:, 1:].any()
    assert spy.shown[-1] == 5 + size
    assert len(spy.shown) == 20 // size


def test_the_pipeline_completes_what_the_gate_distrusts(frames, info):
    from test_pipeline import Given, pipeline

    for result in pipeline(gate=Spy()).run(Given(frames, info)):
        person = result.people["driver"]
        seen = person.observed.is_observed
        assert not person.completed.is_observed[:, 0].any()
        assert (person.completed.is_observed[:, 1:] == seen[:, 1:]).all()


def test_an_empty_seat_is_not_judged(info):
    from test_pipeline import Given, Passing, pipeline

    spy = Spy()
    nobody = [Frame(index=i, time=i / 30) for i in range(6)]
    results = list(pipeline(gate=spy, detector=Passing(seats=("driver",))).run(Given(nobody, info)))
    assert not spy.shown
    assert all(r.people["driver"].completed.is_missing.all() for r in results)


def test_the_same_joints_are_distrusted_live(info):
    from test_pipeline import Given, pipeline

    from kpcomplete.window import Window

    one = scene(1, time=16)
    frames = [
        Frame(index=i, time=i / 30, people={"driver": Detection(keypoints=p, confidence=c)})
        for i, (p, c) in enumerate(zip(one.keypoints, one.confidence, strict=True))
    ]
    gate = Confidence(distrust=0.2)
    live, whole = (
        np.concatenate(
            [
                r.people["driver"].completed.is_observed
                for r in pipeline(gate=gate, window=window).run(Given(frames, info))
            ]
        )
        for window in (Window(past=5, hop=1, future=0), Window(past=9, hop=4, future=9))
    )
    np.testing.assert_array_equal(live, whole)
    np.testing.assert_array_equal(live, one.confidence >= 0.8)


# -- files, learning, measuring ------------------------------------------------------------------


def test_scenes_come_back_as_they_were(tmp_path):
    path = tmp_path / "a.safetensors"
    staged.write(path, [scene(0), scene(1, "passenger")])
    first, second = staged.read(path)
    assert (first.person, second.seat, first.image_size) == (
        "0_000_driver",
        "passenger",
        (640, 480),
    )
    np.testing.assert_array_equal(first.keypoints, scene(0).keypoints)
    np.testing.assert_array_equal(second.visible, scene(1, "passenger").visible)


@pytest.mark.parametrize("content", [b"no", None])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "b.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"b.safetensors should be a file of `kpcomplete stage`"):
        staged.read(path)


def test_errors_are_in_body_units_of_the_truth():
    one = scene(0)
    knee = SKELETON.index("left_knee")
    wanted = np.linalg.norm(np.subtract(UPRIGHT["knee"], UPRIGHT["wrist"]))
    assert one.errors()[:, knee].mean() == pytest.approx(wanted, rel=0.1)
    missing = replace(one, keypoints=np.full_like(one.keypoints, np.nan))
    assert np.isnan(missing.errors()).all()


def test_rides_are_held_out_with_everybody_in_them(material):
    scenes = staged.read(material)
    train, test = fitting.split(scenes, 2)
    assert {s.person for s in test} == {
        f"0_00{n}_{seat}" for n in (3, 4) for seat in ("driver", "passenger")
    }
    assert len(train) + len(test) == len(scenes)
    assert fitting.split(scenes, 0)[1] == []
    with pytest.raises(SettingError, match="held_out must leave some of 5 rides, but is 5"):
        fitting.split(scenes, 5)


def test_knees_on_hands_are_learned(trained, material):
    path, record = trained
    assert record["auroc"] > 0.95
    gate = Learned(weights=path)
    assert "0_000_driver" in gate.people
    assert set(record["held_out"]).isdisjoint(gate.people)
    doubt = watch.doubts([scene(4).poses()], gate)[0]
    knees = SKELETON.indices(["left_knee", "right_knee"])
    others = np.setdiff1d(np.arange(33), knees)
    assert np.median(doubt[:, knees]) > 0.5 > np.median(doubt[:, others])
    assert path.stat().st_size < 200_000


def test_the_same_seed_learns_the_same(trained, material, tmp_path):
    again = fitting.fit(
        material=material, output=tmp_path / "again.safetensors", held_out=2, steps=60, rate=2e-2
    )
    assert again["auroc"] == trained[1]["auroc"]


def test_only_people_never_trained_on_are_measured(trained, material, capsys):
    gate = Learned(weights=trained[0])
    found = invented.run(gate=gate, material=material)
    assert found["people"] == 4
    assert found["auroc"] == pytest.approx(trained[1]["auroc"], abs=0.01)
    assert found["auroc"] > found["mediapipe_auroc"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["joints", "head", "trunk", "left_arm",
                                                   "right_arm", "legs", "all"]  # fmt: skip
    assert invented.run(gate=gate, material=material, people=["0_004_driver"])["people"] == 1
    with pytest.raises(SettingError, match="but has none of 0_000_driver"):
        invented.run(gate=gate, material=material, people=["0_000_driver"])


def test_confidence_itself_is_what_mediapipe_says(material):
    found = invented.run(gate=Confidence(distrust=0.0), material=material, quick=True)
    assert found["auroc"] == found["mediapipe_auroc"]
    assert (found["caught"], found["lost"], found["people"]) == (1.0, 1.0, 4)


@pytest.mark.parametrize("distrust", [-0.1, 1.5])
def test_distrust_is_a_probability(distrust):
    with pytest.raises(SettingError, match=rf"distrust must be in 0..1, but got {distrust}"):
        Confidence(distrust=distrust)
    with pytest.raises(SettingError, match=rf"distrust must be in 0..1, but got {distrust}"):
        Learned(distrust=distrust)


def test_a_checkpoint_of_something_else_is_no_gate(tmp_path):
    network, path = Linear(latent=4), tmp_path / "linear.safetensors"
    checkpoint.save(path, network.state_dict(), checkpoint.Metadata.of(network, {}))
    with pytest.raises(ModelFileError, match=r"must hold a gate, but holds .*Linear"):
        Learned(weights=path)


def test_what_is_shipped_is_small():
    assert checkpoint.shipped("gate").stat().st_size <= 200_000
