"""How joints move is told from what was seen, and from nothing that comes later."""

import torch

from kpcomplete.model.habit import APART, habits

FPS = 30.0


def told(x, observed=None, causal=False):
    """Return the habits of one joint that moves along x, body units, at the last frame."""
    x = torch.as_tensor(x, dtype=torch.float32)
    keypoints = torch.stack([x, torch.full_like(x, 3.0)], dim=-1)[None, :, None]
    seen = (
        torch.ones(1, len(x), 1, dtype=torch.bool) if observed is None else observed[None, :, None]
    )
    keypoints = torch.where(seen[..., None], keypoints, 0.0)
    times = torch.arange(len(x)) / FPS
    return habits(keypoints, seen, times[None], causal=causal)[0, :, 0]


def test_a_joint_at_rest_goes_nowhere():
    wander, pace, flutter, rest = told([0.7] * 30)[-1].tolist()
    assert wander < 1e-4
    assert pace < 1e-4
    assert flutter < 1e-4
    assert rest > 0.99


def test_steady_motion_is_as_fast_over_one_frame_as_over_four():
    wander, pace, flutter, rest = told(torch.arange(30) * 0.1)[-1].tolist()
    assert abs(pace - 3.0) < 1e-3  # 0.1 a frame, 30 frames a second
    assert abs(flutter - 3.0) < 1e-3
    assert abs(wander - torch.arange(30.0).std(unbiased=False).item() * 0.1) < 1e-3
    assert rest < 0.01


def test_noise_is_faster_over_one_frame_than_over_four():
    x = 0.01 * torch.randn(300, generator=torch.Generator().manual_seed(0))
    _, pace, flutter, _ = told(x)[-1].tolist()
    assert flutter > 3 * pace


def test_whole_steps_of_a_lattice_are_told_from_the_same_way_gone_evenly():
    x = torch.arange(300) * 0.002
    even, stepped = told(x)[-1], told((x / 0.02).floor() * 0.02)[-1]
    torch.testing.assert_close(even[:2], stepped[:2], rtol=0.05, atol=0)
    assert even[3] < 0.6 < 0.85 < stepped[3]


def test_nothing_is_told_of_joints_that_were_never_seen():
    found = told(torch.rand(20), torch.zeros(20, dtype=torch.bool))
    assert (found[:, 0] < 1e-4).all()
    assert (found[:, 1:] == 0).all()


def test_only_pairs_of_observed_frames_count():
    observed = torch.arange(40) % 2 == 0  # no two frames that follow each other
    x = torch.where(observed, torch.arange(40) * 0.1, 99.0)
    _, pace, flutter, rest = told(x, observed)[-1].tolist()
    assert abs(pace - 3.0) < 1e-3
    assert flutter == 0
    assert rest == 0


def test_causal_habits_are_those_of_the_frames_so_far():
    x = torch.rand(25, generator=torch.Generator().manual_seed(1)).cumsum(dim=0)
    causal = told(x, causal=True)
    for end in (1, APART, APART + 1, 25):
        torch.testing.assert_close(causal[end - 1], told(x[:end])[-1], rtol=1e-4, atol=1e-5)
    assert (told(x) == told(x)[:1]).all()  # offline, one answer for all frames
