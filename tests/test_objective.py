"""Corrupt, complete, compare, and calibrate."""

import math
from dataclasses import replace

import pytest
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import Parts
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.model import CAUSAL, OFFLINE
from kpcomplete.model.mlp import MLP
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import KINDS, Timeline
from kpcomplete.objective.augment import Augment
from kpcomplete.objective.outcome import QUANTILE, Outcome, choose_trust, scale_regions
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")


def clean(size=12, time=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    places = torch.randn(33, 2, generator=torch.Generator().manual_seed(9))
    walk = torch.randn(size, time, 33, 2, generator=generator).cumsum(dim=1) * 0.03
    return PoseBatch.from_keypoints(300 + 100 * (places + walk))


def objective(**changes):
    torch.manual_seed(0)
    settings = {"model": MLP(widths=[32, 8]), "corruption": RandomJoints(ratio=0.3, seed=1)}
    made = Reconstruct(**(settings | changes))
    made.prepare(clean())
    return made


def test_corrupted_and_clean_stand_in_the_same_place():
    made = objective(augment=Augment(seed=2), placement=Augment(mirror=0, scale=0.1, shift=0.2))
    corrupted, truth = made.corrupt(clean())
    assert torch.equal(corrupted.keypoints[corrupted.observed], truth.keypoints[corrupted.observed])
    assert truth.observed.all()
    assert 0.6 < corrupted.observed.float().mean() < 0.8


def test_windows_are_placed_by_what_is_left():
    made = objective(corruption=Parts(parts=["face"])).eval()
    corrupted, _ = made.corrupt(clean())
    again = normalize.fit(corrupted)
    torch.testing.assert_close(again.centre, torch.zeros(12, 2), atol=1e-4, rtol=0)
    torch.testing.assert_close(again.scale, torch.ones(12), atol=1e-4, rtol=0)


def test_hidden_joints_do_not_place_the_window():
    made = objective(corruption=Parts(parts=["face"])).eval()
    batch = clean()
    moved = batch.keypoints.clone()
    moved[:, :, :11] += 500
    a, _ = made.corrupt(batch)
    b, _ = made.corrupt(replace(batch, keypoints=moved))
    # the clean window is placed by all joints; only where it then stands may differ, by rounding
    torch.testing.assert_close(a.keypoints, b.keypoints, atol=1e-4, rtol=1e-4)


def test_a_step_repeats_itself():
    made = objective(augment=Augment(seed=2))
    figures = []
    for step in (3, 4, 3):
        made.reseed(step)
        torch.manual_seed(0)
        figures.append(made(clean())["loss"].item())
    assert figures[0] == figures[2] != figures[1]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, {False}), (1.0, {True}), (0.5, {False, True})]
)
def test_causal_is_drawn(share, expected, monkeypatch):
    made = objective(causal=share)
    found = []

    def loss(corrupted, clean, *, causal):
        found.append(causal)
        return {}

    monkeypatch.setattr(made.network, "loss", loss)
    for _ in range(12):
        made(clean())
    assert set(found) == expected


def test_some_batches_are_cut_in_training(monkeypatch):
    made = objective(short=0.5)
    shapes = []

    def loss(corrupted, clean, causal):
        shapes.append(corrupted.observed.shape)
        return {}

    monkeypatch.setattr(made.network, "loss", loss)
    for step in range(60):
        made.reseed(step)
        made.train()(clean(size=4))
    lengths = [time for _, time, _ in shapes]
    assert 15 < lengths.count(40) < 45
    assert min(lengths) == 1
    assert all(size == min(4 * (40 // time), 64) for size, time, _ in shapes)
    shapes.clear()
    made.eval()(clean(size=4))
    assert shapes == [(4, 40, 33)]


def test_refuses_a_share_that_is_none():
    with pytest.raises(ValueError, match=r"causal must be a share in 0\.\.1, but got 2"):
        objective(causal=2)
    with pytest.raises(ValueError, match="short"):
        objective(short=-0.1)


def test_support_counts_both_sides_if_mirrored():
    batch = clean()
    ear = SKELETON.index("left_ear")
    one_sided = batch.hide(torch.arange(33).expand(batch.observed.shape) == ear)
    for mirror, supported in ((0.0, False), (0.5, True)):
        made = objective(augment=Augment(mirror=mirror))
        made.prepare(one_sided)
        assert bool(made.network.supported[ear]) == supported


def test_calibration_makes_regions_hold_what_they_say():
    made = objective(model=Temporal(width=8, dilations=[1], codes=2))
    made.corruption = RandomJoints(ratio=0.5, hold=20, seed=1)
    figures = made.calibrate(clean(40, seed=1))
    factors = made.network.calibration
    long, arms = KINDS.index("arms_moving_0.19s"), KINDS.index("arms_unseen")
    assert factors[OFFLINE, long] != 1
    assert factors[CAUSAL, arms] != 1
    assert figures["causal_arms_unseen_factor"] == factors[CAUSAL, arms].item()
    after = made.calibrate(clean(40, seed=1))
    assert after == figures  # measured without the factor that is there
    for causal in (False, True):
        outcome = Outcome.of(made.network, *made.trials(clean(40, seed=1)), causal=causal)
        inside = outcome.inside[outcome.hidden] < -2 * math.log(0.1)
        assert float(inside.float().mean()) == pytest.approx(0.9, abs=0.003)


def test_regions_may_be_calibrated_by_other_losses_than_were_learned():
    made = objective(model=Temporal(width=8, dilations=[1], codes=2))
    made.corruption = RandomJoints(ratio=0.5, hold=20, seed=1)
    made.calibrating = Parts(parts=["face"])
    figures = made.calibrate(clean())
    factors = {name for name in figures if name.endswith("_factor")}
    assert factors == {"offline_face_unseen_factor", "causal_face_unseen_factor"}
    assert "offline_body_resting_0.59s_trust" in figures  # corrections are believed as learned


def test_joints_that_rest_and_that_move_are_calibrated_apart():
    path = torch.zeros(1, 60, 33, 2)
    path[..., 0] = torch.linspace(0, 1, 33)  # somebody who is somewhere
    speeds = {"left_wrist": 0.1, "right_wrist": 0.3, "nose": 0.0}  # body units a second
    for joint, speed in speeds.items():
        path[0, :, SKELETON.index(joint), 1] = speed * torch.arange(60) / 30
    path[0, 40:, SKELETON.index("nose"), 1] += 0.2  # it comes back elsewhere
    batch = PoseBatch.from_keypoints(path, fps=30)
    hidden = torch.zeros_like(batch.observed)
    hidden[:, 20:41, [SKELETON.index(joint) for joint in speeds]] = True
    for causal, moved in ((False, "moving"), (True, "resting")):
        kind = Timeline.of(batch.hide(hidden), causal=causal).kind[0, 30]
        names = {joint: KINDS[int(kind[SKELETON.index(joint)])] for joint in speeds}
        assert names["left_wrist"].startswith("arms_resting")
        assert names["right_wrist"].startswith("arms_moving")
        assert names["nose"].startswith(f"face_{moved}")


def test_kinds_that_do_not_occur_are_not_calibrated():
    made = objective(model=Temporal(width=8, dilations=[1], codes=2))
    made.corruption = Parts(parts=["face"])
    figures = made.calibrate(clean())
    assert "offline_face_unseen_factor" in figures
    assert "offline_arms_moving_0.19s_factor" not in figures
    assert made.network.calibration[OFFLINE, KINDS.index("arms_moving_0.19s")] == 1


def test_evaluation_of_an_untrained_network_is_the_straight_line():
    made = objective(model=Temporal(width=8, dilations=[1], codes=2))
    found = made.evaluate(clean(), RandomJoints(ratio=0.3))
    assert found["offline_error_seen"] == pytest.approx(found["offline_baseline"], rel=0.01)
    assert found["causal_error_seen"] == pytest.approx(found["causal_baseline"], rel=0.01)
    assert found["offline_baseline"] < found["causal_baseline"]
    assert found["offline_known"] == 1
    nothing = made.evaluate(clean(), Parts(parts=["face"], ratio=0.0))
    assert nothing == {}


def body(size=2000):
    keypoints = torch.randn(size, 1, 33, 2, generator=torch.Generator().manual_seed(0))
    keypoints[:, :, 3] = math.nan
    return PoseBatch.from_keypoints(keypoints)


def test_mirroring_exchanges_sides():
    batch = body(4)
    out = Augment(mirror=1.0, rotation=0, stretch=0)(batch)
    left, right = SKELETON.index("left_wrist"), SKELETON.index("right_wrist")
    flip = torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(out.keypoints[:, :, left], batch.keypoints[:, :, right] * flip)
    assert not out.observed[:, :, SKELETON.mirror[3]].any()
    assert (out.keypoints[~out.observed] == 0).all()
    assert out.observed[:, :, 3].all() == batch.observed[:, :, SKELETON.mirror[3]].all()


def test_no_augmentation_changes_nothing():
    batch = body(4)
    out = Augment(mirror=0, rotation=0, stretch=0)(batch)
    torch.testing.assert_close(out.keypoints, batch.keypoints)


def test_augmentations_have_their_sizes():
    batch = body()
    out = Augment(mirror=0, rotation=10, stretch=0)(batch)
    a, b = batch.keypoints[:, 0, 0], out.keypoints[:, 0, 0]
    angle = torch.atan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(-1))
    assert math.degrees(angle.std().item()) == pytest.approx(10, rel=0.1)
    torch.testing.assert_close(a.norm(dim=-1), b.norm(dim=-1))
    out = Augment(mirror=0, rotation=0, stretch=0, scale=0.1)(batch)
    ratio = (out.keypoints[:, 0, 0] / batch.keypoints[:, 0, 0]).log()
    assert ratio.std(dim=0).tolist() == pytest.approx([0.1, 0.1], rel=0.1)
    out = Augment(mirror=0, rotation=0, stretch=0.1)(batch)
    ratio = (out.keypoints[:, 0, 0] / batch.keypoints[:, 0, 0]).log()
    assert (ratio[:, 0] - ratio[:, 1]).std().item() == pytest.approx(0.1, rel=0.1)
    out = Augment(mirror=0, rotation=0, stretch=0, shift=0.3)(batch)
    moved = (out.keypoints - batch.keypoints)[:, 0, 0]
    assert moved.std(dim=0).tolist() == pytest.approx([0.3, 0.3], rel=0.1)


def swinging(less=0):
    """Return windows of arms that swing, some of them less so in the gap; corrupted, and clean.

    A network is beside it that believes in swings, and whose corrections are far off.
    """
    time = torch.arange(60) / 30
    swing = 0.5 * torch.sin(4 * time)[:, None, None]  # which curves have, and lines have not
    keypoints = torch.randn(1, 1, 33, 2, generator=torch.Generator().manual_seed(0)) + swing
    keypoints = keypoints.repeat(24, 1, 1, 1)
    first, last = keypoints[:less, 19:20], keypoints[:less, 40:41]
    line = torch.lerp(first, last, torch.arange(1, 21)[:, None, None] / 21)
    keypoints[:less, 20:40] = torch.lerp(keypoints[:less, 20:40], line, 0.9)
    clean = PoseBatch.from_keypoints(keypoints, fps=30)
    arms = SKELETON.indices(["left_wrist", "right_wrist", "left_elbow", "right_elbow"])
    hidden = torch.zeros_like(clean.observed)
    hidden[:, 20:40, arms] = True
    network = Temporal(width=16, dilations=[1], codes=4)
    network.prepare(clean)
    with torch.no_grad():
        network.bias[:, :2] = 3.0  # far off
    return network.eval().requires_grad_(False), clean.hide(hidden), clean


def test_of_choices_and_corrections_as_much_is_taken_as_is_good():
    network, corrupted, clean = swinging()
    figures = choose_trust(network, corrupted, clean, OFFLINE, "offline")
    moving = "offline_arms_moving_0.19s"
    assert figures[f"{moving}_choice"] > 0.5  # the curve has the swing
    assert figures[f"{moving}_trust"] == 0
    kind = KINDS.index("arms_moving_0.19s")
    assert float(network.choice[OFFLINE, kind]) == pytest.approx(figures[f"{moving}_choice"])
    assert float(network.trust[OFFLINE, kind]) == 0


def test_choices_are_taken_with_care_where_they_cost_one_group_much():
    network, corrupted, clean = swinging(less=2)
    together = choose_trust(network, corrupted, clean, OFFLINE, "offline")
    groups = (torch.arange(24) < 2).long()
    apart = choose_trust(network, corrupted, clean, OFFLINE, "offline", groups)
    moving = "offline_arms_moving_0.19s_choice"
    assert apart[moving] < together[moving]


def test_the_hardest_group_widens_the_regions_of_all(monkeypatch):
    inside = torch.full((20, 400, 1), QUANTILE)
    inside[19] *= 4  # twice as far off as the regions say
    everywhere = torch.ones(inside.shape, dtype=torch.bool)
    nowhere = torch.zeros(inside.shape)
    made = Outcome(
        error=nowhere, baseline=nowhere, inside=inside, lost=everywhere, hidden=everywhere,
        known=everywhere, seen=everywhere, kind=torch.zeros(inside.shape, dtype=torch.int64),
    )  # fmt: skip
    monkeypatch.setattr(Outcome, "of", lambda *_, **__: made)
    network, windows = MLP(widths=[8]), clean(20)
    groups, others = torch.arange(20) // 19, torch.arange(20) < 19
    for apart, factor in (((), 1.0), ((groups,), 2.0), ((groups, others), 1.0)):
        figures = scale_regions(network, windows, windows, OFFLINE, "offline", *apart)
        assert figures[f"offline_{KINDS[0]}_factor"] == pytest.approx(factor)
        assert float(network.calibration[OFFLINE, 0]) == pytest.approx(factor)
