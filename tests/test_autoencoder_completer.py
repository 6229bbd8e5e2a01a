"""A trained network fills in joints and says how sure it is."""

import pytest
import torch
from torch import nn

from kpcomplete import checkpoint
from kpcomplete.batch import CONFIDENCE_RADIUS, PoseBatch, within_radius
from kpcomplete.checkpoint import Metadata
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.model.mlp import MLP
from kpcomplete.normalize import TORSO


@pytest.fixture
def batch():
    keypoints = torch.randn(5, 80, 33, 2, generator=torch.Generator().manual_seed(0))
    return PoseBatch.from_keypoints(keypoints)


@pytest.fixture
def path(tmp_path, batch):
    torch.manual_seed(0)
    model = MLP(widths=[32, 8])
    model.prepare(batch)
    path = tmp_path / "mlp.safetensors"
    checkpoint.save(path, model.state_dict(), Metadata.of(model, {}))
    return path


@pytest.fixture
def hidden(batch):
    return batch.hide(torch.rand(batch.observed.shape) < 0.3)


def test_keeps_what_it_got_and_fills_in_the_rest(path, hidden):
    out = AutoencoderCompleter(weights=path)(hidden)
    seen = hidden.observed
    assert torch.equal(out.keypoints[seen], hidden.keypoints[seen])
    assert torch.equal(out.confidence[seen], hidden.confidence[seen])
    assert (out.covariance[seen] == 0).all()
    assert out.observed.all()
    radius = CONFIDENCE_RADIUS * TORSO
    torch.testing.assert_close(out.confidence[~seen], within_radius(out.covariance[~seen], radius))


@pytest.mark.parametrize("chunk", [1, 100, 250])
def test_chunks_make_no_difference(path, hidden, chunk):
    whole = AutoencoderCompleter(weights=path)(hidden)
    parts = AutoencoderCompleter(weights=path, chunk=chunk)(hidden)
    torch.testing.assert_close(parts.keypoints, whole.keypoints, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(parts.covariance, whole.covariance)


def test_what_is_too_uncertain_stays_missing(path, hidden):
    everything = AutoencoderCompleter(weights=path)(hidden)
    std = torch.linalg.eigvalsh(everything.covariance)[..., -1].clamp_min(0).sqrt()
    limit = std[~hidden.observed].median().item()
    out = AutoencoderCompleter(weights=path, max_std=limit)(hidden)
    close = (std - limit).abs() < 1e-4
    assert torch.equal(out.observed[~close], (hidden.observed | (std <= limit))[~close])
    assert (out.observed < everything.observed).any()
    assert (out.keypoints[~out.observed] == 0).all()
    assert (out.covariance[~out.observed] == 0).all()
    assert (out.confidence[~out.observed] == 0).all()


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_takes_nothing(path, shape):
    out = AutoencoderCompleter(weights=path)(PoseBatch.from_keypoints(torch.zeros(*shape, 33, 2)))
    assert out.observed.shape == (*shape, 33)
    assert out.covariance.shape == (*shape, 33, 2, 2)


def test_refuses_settings_that_cannot_be(path):
    with pytest.raises(SettingError, match="must be positive, but got max_std=0, chunk=20000"):
        AutoencoderCompleter(weights=path, max_std=0)
    with pytest.raises(SettingError, match="chunk=0"):
        AutoencoderCompleter(weights=path, chunk=0)


def test_refuses_weights_that_are_no_autoencoder(tmp_path, monkeypatch):
    path = tmp_path / "other.safetensors"
    network = "kpcomplete.objective.Linear"
    monkeypatch.setattr("kpcomplete.objective.Linear", nn.Linear, raising=False)
    layer = nn.Linear(1, 1)
    arguments = {"in_features": 1, "out_features": 1}
    checkpoint.save(path, layer.state_dict(), Metadata(network=network, arguments=arguments))
    with pytest.raises(ModelFileError, match=r"other\.safetensors must hold an autoencoder"):
        AutoencoderCompleter(weights=path)


def test_names_weights_that_are_not_there():
    with pytest.raises(ModelFileError, match="no shipped model is called 'nonsense'"):
        AutoencoderCompleter(weights="nonsense")
