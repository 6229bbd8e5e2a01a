"""Sums of errors, comparisons by person, and what is tried on which material."""

import numpy as np
import pytest
import torch

from kpcomplete import summary
from kpcomplete.batch import PoseBatch
from kpcomplete.comparison import Comparison
from kpcomplete.completer.gaps import finish
from kpcomplete.corruption.blocks import Blocks
from kpcomplete.corruption.gaps import Gaps
from kpcomplete.corruption.outliers import Outliers
from kpcomplete.corruption.parts import Parts
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.footage import Strip
from kpcomplete.material import Windows
from kpcomplete.occlusion import Occlusion
from kpcomplete.pose import PoseSequence
from kpcomplete.replay import Recorded, stored, true_joints
from kpcomplete.robustness import HIDDEN, REAL, WRONG, Mode, Trial, compare
from kpcomplete.score import Judged, Pairs, Tally
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.poses import Poses
from kpcomplete.window import Window

SKELETON = Skeleton.load("blazepose33")
NAN = np.nan
WHOLE = Window(past=30, hop=30, future=30)
TORSO = {"nose": (0, -40), "left_shoulder": (50, 0), "right_shoulder": (-50, 0),
         "left_elbow": (60, 70), "right_elbow": (-60, 70), "left_wrist": (50, 120),
         "right_wrist": (-50, 120)}  # fmt: skip


class Off:
    """Completes all joints, each a fixed way from where the truth would be; knows the truth."""

    causal = True

    def __init__(self, truth, off, std=1.0, leaves=()):
        self.truth, self.off, self.std = truth, off, std
        self.leaves = SKELETON.indices(leaves)

    def __call__(self, batch):
        known = torch.isfinite(self.truth).all(dim=-1).expand(batch.observed.shape).clone()
        known[..., self.leaves] = False
        mean = torch.nan_to_num(self.truth) + torch.tensor([self.off, 0.0])
        covariance = self.std**2 * torch.eye(2).expand(*batch.observed.shape, 2, 2)
        return finish(batch, mean.expand_as(batch.keypoints), covariance, known)


def person(frames=40, shift=0.0):
    """Return ``[T, 33, 2]`` pixels of somebody who sits still; S is 100 px."""
    points = np.full((frames, 33, 2), NAN, dtype=np.float32)
    for joint, place in TORSO.items():
        points[:, SKELETON.index(joint)] = np.array(place) + 300 + shift
    return points


def recording(points, name="ride.csv", seat="driver", confidence=None):
    pose = PoseSequence.observed(
        points, confidence, skeleton=SKELETON, fps=30.0, image_size=(640, 480), person=seat
    )
    return Poses.from_sequences([pose], name=name)


def body(points):
    """Return pixels of `person` in body units: 100 px, from the middle of the shoulders."""
    return torch.from_numpy((points[:1] - np.float32(300)) / np.float32(100))


def hiding(*parts):
    return {"part": Occlusion(title="t", axis="a", levels={"x": Parts(parts=list(parts))})}


def test_tallies_by_hand_and_their_sum():
    truth = np.zeros((1, 1, 4, 2))
    answer = np.array([[[[3.0, 4], [0, 1], [NAN, NAN], [0, 50]]]])
    covariance = np.broadcast_to(np.eye(2) * 4, (1, 1, 4, 2, 2))
    judged = Judged.of(answer, covariance, truth, unit=np.array([10.0]))
    np.testing.assert_allclose(judged.error[0, 0, :2], [0.5, 0.1])
    np.testing.assert_allclose(judged.square[0, 0, :2], [25 / 4, 1 / 4])
    tally = Tally.of(judged, np.array([[[True, True, True, False]]]))
    both = (tally + tally).all
    figures = both.figures()
    assert both.count == [6]
    assert figures["missing"] == pytest.approx([1 / 3])
    assert figures["error"] == pytest.approx([0.3])
    assert figures["pck"] == pytest.approx([1 / 3])  # the second alone is within 0.25 S
    # chi-square for 95 % is 5.99, for 50 % 1.39
    assert figures["coverage_95"] == pytest.approx([0.5])
    assert figures["coverage_50"] == pytest.approx([0.5])
    assert np.isnan(tally.figures()["error"][3])  # nothing was asked


def test_pairs_compare_where_both_answer():
    pairs = Pairs.of([np.array([1.0, 2, NAN, 4]), np.array([0.5, NAN, 3, 1])])
    assert pairs.difference(0, 1) == pytest.approx(((1 - 0.5) + (4 - 1)) / 2)
    assert pairs.difference(1, 0) == -pairs.difference(0, 1)
    twice = pairs + pairs
    assert twice.difference(0, 1) == pairs.difference(0, 1)
    assert np.isnan(Pairs.of([np.array([NAN]), np.array([1.0])]).difference(0, 1))


def test_a_known_error_is_found_in_recordings_and_in_windows():
    points = person()
    modes = {
        "offline": Mode(window=WHOLE, completers={"off": Off(body(points), 0.3)}),
    }
    poses = PoseSet.from_clips(
        [torch.from_numpy(points)], people=["somebody"], views=["front"], fps=30.0
    )
    materials = [
        Recorded(poses=recording(points)),
        Windows.of("set", poses, length=20, count=9),
    ]
    assert len(materials[1].people) == 2
    comparison = Comparison(compare(materials, hiding("left_wrist"), modes))
    (trial,) = comparison.trials
    assert trial == Trial("offline", "part", "x", HIDDEN)
    assert comparison.people == ("ride.csv:driver", "somebody")
    figure = comparison.figures[trial]["off"]
    assert figure.error == pytest.approx(0.3, abs=1e-4)
    assert figure.interval == pytest.approx((0.3, 0.3), abs=1e-4)
    assert figure.missing == 0
    rows = comparison.table().to_pylist()
    assert {(r["recording"], r["joint"], r["count"]) for r in rows} == {
        ("ride.csv", "left_wrist", 40), ("ride.csv", "all", 40),
        ("set", "left_wrist", 40), ("set", "all", 40),
    }  # fmt: skip


def test_completers_meet_the_same_mask_again_and_again():
    points = person()
    completers = {"near": Off(body(points), 0.1), "far": Off(body(points), 0.4)}
    modes = {name: Mode(window=WHOLE, completers=completers) for name in ("a", "b")}
    flicker = Occlusion(title="t", axis="a", levels={0.3: RandomJoints(ratio=0.3, seed=4)})
    material = Recorded(poses=recording(points))
    first = compare([material], {"flicker": flicker}, modes)
    second = compare([material], {"flicker": flicker}, modes)
    assert first.masks == second.masks
    other = Occlusion(title="t", axis="a", levels={0.3: RandomJoints(ratio=0.3, seed=5)})
    assert first.masks != compare([material], {"flicker": other}, modes).masks
    counts = {
        int(tally.count.sum())
        for sums in first.tallies.values()
        for one in sums.values()
        for tally in one.values()
    }
    assert len(counts) == 1


def test_differences_are_paired_and_drawn_by_person():
    people = [person() for _ in range(6)]
    completers = {
        "best": Off(body(people[0]), 0.1),
        "judged": Off(body(people[0]), 0.2),
        "lazy": Off(body(people[0]), 0.0, leaves=["left_wrist"]),
    }
    modes = {"offline": Mode(window=WHOLE, completers=completers)}
    materials = [Recorded(poses=recording(p, name=f"{i}.csv")) for i, p in enumerate(people)]
    comparison = Comparison(compare(materials, hiding("left_forearm"), modes), ["judged"])
    (trial,) = comparison.trials
    assert comparison.references[trial] == "best"  # lazy is nearer, but leaves half open
    figure = comparison.figures[trial]["judged"]
    assert figure.difference == pytest.approx(0.1, abs=1e-4)
    assert figure.between == pytest.approx((0.1, 0.1), abs=1e-4)
    assert figure.verdict == 1
    assert np.isnan(comparison.figures[trial]["best"].difference)
    assert comparison.figures[trial]["lazy"].missing == pytest.approx(0.5)
    assert "worse in 1" in summary.verdict(comparison)[0]
    assert "0.000*" in summary.table(comparison)
    few = Comparison(compare(materials[:5], hiding("left_forearm"), modes), ["judged"])
    assert few.figures[trial]["judged"].between == pytest.approx((0.1, 0.1), abs=1e-4)
    assert few.figures[trial]["judged"].verdict == 0  # five may agree by chance
    assert "With 5 people intervals are too rough" in summary.verdict(few)[0]
    named = Comparison(comparison.findings, ["judged"], "lazy")
    assert named.figures[trial]["judged"].difference == pytest.approx(0.2, abs=1e-4)


def test_one_person_gets_no_interval_and_that_is_said():
    points = person()
    completers = {"one": Off(body(points), 0.1), "two": Off(body(points), 0.2)}
    modes = {"offline": Mode(window=WHOLE, completers=completers)}
    comparison = Comparison(
        compare([Recorded(poses=recording(points))], hiding("face"), modes), ["one"]
    )
    (trial,) = comparison.trials
    assert comparison.figures[trial]["one"].between is None
    assert "no interval can be given" in summary.verdict(comparison)[0]
    cautions = summary.cautions(comparison, {"two": ["ride.csv:driver"]}, {})
    assert cautions[0].startswith("two: fitted with all of these people")
    assert any("no interval" in caution for caution in cautions)


def test_who_has_no_rival_is_not_praised():
    points = person()
    whole = {"one": Off(body(points), 0.1)}
    lazy = whole | {"lazy": Off(body(points), 0.1, leaves=list(TORSO))}
    for completers, said in ((whole, "one had no rival"), (lazy, "1 trials nobody else has")):
        modes = {"offline": Mode(window=WHOLE, completers=completers)}
        findings = compare([Recorded(poses=recording(points))], hiding("left_wrist"), modes)
        assert said in summary.verdict(Comparison(findings, ["one"]))[0]
    modes = {"offline": Mode(window=WHOLE, completers={"lazy": lazy["lazy"]})}
    material = Recorded(poses=recording(points))
    alone = Comparison(compare([material], hiding("left_wrist"), modes))
    assert summary.verdict(alone) == ["offline: nobody has an answer."]


def test_what_is_hidden_in_reality_is_scored_against_the_truth():
    truth = person()
    wrist, elbow = SKELETON.indices(["left_wrist", "left_elbow"])
    given = truth.copy()
    given[10:20, wrist] = NAN
    given[:5, elbow] += 60  # more than 0.25 S
    given[5:, elbow] += 5
    modes = {"offline": Mode(window=WHOLE, completers={"off": Off(body(truth), 0.3)})}
    material = Recorded(poses=recording(given), known={"driver": truth})
    findings = compare([material], {}, modes, "off")
    (real, wrong) = sorted(findings.tallies, key=lambda trial: trial.kind)
    assert (real.kind, wrong.kind) == (REAL, WRONG)
    comparison = Comparison(findings)
    assert comparison.figures[real]["off"].error == pytest.approx(0.3, abs=1e-3)
    (tally,) = findings.tallies[real]["off"].values()
    assert tally.count[wrist] == tally.count.sum() == 10
    (tally,) = findings.tallies[wrong]["off"].values()
    assert tally.count[elbow] == tally.count.sum() == 5
    masked = compare([material], hiding("left_arm"), modes)
    (sums,) = (found["off"] for trial, found in masked.tallies.items() if trial.kind == HIDDEN)
    (tally,) = sums.values()  # what was detected elsewhere is not hidden on purpose
    assert (tally.count[elbow], tally.count[wrist]) == (35, 30)
    case = findings.cases["offline", "reality"]
    assert case.counted.nonzero()[0].tolist() == [wrist]
    assert case.error == pytest.approx(0.3, abs=1e-3)


def test_moved_joints_are_counted_apart_from_hidden_ones():
    points = person()
    modes = {"offline": Mode(window=WHOLE, completers={"off": Off(body(points), 0.3)})}
    wrong = Occlusion(title="t", axis="a", levels={20: Outliers(ratio=0.2)})
    findings = compare([Recorded(poses=recording(points))], {"wrong": wrong}, modes)
    assert [trial.kind for trial in findings.tallies] == [WRONG]


def test_gaps_come_in_every_block_of_a_recording():
    points = torch.from_numpy(np.tile(person(1), (1200, 1, 1)))[None]
    batch = PoseBatch.from_keypoints(points)
    gap = Gaps(parts=["left_wrist"], shortest=1.0, longest=1.0, inside=True, seed=0)
    out = Blocks(corruption=gap, seconds=8)(batch)
    lost = (~out.observed & batch.observed)[0, :, SKELETON.index("left_wrist")]
    assert [int(part.sum()) for part in lost.split(240)] == pytest.approx([30] * 5, abs=1)
    short = batch.frames(slice(0, 160))
    assert int((~Blocks(corruption=gap, seconds=8)(short).observed & short.observed).sum()) == 30
    with pytest.raises(ValueError, match="must last some seconds, but got 0"):
        Blocks(corruption=gap, seconds=0)


def test_unsure_joints_of_a_recording_do_not_count():
    points, confidence = person(), np.ones((40, 33), dtype=np.float32)
    confidence[:, SKELETON.index("left_wrist")] = 0.2
    poses = stored(recording(points, confidence=confidence), limit=10, min_confidence=0.5)
    assert len(poses.people["driver"]) == 10
    assert not poses.people["driver"].is_observed[:, SKELETON.index("left_wrist")].any()


class Wristless:
    """Distrusts every left wrist."""

    distrust = 0.5

    def __call__(self, batch, edges=None, last=None):
        doubt = torch.zeros(batch.observed[:, -last:].shape if last else batch.observed.shape)
        doubt[..., SKELETON.index("left_wrist")] = 0.9
        return doubt


def test_joints_that_a_gate_distrusts_do_not_count():
    poses = stored(recording(person()), gate=Wristless())
    seen = poses.people["driver"].is_observed
    assert not seen[:, SKELETON.index("left_wrist")].any()
    assert seen[:, SKELETON.index("right_wrist")].all()
    strip = Strip.of(recording(person()), 0.5, Wristless())
    assert strip.seats["driver"][:, SKELETON.index("left_wrist")].isnan().all()


def test_truth_must_speak_of_somebody_who_is_there():
    pair = [recording(person(), seat=seat).people[seat] for seat in ("a", "b")]
    with pytest.raises(SettingError, match="must tell the truth of a, b, but speaks of driver"):
        true_joints(Poses.from_sequences(pair), "sample")
    both = [recording(person(), seat=seat).people[seat] for seat in ("driver", "x")]
    known = true_joints(Poses.from_sequences(both), "sample")
    assert known["driver"].shape[1:] == (33, 2)
    assert true_joints(recording(person()), None) == {}


def test_windows_are_spread_over_people_and_views():
    clips = [torch.from_numpy(person(100)) for _ in range(3)]
    poses = PoseSet.from_clips(clips, people=["a", "a", "b"], views=["x", "y", "x"], fps=30.0)
    assert Windows.of("s", poses, length=20, count=2).people == ("a", "a", "a", "a", "b", "b")
    assert set(Windows.of("s", poses, length=20, count=2, people=["b"]).people) == {"b"}
    with pytest.raises(SettingError, match="for 200 frames"):
        Windows.of("s", poses, length=200, count=2)
