"""Published ways to mask poses, what they are made of, and mixtures that change in training."""

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.chain import Chain
from kpcomplete.corruption.curriculum import Curriculum
from kpcomplete.corruption.each_part import EachPart
from kpcomplete.corruption.few_joints import FewJoints
from kpcomplete.corruption.parts import PARTS, Parts
from kpcomplete.corruption.seeded import advance_all
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")


@pytest.fixture
def batch():
    return PoseBatch.from_keypoints(torch.randn(60, 50, 33, 2))


def recipe(name):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        return instantiate(compose(f"corruption/{name}").corruption, _convert_="all")


def test_few_joints_are_counted(batch):
    count = (~FewJoints(fewest=1, most=4)(batch).observed).sum(dim=-1)
    shares = torch.bincount(count.flatten(), minlength=5) / count.numel()
    assert shares.tolist() == pytest.approx([0.0, 0.25, 0.25, 0.25, 0.25], abs=0.03)


def test_few_joints_are_taken_from_those_that_are_seen(batch):
    seen = batch.hide(torch.arange(33).expand_as(batch.observed) >= 3)
    assert (FewJoints(fewest=2, most=2)(seen).observed.sum(dim=-1) == 1).all()
    assert not FewJoints(fewest=5, most=5)(seen).observed.any()


def test_few_joints_stay_hidden(batch):
    hidden = ~FewJoints(fewest=2, most=2, hold=10)(batch).observed
    blocks = hidden.view(60, 5, 10, 33)
    assert (blocks == blocks[:, :, :1]).all()
    assert (blocks[:, 0, 0] != blocks[:, 1, 0]).any()


def test_each_part_is_lost_by_itself(batch):
    hidden = ~EachPart(parts=["face", "hips"], ratio=0.3)(batch).observed
    face = hidden[..., SKELETON.indices(PARTS["face"])]
    hips = hidden[..., SKELETON.indices(PARTS["hips"])]
    assert (face == face[..., :1]).all()
    assert face[..., 0].float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert (face[..., 0] & hips[..., 0]).float().mean().item() == pytest.approx(0.09, abs=0.02)
    assert not hidden[..., SKELETON.index("left_wrist")].any()


def test_pstmo_hides_most_frames_and_two_joints_of_the_others(batch):
    left = recipe("pstmo")(batch).observed.sum(dim=-1)
    assert set(left.unique().tolist()) == {0, 31}
    assert (left == 0).float().mean().item() == pytest.approx(0.8, abs=0.03)


def test_motionbert_hides_little_and_errs(batch):
    out = recipe("motionbert")(batch)
    frames = out.observed.any(dim=-1)
    assert frames.float().mean().item() == pytest.approx(0.9, abs=0.03)
    assert out.observed[frames].float().mean().item() == pytest.approx(0.95, abs=0.01)
    assert (out.keypoints[out.observed] != batch.keypoints[out.observed]).float().mean() > 0.99


def test_gfpose_hides_on_three_levels(batch):
    hidden = ~recipe("gfpose")(batch).observed
    nose, thumb = hidden[..., 0], hidden[..., SKELETON.index("left_thumb")]
    for joint in (nose, thumb):
        assert joint.float().mean().item() == pytest.approx(1 - 0.9**3, abs=0.03)
    assert hidden.all(dim=-1).float().mean().item() == pytest.approx(0.1, abs=0.03)


def test_carissimi_drops_up_to_five_joints(batch):
    count = (~recipe("carissimi")(batch).observed).sum(dim=-1).flatten()
    shares = torch.bincount(count, minlength=6) / len(count)
    assert shares.tolist() == pytest.approx([0.2 + 0.8 / 6, *[0.8 / 6] * 5], abs=0.03)


def lost_faces(corruption, batch):
    return (~corruption(batch).observed[:, 0, 0]).float().mean().item()


def test_a_curriculum_goes_from_one_mixture_to_another():
    batch = PoseBatch.from_keypoints(torch.randn(4000, 1, 33, 2))
    plan = Curriculum(
        choices=[Parts(parts=["hips"]), Parts(parts=["face"])],
        first=[1, 0],
        weights=[1, 3],
        until=0.5,
    )
    assert lost_faces(plan, batch) == pytest.approx(0.75, abs=0.03)  # outside training
    for share, expected in ((0.0, 0.0), (0.25, 0.375), (0.5, 0.75), (1.0, 0.75)):
        advance_all([Chain(parts=[plan])], share)
        assert lost_faces(plan, batch) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("first", [[1.0], [0.0, 0.0], [-1.0, 2.0], [1.0, 1.0, 1.0]])
def test_a_curriculum_needs_weights_that_fit(first):
    with pytest.raises(ValueError, match="one first weight for each corruption, not negative"):
        Curriculum(choices=[Parts(parts=["hips"]), Parts(parts=["face"])], first=first)


def test_settings_that_cannot_be():
    with pytest.raises(ValueError, match="0 <= fewest <= most, but got 3 and 2"):
        FewJoints(fewest=3, most=2)
    with pytest.raises(ValueError, match=r"until must be a share in 0\.\.1, but got 2"):
        Curriculum(choices=[Parts(parts=["hips"])], first=[1.0], until=2)
