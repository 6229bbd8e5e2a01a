"""What drawn errors of a detector depend on, with tables that are made up."""

from dataclasses import replace

import pytest
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.cabin.cameras import CAMERAS as KINDS
from kpcomplete.corruption.mediapipe_noise import MediaPipeNoise
from kpcomplete.corruption.noise_tables import (
    CAMERAS,
    CAUSES,
    CUTS,
    DEGREES,
    VIEWS,
    NoiseTables,
    cut,
    degree,
)
from kpcomplete.skeleton import Skeleton

JOINT = Skeleton.load("blazepose33").index
RANKS = 33


def tables(**changes):
    """Distances evenly from 0 to 1, visibility from 1 to 0, whatever hides a joint."""
    even = torch.linspace(0, 1, RANKS).expand(33, 5, RANKS)
    plain = NoiseTables(
        distance=even, confidence=1 - even, hidden=torch.zeros(2, 33, 5, len(DEGREES) + 1),
        cut=torch.zeros(2, 33, 5, len(CUTS) + 1), view=torch.zeros(2, 33, 5, len(VIEWS)),
        spread=torch.full((2, 33, 5), 0.5), drift=torch.zeros(33, 5, len(VIEWS), 2),
        together=torch.zeros(33, 5), near=torch.eye(33).expand(3, 33, 33),
        lasting=torch.full((3,), 0.5), seconds=torch.full((3,), 0.5), power=torch.ones(3),
        causes=torch.full((33, 5), 0.2), views=torch.full((len(VIEWS),), 1 / len(VIEWS)),
    )  # fmt: skip
    return replace(plain, **changes)


def draw(made, hidden=(), cause="vehicle", view=0, windows=200, seed=0):
    """Distances and visibilities ``[windows, 10, 33]`` where some joints are hidden."""
    causes = torch.zeros(windows, 10, 33, dtype=torch.long)
    causes[..., [JOINT(name) for name in hidden]] = CAUSES.index(cause)
    times = (torch.arange(10) / 15).expand(windows, 10)
    views = None if view is None else torch.full((windows,), view)
    offset, sure = MediaPipeNoise(tables=made, seed=seed).draw(causes, times, views)
    return offset.norm(dim=-1), sure


def test_the_degree_of_occlusion_counts_neighbours_and_near_ones_more():
    cause = torch.zeros(4, 33, dtype=torch.long)
    cause[1, JOINT("left_elbow")] = 1
    cause[2, [JOINT(f"left_{end}") for end in ("shoulder", "wrist", "index", "pinky")]] = 2
    cause[3, :] = 3
    found = degree(cause)
    assert (found[0] == 0).all()
    assert found[1, JOINT("left_elbow")] == 0  # its neighbours are seen
    assert found[1, JOINT("left_wrist")] > found[1, JOINT("right_wrist")]
    assert found[2, JOINT("left_elbow")] > found[1, JOINT("left_wrist")]
    assert (found[3] == len(DEGREES)).all()


@pytest.mark.parametrize(("outside", "level"), [(0, 0), (1, 1), (6, 1), (7, 2), (33, 2)])
def test_the_degree_of_truncation_counts_joints_outside(outside, level):
    cause = torch.full((33,), CAUSES.index("vehicle"))
    cause[:outside] = CAUSES.index("outside")
    assert cut(cause).tolist() == [level]


def test_the_more_is_hidden_near_a_joint_the_farther_it_is_off():
    adds = torch.linspace(0, 2, len(DEGREES) + 1).expand(2, 33, 5, -1)
    arm = ["left_shoulder", "left_wrist", "left_pinky", "left_index", "left_thumb"]
    elbow = JOINT("left_elbow")
    for made, more in ((tables(hidden=adds), True), (tables(), False)):
        far, sure = zip(*(draw(made, arm[:count]) for count in (0, 2, 5)), strict=True)
        means = [x[..., elbow].mean().item() for x in far]
        assert (means[2] > means[1] + 0.05 > means[0] + 0.1) == more
        assert (sure[2][..., elbow].mean() < sure[0][..., elbow].mean() - 0.1) == more
        torch.testing.assert_close(far[0][..., 30], far[2][..., 30])  # far from the arm


def test_a_person_of_whom_more_is_outside_is_found_worse():
    adds = torch.linspace(0, 2, len(CUTS) + 1).expand(2, 33, 5, -1)
    feet = [f"{side}_{end}" for side in ("left", "right") for end in ("ankle", "heel")]
    whole, some = (draw(tables(cut=adds), gone, "outside")[0] for gone in ((), feet))
    assert some[..., 0].mean() > whole[..., 0].mean() + 0.1


def test_each_view_has_errors_of_its_own_on_either_side():
    adds = torch.zeros(2, 33, 5, len(VIEWS))
    adds[0, JOINT("left_wrist"), :, 3] = 2.0
    one, other = draw(tables(view=adds), view=2)[0], draw(tables(view=adds), view=3)[0]
    left, right = JOINT("left_wrist"), JOINT("right_wrist")
    assert other[..., left].mean() > one[..., left].mean() + 0.2
    torch.testing.assert_close(other[..., right], one[..., right])


def test_an_unknown_view_is_one_of_all_for_a_whole_window():
    """A quarter of the windows are seen as the last view, in which distances are 0.977."""
    adds, often = torch.full((2, 33, 5, len(VIEWS)), -2.0), torch.zeros(len(VIEWS))
    adds[..., -1] = 2.0
    often[0], often[-1] = 0.75, 0.25
    made = tables(view=adds, views=often, spread=torch.full((2, 33, 5), 1e-3))
    far, _ = draw(made, view=None, windows=2000)
    high = far > 0.5
    assert (high == high[:, :1, :1]).all()
    assert high[:, 0, 0].float().mean() == pytest.approx(0.25, abs=0.03)
    torch.testing.assert_close(draw(made, view=-1)[0], draw(made, view=None)[0])
    assert (draw(made, view=len(VIEWS) - 1)[0] > 0.5).all()


@pytest.mark.parametrize("view", [None, 4])
def test_the_same_seed_draws_the_same_noise(view):
    one, two, other = (draw(tables(), view=view, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_joints_that_are_missing_count_as_hidden():
    adds = torch.linspace(0, 3, len(DEGREES) + 1).expand(2, 33, 5, -1)
    noise = MediaPipeNoise(tables=tables(hidden=adds))
    batch = PoseBatch.from_keypoints(torch.zeros(200, 4, 33, 2))
    whole = noise(batch).keypoints[..., 13, :].norm(dim=-1).mean()
    lost = torch.zeros(200, 4, 33, dtype=torch.bool)
    lost[..., 15:23] = lost[..., 11:13] = True
    assert noise(batch.hide(lost)).keypoints[..., 13, :].norm(dim=-1).mean() > whole + 0.1


def test_what_is_smooth_in_time_trembles_less():
    rough, smooth = (
        draw(tables(power=torch.full((3,), power), seconds=torch.ones(3)))[0]
        for power in (1.0, 1.9)
    )
    assert smooth.diff(dim=1).abs().mean() < 0.6 * rough.diff(dim=1).abs().mean()


def test_the_cameras_are_those_that_are_simulated():
    assert set(CAMERAS) == set(KINDS)
    assert MediaPipeNoise(tables=tables()).views == VIEWS
