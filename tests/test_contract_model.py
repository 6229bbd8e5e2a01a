"""What every autoencoder promises, over every file of conf/model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from kpcomplete import checkpoint, normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.checkpoint import Metadata
from kpcomplete.completer import Completer
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.model import Autoencoder
from kpcomplete.model.temporal import Temporal

FOLDER = Path(__file__).parents[1] / "conf" / "model"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
UNKNOWN = [9, 10, 17]  # joints that the material never shows


def poses(batch, time, seed=0):
    """People who move: every joint has its place, and wanders."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.randn(33, 2, generator=torch.Generator().manual_seed(9))
    walk = torch.randn(batch, time, 33, 2, generator=generator).cumsum(dim=1) * 0.03
    body = 0.2 * torch.randn(batch, 1, 1, 2, generator=generator)
    return places + body + walk


def clean(batch=3, time=40, seed=0):
    keypoints = poses(batch, time, seed)
    keypoints[:, :, UNKNOWN] = torch.nan
    return PoseBatch.from_keypoints(keypoints)


def some(batch, ratio, seed=0):
    draw = torch.rand(batch.observed.shape, generator=torch.Generator().manual_seed(seed))
    return draw < ratio


def prior():
    joints = torch.tensor([0, 2, 5, 7, 11, 12, 13, 14, 15, 16, 23, 24])
    generator = torch.Generator().manual_seed(4)
    mean = torch.randn(3, 24, generator=generator)
    factor = (torch.eye(24) + 0.2 * torch.randn(3, 24, 24, generator=generator)).tril()
    return {"joints": joints, "weight": torch.full((3,), 1 / 3), "mean": mean, "factor": factor}


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def model(request):
    torch.manual_seed(0)
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        config = compose(f"model/{request.param.stem}").model
    network = instantiate(config, _convert_="all")
    network.prepare(clean(batch=20))
    if isinstance(network, Temporal):
        network.adopt(prior())
    with torch.no_grad():  # as if trained: no weight is 0
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


@pytest.fixture(params=[False, True], ids=["offline", "causal"])
def causal(request):
    return request.param


def test_there_are_configs():
    assert {path.stem for path in CONFIGS} >= {
        "linear", "mlp", "tied", "sparse", "contractive", "variational", "convolutional",
        "transformer", "temporal",
    }  # fmt: skip


def test_gives_a_latent_a_frame_and_a_prediction_a_joint(model, causal):
    batch = clean()
    latent = model.encode(batch, causal=causal)
    assert latent.code.shape[:2] == (3, 40)
    found = model.decode(latent)
    assert found.mean.shape == (3, 40, 33, 2)
    assert found.known.shape == (3, 40, 33)
    assert (found.factor[..., 0, 1] == 0).all()
    assert (torch.diagonal(found.factor, dim1=-2, dim2=-1) > 0).all()
    torch.testing.assert_close(found.covariance, found.covariance.mT)
    assert sum(p.numel() for p in model.parameters()) <= 700_000


def test_what_is_hidden_cannot_be_seen(model, causal):
    batch = clean()
    hidden = some(batch, 0.4)
    moved = replace(batch, keypoints=batch.keypoints + 1e3 * hidden[..., None])
    a = model(batch.hide(hidden), causal=causal)
    b = model(moved.hide(hidden), causal=causal)
    c = model(replace(moved, observed=batch.observed & ~hidden), causal=causal)  # not zeroed
    for other in (b, c):
        torch.testing.assert_close(a.mean, other.mean, atol=0, rtol=0)
        torch.testing.assert_close(a.factor, other.factor, atol=0, rtol=0)


def test_what_is_observed_is_used(model, causal):
    batch = clean()
    moved = replace(batch, keypoints=batch.keypoints + 0.3 * batch.observed[..., None])
    hidden = torch.zeros_like(batch.observed)
    hidden[:, :, 3:6] = True
    a, b = model(batch.hide(hidden), causal=causal), model(moved.hide(hidden), causal=causal)
    assert ((a.mean - b.mean)[:, :, 3:6].norm(dim=-1) > 1e-3).float().mean() > 0.9


@pytest.mark.parametrize("count", [1, 2, 3, 10, 33])
def test_any_number_of_joints_gives_finite_numbers(model, causal, count):
    keypoints = poses(33, 6)
    batch = PoseBatch.from_keypoints(keypoints)
    order = torch.rand(33, 33, generator=torch.Generator().manual_seed(count)).argsort(dim=1)
    order[:, 0] = torch.arange(33)  # every joint is once the only one
    keep = torch.zeros(33, 33, dtype=torch.bool).scatter(1, order[:, :count], True)
    found = model(batch.hide(~keep[:, None].expand(33, 6, 33)), causal=causal)
    assert torch.isfinite(found.mean).all()
    assert torch.isfinite(found.factor).all()
    known = [j for j in range(33) if j not in UNKNOWN]
    rows = keep[:, known].any(dim=1)
    assert found.known[rows][:, :, known].all()


def test_nobody_gives_nothing(model, causal):
    batch = clean()
    found = model(batch.hide(torch.ones_like(batch.observed)), causal=causal)
    assert not found.known.any()
    assert (found.mean == 0).all()


def test_joints_without_material_are_not_made_up(model, causal):
    found = model(clean(), causal=causal)
    assert not found.known[:, :, UNKNOWN].any()


def test_causal_does_not_look_ahead(model):
    batch = clean()
    late = torch.arange(40)[None, :, None] >= 25
    moved = replace(batch, keypoints=batch.keypoints + (late & batch.observed)[..., None])
    moved = moved.hide(late & some(batch, 0.5, seed=1))
    hidden = some(batch, 0.4) & ~late
    a, b = model(batch.hide(hidden), causal=True), model(moved.hide(hidden), causal=True)
    for one, other in ((a.mean, b.mean), (a.factor, b.factor), (a.known, b.known)):
        torch.testing.assert_close(one[:, :25], other[:, :25], atol=0, rtol=0)


def test_moving_and_growing_the_person_moves_and_grows_the_completion(model, causal):
    batch = replace(clean(), keypoints=300 + 100 * clean().keypoints)
    batch = batch.hide(some(batch, 0.4) | ~clean().observed)
    means = []
    for factor, shift in ((1.0, 0.0), (1.7, 240.0)):
        moved = torch.where(batch.observed[..., None], factor * batch.keypoints + shift, 0.0)
        moved = replace(batch, keypoints=moved)
        place = normalize.fit(moved)
        found = model(place.into_body(moved), causal=causal)
        pixels = replace(batch, keypoints=found.mean, observed=found.known)
        means.append((place.into_pixels(pixels).keypoints - shift) / factor)
        known = found.known
    assert known.any()
    torch.testing.assert_close(means[0][known], means[1][known], atol=0.1, rtol=1e-3)  # pixels


def test_windows_do_not_depend_on_each_other(model, causal):
    batch = clean()
    batch = batch.hide(some(batch, 0.4))
    whole, alone = model(batch, causal=causal), model(batch.select(slice(1, 2)), causal=causal)
    torch.testing.assert_close(whole.mean[1:2], alone.mean, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(0, 5), (2, 0), (1, 1)])
def test_takes_windows_of_any_size(model, causal, shape):
    found = model(PoseBatch.from_keypoints(torch.zeros(*shape, 33, 2)), causal=causal)
    assert found.mean.shape == (*shape, 33, 2)


def test_learns_from_its_loss(model, causal):
    batch = clean(batch=8)
    corrupted = batch.hide(some(batch, 0.4))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        figures = model.loss(corrupted, batch, causal=causal)
        optimizer.zero_grad()
        figures["loss"].backward()
        optimizer.step()
        losses.append(figures["loss"].item())
    assert losses[-1] < losses[0] - 0.02
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_unknown_truth_does_not_count(model, causal):
    batch = clean()
    hidden = some(batch, 0.4)
    unknown = hidden & some(batch, 0.5, seed=1)
    wrong = replace(batch, keypoints=batch.keypoints + 50.0 * unknown[..., None])
    a = model.loss(batch.hide(hidden), batch.hide(unknown), causal=causal)
    b = model.loss(wrong.hide(hidden), replace(wrong, observed=batch.observed & ~unknown),
                   causal=causal)  # fmt: skip
    assert torch.equal(a["loss"], b["loss"])


def test_nothing_to_learn_from_is_no_nan(model, causal):
    batch = clean()
    nobody = batch.hide(torch.ones_like(batch.observed))
    figures = model.loss(nobody, nobody, causal=causal)
    assert all(value.item() == 0 for value in figures.values())


def test_works_as_a_completer_from_its_checkpoint(model, causal, tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoint.save(path, model.state_dict(), Metadata.of(model, {}))
    completer = AutoencoderCompleter(weights=path, causal=causal)
    assert isinstance(completer, Completer)
    assert isinstance(completer.network, Autoencoder)
    batch = clean()
    batch = batch.hide(some(batch, 0.4))
    out, expected = completer(batch), model(batch, causal=causal)
    filled = expected.known & ~batch.observed
    torch.testing.assert_close(out.keypoints[filled], expected.mean[filled].detach())
    assert torch.equal(out.observed, batch.observed | expected.known)
