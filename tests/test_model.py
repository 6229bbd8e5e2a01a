"""The parts of networks, and what is special to one of them."""

import math

import pytest
import torch
from sklearn.decomposition import PCA

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.model.layers import Shift, asinh, factors
from kpcomplete.model.linear import Linear
from kpcomplete.model.loss import masked_mean, student_nll
from kpcomplete.model.mlp import MLP
from kpcomplete.model.places import LEAST, free_curve, reach, stiff_curve, weighted_mean
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import KINDS, NEVER, Timeline

NAN = math.nan


def line(*values, fps=1.0):
    """One joint on the x axis, NaN where hidden; the other joints are missing."""
    keypoints = torch.full((1, len(values), 33, 2), NAN)
    keypoints[0, :, 0, 0] = torch.tensor(values)
    keypoints[0, :, 0, 1] = torch.tensor(values) * 0
    return PoseBatch.from_keypoints(keypoints, fps=fps)


def test_the_line_between_observations():
    found = Timeline.of(line(NAN, 2.0, NAN, NAN, 8.0, NAN), causal=False)
    assert found.base[0, :, 0, 0].tolist() == [2.0, 2.0, 4.0, 6.0, 8.0, 8.0]
    assert found.since[0, :, 0].tolist() == [NEVER, 0.0, 1.0, 2.0, 0.0, 1.0]
    assert found.until[0, :, 0].tolist() == [1.0, 0.0, 2.0, 1.0, 0.0, NEVER]
    assert found.average[0, :, 0, 0].tolist() == [5.0] * 6
    assert found.wait[0, :, 0].tolist() == pytest.approx([1.0, 0.0, 2 / 3, 2 / 3, 0.0, 1.0])
    assert found.seen[..., 0].all()
    assert not found.seen[..., 1:].any()
    assert (found.base[:, :, 1:] == 0).all()


def test_the_past_alone_is_held():
    found = Timeline.of(line(NAN, 2.0, NAN, NAN, 8.0, NAN), causal=True)
    assert found.base[0, :, 0, 0].tolist() == [0.0, 2.0, 2.0, 2.0, 8.0, 8.0]
    assert found.since[0, :, 0].tolist() == [NEVER, 0.0, 1.0, 2.0, 0.0, 1.0]
    assert (found.until == NEVER).all()
    assert found.average[0, :, 0, 0].tolist() == [0.0, 2.0, 2.0, 2.0, 5.0, 5.0]
    assert found.wait[0, :, 0].tolist() == [NEVER, 0.0, 1.0, 2.0, 0.0, 1.0]
    assert found.seen[0, :, 0].tolist() == [False, True, True, True, True, True]


def test_gaps_are_measured_in_seconds():
    found = Timeline.of(line(2.0, NAN, 4.0, fps=10.0), causal=False)
    assert found.since[0, 1, 0].item() == pytest.approx(0.1)


@pytest.mark.parametrize("dilation", [1, 3, -1, -3])
def test_a_shift_sees_three_frames_on_one_side(dilation):
    layer = Shift(1, dilation)
    with torch.no_grad():
        layer.taps.copy_(torch.tensor([[1.0], [10.0], [100.0]]))
        out = layer(torch.eye(9)[:, :, None])  # row: which frame is 1; column: which sees it
    for frame in range(9):
        for tap, weight in enumerate((1.0, 10.0, 100.0)):
            if 0 <= frame - tap * dilation < 9:
                assert out[frame - tap * dilation, frame, 0] != 0 or tap
                assert out[frame - tap * dilation, frame, 0].item() == weight


def test_factors_are_lower_triangular():
    factor = factors(torch.tensor([math.log(2.0), math.log(3.0), 0.5]), torch.tensor([0.1]))
    torch.testing.assert_close(factor, torch.tensor([[0.2, 0.0], [0.05, 0.3]]))


def test_the_likelihood_is_that_of_a_student_t_of_this_covariance():
    covariance = torch.tensor([[0.5, 0.2], [0.2, 0.3]])
    factor = torch.linalg.cholesky(covariance)
    step = torch.linspace(-15, 15, 1001)
    grid = torch.stack(torch.meshgrid(step, step, indexing="ij"), dim=-1)
    density = (-student_nll(grid, factor)).exp()
    density = density / density.sum()
    found = torch.einsum("xy,xyi,xyj->ij", density, grid, grid)
    torch.testing.assert_close(found, covariance, atol=0.02, rtol=0.03)


def test_a_mean_of_nothing_is_nothing():
    assert masked_mean(torch.ones(3), torch.zeros(3)).item() == 0
    assert masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 1.0])).item() == 2


def test_linear_starts_as_principal_components():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 66, generator=generator)
    frames = torch.randn(400, 6, generator=generator) @ mixing
    frames += 0.1 * torch.randn(400, 66, generator=generator)
    batch = PoseBatch.from_keypoints(frames.view(1, 400, 33, 2))
    model = Linear(latent=4)
    model.prepare(batch)
    found = model.standardised(model(batch).mean, batch.observed).flatten(2)[0].detach()
    scaled = model.standardised(batch.keypoints, batch.observed).flatten(2)[0]
    pca = PCA(4).fit(scaled.numpy())
    expected = torch.from_numpy(pca.inverse_transform(pca.transform(scaled.numpy())))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)


@pytest.fixture
def temporal():
    torch.manual_seed(0)
    model = Temporal()
    keypoints = torch.randn(4, 300, 33, 2, generator=torch.Generator().manual_seed(0))
    model.prepare(PoseBatch.from_keypoints(keypoints))
    return model.eval()


@pytest.mark.parametrize("causal", [False, True])
def test_temporal_starts_near_the_straight_line(temporal, causal):
    along = torch.linspace(0, 1, 30)[:, None, None]
    batch = PoseBatch.from_keypoints(along + torch.randn(2, 1, 33, 2).expand(2, 30, 33, 2))
    hidden = torch.rand(batch.observed.shape) < 0.5
    hidden[:, 0] = False
    found = temporal(batch.hide(hidden), causal=causal)
    base = Timeline.of(batch.hide(hidden), causal=causal).base
    torch.testing.assert_close(found.mean, base, atol=0.03, rtol=0)


def test_temporal_starts_towards_the_curves_in_long_gaps(temporal):
    wave = torch.sin(torch.arange(60) / 12)[:, None, None].expand(1, 60, 33, 2)
    batch = PoseBatch.from_keypoints(wave.clone())
    gap = torch.zeros_like(batch.observed)
    gap[:, 20:45] = True
    timeline = Timeline.of(batch.hide(gap), causal=False)
    line, far = timeline.base[:, 32], free_curve(timeline)[:, 32]
    found = temporal(batch.hide(gap)).mean[:, 32]
    assert ((found - line) / (far - line)).mean().item() == pytest.approx(0.4, abs=0.15)


def test_what_poses_add_to_the_chosen_places_counts_as_far_as_it_is_trusted(temporal):
    batch = gap_of_a_wave()
    with torch.no_grad():
        temporal.bias[:, :2] = 1.0
    found = {}
    for trust in (0.0, 0.5, 1.0):
        temporal.trust.fill_(trust)
        found[trust] = temporal(batch).mean
    temporal.trust.fill_(1.0)
    with torch.no_grad():
        temporal.bias[:, :2] = 0.0
    torch.testing.assert_close(found[0.0], temporal(batch).mean)
    assert (found[1.0] - found[0.0])[:, 32].min() > 0.01
    torch.testing.assert_close(found[0.5], (found[0.0] + found[1.0]) / 2)


def test_places_are_chosen_as_if_nothing_were_added_to_them(temporal):
    batch = gap_of_a_wave(windows=64)
    with torch.no_grad():
        temporal.bias[:, :2] = 1.0
    alone = temporal(batch).mean[:, 32]
    temporal.trust.fill_(0.0)
    chosen = temporal(batch).mean[:, 32]
    temporal.trust.fill_(1.0)
    temporal.train()
    temporal.drop.p = 0.0
    found = temporal(batch).mean[:, 32]
    with_it = (found - alone).abs().amax(dim=(1, 2)) < 1e-6
    torch.testing.assert_close(found[~with_it], chosen[~with_it])
    assert 16 < with_it.sum() < 48
    for some, learns in ((with_it, "out"), (~with_it, "choose")):
        temporal.zero_grad()
        found[some].sum().backward(retain_graph=True)
        assert (temporal.chooser.choose.weight.grad.abs().max() > 0) == (learns == "choose")
        assert (temporal.bias.grad[:, :2].abs().max() > 0) == (learns == "out")


def gap_of_a_wave(windows=1):
    """Return all joints on a sine, gone for 25 frames in the middle."""
    wave = torch.sin(torch.arange(60) / 12)[:, None, None].expand(windows, 60, 33, 2)
    batch = PoseBatch.from_keypoints(wave.clone())
    gap = torch.zeros_like(batch.observed)
    gap[:, 20:45] = True
    return batch.hide(gap)


def test_curve_has_the_places_and_velocities_of_both_ends():
    times = torch.arange(40) / 30
    arc = torch.stack([times.square(), 1 - times], dim=-1)
    batch = PoseBatch.from_keypoints(arc[None, :, None].expand(1, 40, 33, 2).clone())
    gap = torch.zeros_like(batch.observed)
    gap[:, 15:22] = True  # shorter than velocities reach
    timeline = Timeline.of(batch.hide(gap), causal=False)
    straight = (timeline.base - batch.keypoints)[:, 15:22].norm(dim=-1)
    bent = (stiff_curve(timeline) - batch.keypoints)[:, 15:22].norm(dim=-1)
    assert (bent < 0.6 * straight).all()  # velocities are those of a moment before
    torch.testing.assert_close(stiff_curve(timeline)[:, :15], batch.keypoints[:, :15])


def test_a_free_curve_follows_smooth_motion_through_long_gaps():
    wave = torch.sin(torch.arange(90) / 15)[:, None, None].expand(1, 90, 33, 2)
    batch = PoseBatch.from_keypoints(wave.clone())
    gap = torch.zeros_like(batch.observed)
    gap[:, 30:60] = True
    timeline = Timeline.of(batch.hide(gap), causal=False)
    off = [(made - batch.keypoints)[:, 30:60].abs().mean() for made in
           (free_curve(timeline), stiff_curve(timeline), timeline.base)]  # fmt: skip
    assert off[0] < 0.5 * off[1] < 0.5 * off[2]


def test_reach_is_as_far_as_joints_move_anyway():
    speed = torch.tensor([0.0, 0.5, 1.0]).repeat(11)[None, None, :, None]
    points = speed * torch.arange(60)[None, :, None, None] / 30 + torch.zeros(1, 1, 1, 2)
    batch = PoseBatch.from_keypoints(points)
    gap = torch.zeros_like(batch.observed)
    gap[:, 20:40] = True
    for causal in (False, True):
        far = reach(Timeline.of(batch.hide(gap), causal=causal))[0, 35]
        assert far[0].item() == pytest.approx(LEAST, abs=1e-3)
        assert (far[2] - LEAST).item() == pytest.approx(2 * (far[1] - LEAST).item(), rel=1e-3)


def test_temporal_gives_back_what_is_observed(temporal):
    with torch.no_grad():
        temporal.out.normal_()
    batch = PoseBatch.from_keypoints(torch.randn(2, 30, 33, 2))
    torch.testing.assert_close(temporal(batch).mean, batch.keypoints)


def test_temporal_is_less_sure_the_longer_the_gap(temporal):
    batch = line(*[1.0, *[NAN] * 20, 1.0], fps=30.0)
    std = temporal(batch, causal=True).factor[0, :, 0, 0, 0]
    assert (std[1:21].diff() > 0).all()
    assert (temporal(batch).factor[0, 1:20, 0, 0, 0] < std[1:20]).all()


def test_temporal_holds_joints_without_material(temporal):
    temporal.support[0] = 0
    with torch.no_grad():
        temporal.out.normal_()
        temporal.bias.normal_()
    found = temporal(line(1.0, NAN, 3.0, NAN))
    assert found.mean[0, :, 0, 0].tolist() == pytest.approx([1.0, 2.0, 3.0, 3.0])
    assert found.known[0, :, 0].all()
    assert not found.known[0, :, 1:].all()


def test_temporal_guesses_from_a_prior(temporal):
    left, right = 13, 14
    factor = torch.linalg.cholesky(torch.tensor([[1.0, 0.8], [0.8, 1.0]]))
    temporal.adopt(
        {
            "joints": torch.tensor([left, right]),
            "weight": torch.ones(1),
            "mean": torch.zeros(1, 4),
            "factor": torch.kron(factor.contiguous(), torch.eye(2))[None],
        }
    )
    keypoints = torch.full((1, 6, 33, 2), NAN)
    keypoints[0, ::2, left] = torch.tensor([1.0, 2.0])
    for causal in (False, True):
        found = temporal(PoseBatch.from_keypoints(keypoints), causal=causal)
        expected = torch.tensor([0.8, 1.6]).expand(6, 2)
        torch.testing.assert_close(found.mean[0, :, right], expected, atol=1e-5, rtol=0)
        expected = 0.36 * torch.eye(2).expand(6, 2, 2)
        torch.testing.assert_close(found.covariance[0, :, right], expected, atol=1e-3, rtol=0)
    assert temporal.arguments["components"] == 1
    again = Temporal(**temporal.arguments)
    again.load_state_dict(temporal.state_dict())


def test_fast_forms_are_those_of_torch_where_nobody_wants_gradients():
    values = torch.cat([torch.linspace(-60, 60, 999), torch.logspace(-9, 3, 99), torch.zeros(1)])
    logits = torch.randn(50, 11, generator=torch.Generator().manual_seed(0)) * 20
    allowed = torch.rand(logits.shape, generator=torch.Generator().manual_seed(1)) < 0.8
    places = torch.randn(50, 11, 2, generator=torch.Generator().manual_seed(2))
    found = asinh(values), weighted_mean(places, logits, allowed)
    logits.requires_grad_()
    wanted = torch.asinh(values), weighted_mean(places, logits, allowed)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-6, atol=1e-6)
    assert wanted[1].requires_grad
    values.requires_grad_()
    (slope,) = torch.autograd.grad(asinh(values).sum(), values)
    assert slope[-1] == 1  # of 0


def test_networks_of_before_joints_at_rest_were_told_apart_can_be_read(tmp_path):
    before = MLP(widths=[8])
    tensors = {**before.state_dict(), "trust": torch.rand(2, 21), "calibration": torch.rand(2, 21)}
    del tensors["choice"]  # what was chosen was not told from what was added
    path = tmp_path / "old.safetensors"
    checkpoint.save(path, tensors, checkpoint.Metadata.of(before, {}))
    made = checkpoint.load(path).build()
    assert (made.choice == 1).all()
    places = {"arms_unseen": 1, "body_remembered": 5, "face_{}_0.03s": 6, "arms_{}_longer": 15,
              "body_{}_0.19s": 18}  # fmt: skip
    for kind, place in places.items():
        for motion in ("resting", "moving"):
            column = KINDS.index(kind.format(motion))
            assert torch.equal(made.trust[:, column], tensors["trust"][:, place])
            assert torch.equal(made.calibration[:, column], tensors["calibration"][:, place])
