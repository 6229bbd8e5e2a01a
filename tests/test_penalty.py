"""Each penalty is the number that it says."""

import math
from dataclasses import replace

import pytest
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import SettingError
from kpcomplete.model import Latent
from kpcomplete.model.mlp import MLP
from kpcomplete.model.timeline import Timeline
from kpcomplete.model.transformer import Transformer
from kpcomplete.model.variational import Variational
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.penalty.contractive import Contractive
from kpcomplete.penalty.divergence import Divergence
from kpcomplete.penalty.sparse import L1, Sparse
from kpcomplete.penalty.total import Total


def clean(size=4, time=20, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(33, 2, generator=generator)
    walk = torch.randn(size, time, 33, 2, generator=generator).cumsum(dim=1) * 0.03
    return PoseBatch.from_keypoints(scale * (places + walk))


def latent(code, **more):
    """Latents of frames of which all but the last window's are seen."""
    batch = PoseBatch.from_keypoints(torch.zeros(*code.shape[:2], 33, 2))
    last = torch.arange(len(code)) == len(code) - 1
    batch = batch.hide(last[:, None, None].expand_as(batch.observed))
    return batch, Latent(code=code, timeline=Timeline.of(batch, causal=False), **more)


def test_l1_is_the_mean_absolute_code_of_frames_with_somebody():
    batch, found = latent(torch.tensor([[[1.0, -3.0]], [[100.0, 100.0]]]))
    assert L1(weight=0.5)(MLP(), batch, found).item() == pytest.approx(0.5 * 2.0)


def test_sparse_is_the_divergence_of_mean_activity():
    batch, found = latent(torch.tensor([[[0.1, 0.5], [0.1, 0.9]], [[1.0, 1.0], [1.0, 1.0]]]))
    expected = [
        0.2 * math.log(0.2 / on) + 0.8 * math.log(0.8 / (1 - on)) for on in (0.1, 0.7)
    ]  # by hand
    value = Sparse(weight=2.0, share=0.2)(MLP(), batch, found).item()
    assert value == pytest.approx(2.0 * sum(expected) / 2, rel=1e-5)


def test_sparse_wants_shares():
    batch, found = latent(torch.tensor([[[0.1, 1.5]], [[0.0, 0.0]]]))
    with pytest.raises(
        SettingError, match=r"codes in 0\.\.1, but got 0 to 1\.5: set model\.squash"
    ):
        Sparse(weight=1.0)(MLP(), batch, found)


def test_divergence_is_that_of_gaussians():
    middle, variance = torch.tensor([1.0, -0.5]), torch.tensor([0.3, 2.0])
    code = middle.expand(2, 1, 2)
    batch, found = latent(code, middle=code, log_variance=variance.log().expand(2, 1, 2))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(middle, variance.sqrt()), torch.distributions.Normal(0.0, 1.0)
    ).sum()
    value = Divergence(beta=0.1)(Variational(), batch, found).item()
    assert value == pytest.approx(0.1 * expected.item(), rel=1e-5)


def test_divergence_warms_up():
    code = torch.ones(2, 1, 2)
    batch, found = latent(code, middle=code, log_variance=torch.zeros(2, 1, 2))
    penalty = Total(parts=[Divergence(beta=1.0, warmup=0.4)])
    for share, expected in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.9, 1.0)):
        penalty.advance(share)
        assert penalty(Variational(), batch, found).item() == pytest.approx(expected)


def test_divergence_is_for_variational_networks():
    batch, found = latent(torch.ones(2, 1, 2))
    with pytest.raises(SettingError, match="for variational networks, but got MLP: set model=var"):
        Divergence()(MLP(), batch, found)


def jacobian_norm(network, batch):
    """Mean over frames of the squared norm, joints in units of their spread."""

    def code(values):
        away = values * network.spread[:, None] * batch.observed[..., None]
        return network.encode(replace(batch, keypoints=batch.keypoints + away)).code

    jacobian = torch.autograd.functional.jacobian(code, torch.zeros_like(batch.keypoints))
    return jacobian.square().sum().item() / batch.times.numel()


@pytest.mark.parametrize("widths", [[5], [7, 5]])
def test_contractive_is_the_norm_of_the_jacobian(widths):
    torch.manual_seed(0)
    network = MLP(widths=widths, squash="sigmoid", noise=0.3)
    network.prepare(clean(20))
    network.eval()
    batch = clean(2, 2)
    batch = batch.hide(torch.rand(batch.observed.shape) < 0.3)
    expected = jacobian_norm(network, batch)
    penalty = Contractive(weight=1.0)
    draws = 1 if len(widths) == 1 else 3000
    network.train()
    with torch.no_grad():
        found = [penalty(network, batch, network.encode(batch)).item() for _ in range(draws)]
    exact = len(widths) == 1
    assert sum(found) / draws == pytest.approx(expected, rel=1e-4 if exact else 0.05)


@pytest.mark.parametrize("causal", [False, True])
def test_contractive_estimates_any_network(causal):
    torch.manual_seed(0)
    network = Transformer(width=16, heads=2, time=1)
    network.prepare(clean(20))
    batch = clean(2, 6)
    found = Contractive(weight=1.0)(network, batch, network.encode(batch, causal=causal))
    found.backward()
    assert 0 < found.item() < math.inf
    assert network.gather.weight.grad.abs().max() > 0


def objective(penalty, model=None):
    torch.manual_seed(0)
    made = Reconstruct(
        model=model or MLP(widths=[16, 8], noise=0.0),
        corruption=RandomJoints(ratio=0.3, seed=1),
        penalty=penalty,
    )
    made.prepare(clean(20, scale=100))
    return made


def test_the_objective_adds_it_in_training_only():
    plain, charged = objective(None), objective(L1(weight=10.0))
    batch = clean(scale=100)
    for training in (True, False):
        figures = []
        for made in (plain, charged):
            made.train(training)
            made.reseed(0)
            figures.append(made(batch))
        extra = figures[1].get("penalty", torch.zeros(()))
        assert (extra.item() > 0) == training
        torch.testing.assert_close(figures[1]["loss"], figures[0]["loss"] + extra)


def test_the_objective_tells_it_how_far_training_is():
    made = objective(Divergence(beta=1.0, warmup=0.5), Variational(widths=[16], latent=4)).train()
    values = []
    for share in (0.0, 0.25, 0.5):
        made.advance(share)
        made.reseed(0)
        torch.manual_seed(0)
        values.append(made(clean(scale=100))["penalty"].item())
    assert values[0] == 0
    assert values[1] == pytest.approx(values[2] / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: L1(weight=-1), "weight must not be negative, but got -1"),
        (lambda: Sparse(weight=1, share=0), "share must be between 0 and 1, but got 0"),
        (lambda: Contractive(weight=1, step=0), "step must be above 0, but got 0"),
        (lambda: Divergence(beta=-1), "beta must not be negative, but got -1"),
        (lambda: Divergence(warmup=3), r"warmup must be a share in 0\.\.1, but got 3"),
    ],
)
def test_settings_that_cannot_be(make, text):
    with pytest.raises(ValueError, match=text):
        make()
