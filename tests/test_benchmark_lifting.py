"""The parts of the benchmark of lifting that need neither data nor a car."""

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from solid_people import SKELETON, seen

from kpcomplete.app.cli import spell_out
from kpcomplete.benchmark import lifting
from kpcomplete.benchmark.lift_fill import Gaussian3D
from kpcomplete.benchmark.lift_real import spread_of_bones
from kpcomplete.benchmark.lift_trials import (
    CLEAN,
    LIMBS,
    TRIALS,
    Method,
    by_joint,
    judge,
    parts_hidden,
    some_hidden,
    table,
)
from kpcomplete.benchmark.lift_views import View, triangulated
from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton


def test_six_joints_are_hidden_in_each_trial():
    body = SKELETON.indices(LIMBS)
    clean = seen()
    for name, parts in TRIALS.items():
        hidden = parts_hidden(clean, parts)
        assert int(hidden[0, 0, body].sum()) == (0 if name == CLEAN else 6)
        assert torch.equal(hidden[:, :1].expand_as(hidden), hidden)


@pytest.mark.parametrize("count", [0, 2, 8])
def test_as_many_joints_are_hidden_as_asked(count):
    clean = seen(windows=3)
    hidden = some_hidden(clean, count, seed=0)
    assert hidden[:, 0, SKELETON.indices(LIMBS)].sum(dim=1).tolist() == [count] * 3
    wrist, thumb = SKELETON.indices(["left_wrist", "left_thumb"])
    assert torch.equal(hidden[..., wrist], hidden[..., thumb])
    assert torch.equal(hidden, some_hidden(clean, count, seed=0))


def test_errors_by_hand():
    clean = seen()
    hidden = parts_hidden(clean, ("left_forearm",))
    bent = clean.solid.clone()
    bent[:, :, SKELETON.index("left_wrist")] += torch.tensor([0.0, 0.33, 0.0])
    found = judge(bent, clean, hidden)
    assert found.mpjpe == pytest.approx(10.0, abs=0.01)
    assert found.hidden == pytest.approx(330 / 5, abs=0.1)  # elbow, wrist, and the hand's three
    assert found.seen == pytest.approx(0.0, abs=1e-3)
    assert found.jitter == pytest.approx(1.0, abs=0.01)
    larger = judge(1.1 * clean.solid, clean, hidden)
    assert larger.mpjpe > 20
    assert larger.scaled == pytest.approx(0.0, abs=0.01)
    assert larger.pa == pytest.approx(0.0, abs=0.01)
    assert "10.0" in table({("ours", CLEAN): found}, "mpjpe")


def test_what_a_method_does_not_see_it_does_not_use():
    clean = seen()
    hidden = parts_hidden(clean, ("legs",))
    looked = []

    def lift(sight):
        looked.append(sight)
        return torch.zeros(*sight.given.shape, 3)

    Method(lift=lift)(clean, hidden)
    assert not looked[0].given[hidden].any()


def test_hidden_joints_are_filled_in_where_others_have_them():
    clean = seen(windows=40, time=2)
    poses = clean.solid[:, 0] - clean.solid[:, 0, 11:13].mean(dim=1, keepdim=True)
    flat = poses.flatten(1)
    fill = Gaussian3D(mean=flat.mean(dim=0), covariance=flat.T.cov(),
                      known=torch.ones(33, dtype=torch.bool))  # fmt: skip
    hidden = parts_hidden(clean, ("legs",))
    spoilt = torch.where(hidden[..., None], 9.0, clean.solid)
    filled = fill(spoilt, ~hidden)
    assert (filled - clean.solid).norm(dim=-1)[hidden].mean() < 0.08
    torch.testing.assert_close(filled[~hidden], clean.solid[~hidden])


def test_a_bone_that_changes_is_noticed():
    points = seen(windows=1, time=20).solid[0].numpy().copy()
    assert spread_of_bones(points) < 1e-6
    points[::2, SKELETON.index("left_knee")] += 0.02
    assert spread_of_bones(points) > 0.003


def test_four_views_meet_in_the_true_point():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-0.4, 0.4, (6, 33, 3))
    skeleton = Skeleton.load("blazepose33")
    views = {}
    for i, angle in enumerate((0.0, 1.5, 3.0, 4.5)):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        camera = Camera(width=900, height=900, fx=800, fy=800, cx=450, cy=450,
                        turn=turn, shift=np.array([0.0, 0.0, 3.0]))  # fmt: skip
        pixels = camera.project(camera.to_camera(truth))
        if i == 3:
            pixels[:, 5] += 100  # one camera errs
        poses = PoseSequence.observed(pixels, skeleton=skeleton, fps=30.0, image_size=(900, 900))
        views[str(i)] = View(poses=poses, camera=camera)
    found = triangulated(views)
    right = np.isfinite(found).all(axis=-1)
    assert right[:, :5].all()
    np.testing.assert_allclose(found[right], truth[right], atol=1e-4)


def test_nobody_is_tested_who_was_learned_from():
    class Knows:
        people = ("anna", "bert")

    with pytest.raises(SettingError, match="was trained on bert"):
        lifting._check(Knows(), ["bert", "carl"])


def test_the_commands_compose():
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("evaluate", ["experiment=lift_occlusion"])
        assert cfg.task._target_ == "kpcomplete.benchmark.lifting.run"
        flat = compose("process", [spell_out("lifter=null")])
        assert flat.job.make.pipeline.lifter is None
        assert compose("process").job.make.pipeline.lifter.weights == "lifter"


def test_errors_are_told_joint_by_joint():
    clean = seen()
    bent = clean.solid.clone()
    bent[:, :, SKELETON.index("left_wrist")] += torch.tensor([0.0, 0.33, 0.0])
    assert "left_wrist 330, right_wrist 0" in by_joint(bent, clean)
