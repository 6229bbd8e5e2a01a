"""Each corruption does what its name says."""

import pytest
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.chain import Chain
from kpcomplete.corruption.choice import Choice
from kpcomplete.corruption.frames import Frames
from kpcomplete.corruption.gaps import Gaps
from kpcomplete.corruption.gaussian import Gaussian
from kpcomplete.corruption.outliers import Outliers
from kpcomplete.corruption.parts import PARTS, Parts
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return PoseBatch.from_keypoints(torch.randn(20, 120, 33, 2, generator=generator))


def hidden_joints(out, row):
    return {joint for j, joint in enumerate(SKELETON.joints) if not out.observed[row, :, j].any()}


@pytest.mark.parametrize("hold", [1, 7])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_random_joints_reach_their_ratio(batch, ratio, hold):
    hidden = ~RandomJoints(ratio=ratio, hold=hold)(batch).observed
    assert hidden.float().mean().item() == pytest.approx(ratio, abs=0.02)


def test_random_joints_hold(batch):
    hidden = ~RandomJoints(ratio=0.5, hold=7)(batch).observed
    block = hidden[:, 7:14]
    assert (block == block[:, :1]).all()
    assert (hidden[:, 6] != hidden[:, 7]).any()


def test_frames_lose_all_joints_or_none(batch):
    hidden = ~Frames(ratio=0.25, hold=4)(batch).observed
    assert (hidden == hidden[..., :1]).all()
    assert hidden[..., 0].float().mean().item() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("part", [*PARTS, "nose"])
def test_parts_hide_exactly_the_part(batch, part):
    out = Parts(parts=[part])(batch)
    expected = set(PARTS.get(part, (part,)))
    assert all(hidden_joints(out, row) == expected for row in range(20))
    assert (~out.observed).sum() == 20 * 120 * len(expected)


def test_parts_spare_windows(batch):
    out = Parts(parts=["face", "hips"], ratio=0.5)(batch)
    found = {frozenset(hidden_joints(out, row)) for row in range(20)}
    assert found == {frozenset(), frozenset(PARTS["face"]), frozenset(PARTS["hips"])}


def test_sides_are_mirror_images():
    for name, joints in PARTS.items():
        if name.startswith("left_"):
            other = [SKELETON.joints[SKELETON.mirror[SKELETON.index(j)]] for j in joints]
            assert set(other) == set(PARTS[name.replace("left_", "right_", 1)])


def runs(hidden):
    """Lengths of the stretches of True."""
    edges = torch.nn.functional.pad(hidden.int(), (1, 1)).diff()
    return (edges == -1).nonzero().flatten() - (edges == 1).nonzero().flatten()


def test_gaps_have_the_length_asked_for(batch):
    out = Gaps(parts=["nose"], shortest=0.5, longest=1.0, inside=True)(batch)
    assert out.observed[..., 1:].all()
    for row in range(20):
        (length,) = runs(~out.observed[row, :, 0]).tolist()
        assert 15 <= length <= 31


def test_gaps_inside_leave_both_ends(batch):
    out = Gaps(parts=["nose"], shortest=3.8, longest=3.9, inside=True)(batch)
    assert out.observed[:, [0, -1]].all()


def test_gaps_elsewhere_reach_both_ends(batch):
    out = Gaps(parts=["nose"], shortest=2.0, longest=3.0)(batch)
    assert (~out.observed[:, 0, 0]).any()
    assert (~out.observed[:, -1, 0]).any()


def test_gaps_are_measured_in_seconds(batch):
    slow = PoseBatch.from_keypoints(batch.keypoints, fps=10.0)
    out = Gaps(parts=["nose"], shortest=1.0, longest=1.0, inside=True)(slow)
    assert all(runs(~out.observed[row, :, 0]).tolist() == [10] for row in range(20))


def test_gaussian_noise_has_its_size(batch):
    out = Gaussian(std=0.1)(batch)
    assert (out.keypoints - batch.keypoints).std().item() == pytest.approx(0.1, rel=0.02)
    assert torch.equal(out.observed, batch.observed)


def test_outliers_are_rare_far_and_stay(batch):
    out = Outliers(ratio=0.1, distance=0.5, hold=4)(batch)
    moved = (out.keypoints != batch.keypoints).any(dim=-1)
    assert moved.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert torch.equal(out.observed, batch.observed)
    throw = (out.keypoints - batch.keypoints)[:, 4:8]
    torch.testing.assert_close(throw, throw[:, :1].expand_as(throw), atol=1e-5, rtol=0)
    extent = (batch.keypoints.amax((1, 2)) - batch.keypoints.amin((1, 2))).norm(dim=-1)
    share = (out.keypoints - batch.keypoints) / extent[:, None, None, None]
    assert share[moved].std().item() == pytest.approx(0.5, rel=0.1)


def test_a_chain_does_all(batch):
    out = Chain(parts=[Parts(parts=["face"]), Parts(parts=["hips"])])(batch)
    assert hidden_joints(out, 0) == set(PARTS["face"]) | set(PARTS["hips"])
    assert Chain(parts=[])(batch) is batch


def test_a_choice_keeps_rows_in_place_and_weights(batch):
    many = batch.select(torch.arange(400) % 20)
    choice = Choice(
        choices=[Parts(parts=["face"]), Parts(parts=["hips"]), Chain(parts=[])],
        weights=[3, 1, 0],
    )
    out = choice(many)
    same = out.observed[..., None].expand_as(out.keypoints)
    assert torch.equal(out.keypoints[same], many.keypoints[same])
    assert torch.equal(out.times, many.times)
    face = sum(hidden_joints(out, row) == set(PARTS["face"]) for row in range(400))
    hips = sum(hidden_joints(out, row) == set(PARTS["hips"]) for row in range(400))
    assert face + hips == 400
    assert face / 400 == pytest.approx(0.75, abs=0.07)


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
@pytest.mark.parametrize(
    "make", [RandomJoints, Frames, Outliers, lambda ratio: Parts(parts=["face"], ratio=ratio)]
)
def test_refuses_a_ratio_that_is_no_share(make, ratio):
    with pytest.raises(ValueError, match=f"0..1, but got {ratio}"):
        make(ratio=ratio)


@pytest.mark.parametrize("make", [RandomJoints, Frames, Outliers])
def test_refuses_to_hold_for_no_frame(make):
    with pytest.raises(ValueError, match="hold must be at least 1 frame, but got 0"):
        make(ratio=0.5, hold=0)


@pytest.mark.parametrize("parts", [[], ["tail"]])
def test_refuses_unknown_parts(parts):
    with pytest.raises(SettingError, match=r"parts must be some of face, torso, .* but got \["):
        Parts(parts=parts)
    with pytest.raises(SettingError, match="parts must be some of"):
        Gaps(parts=parts, shortest=1, longest=2)


def test_refuses_gaps_that_cannot_be():
    with pytest.raises(ValueError, match="shortest=2, longest=1"):
        Gaps(parts=["nose"], shortest=2, longest=1)
    with pytest.raises(ValueError, match="count must be at least 1 gap, but got 0"):
        Gaps(parts=["nose"], shortest=1, longest=2, count=0)


def test_refuses_negative_sizes():
    with pytest.raises(ValueError, match="std must not be negative, but got -1"):
        Gaussian(std=-1)
    with pytest.raises(ValueError, match="distance must not be negative, but got -1"):
        Outliers(ratio=0.1, distance=-1)


def test_refuses_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="got 1 corruptions and 2 weights"):
        Choice(choices=[Chain(parts=[])], weights=[1, 2])
    with pytest.raises(ValueError, match=r"not be negative nor all 0, but got \[0\]"):
        Choice(choices=[Chain(parts=[])], weights=[0])
