"""What every penalty promises, over every file of conf/penalty."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from kpcomplete.batch import PoseBatch
from kpcomplete.model.mlp import MLP
from kpcomplete.model.variational import Variational
from kpcomplete.penalty import Penalty

CONFIGS = sorted((Path(__file__).parents[1] / "conf" / "penalty").glob("*.yaml"))


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def name(request):
    return request.param.stem


@pytest.fixture
def penalty(name):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        return instantiate(compose(f"penalty/{name}").penalty, _convert_="all")


def clean(size=4, time=20):
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(33, 2, generator=generator)
    walk = torch.randn(size, time, 33, 2, generator=generator).cumsum(dim=1) * 0.03
    return PoseBatch.from_keypoints(places + walk)


@pytest.fixture
def network(name):
    torch.manual_seed(0)
    made = Variational(widths=[16], latent=4) if name == "divergence" else MLP(
        widths=[16, 8], squash="sigmoid"
    )  # fmt: skip
    made.prepare(clean(20))
    return made.train()


def test_there_are_configs():
    names = {path.stem for path in CONFIGS}
    assert names >= {"sparse", "l1", "contractive", "divergence", "total"}


def test_is_a_number_that_is_not_negative(penalty, network):
    assert isinstance(penalty, Penalty)
    batch = clean()
    found = penalty(network, batch, network.encode(batch))
    assert found.shape == ()
    assert found.item() > 0


def test_can_be_made_smaller(penalty, network):
    batch = clean()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    values = []
    for _ in range(40):
        found = penalty(network, batch, network.encode(batch))
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        values.append(found.item())
    assert values[-1] < 0.7 * values[0]


@pytest.mark.parametrize("shape", [(2, 5), (0, 5), (2, 0)])
def test_nobody_costs_nothing(penalty, network, shape):
    batch = PoseBatch.from_keypoints(torch.full((*shape, 33, 2), torch.nan))
    assert penalty(network, batch, network.encode(batch)).item() == 0


def test_what_is_hidden_does_not_count(penalty, network):
    network.eval()
    batch = clean()
    gone = torch.rand(batch.observed.shape) < 0.4
    moved = replace(batch, keypoints=batch.keypoints + 5.0 * gone[..., None])
    values = []
    for one in (batch, moved):
        torch.manual_seed(0)
        values.append(penalty(network, one.hide(gone), network.encode(one.hide(gone))).item())
    assert values[0] == values[1]


def test_leaves_the_network_in_its_mode(penalty, network):
    batch = clean()
    for training in (True, False):
        network.train(training)
        penalty(network, batch, network.encode(batch))
        assert network.training == training
        assert all(m.training == training for m in network.modules())
