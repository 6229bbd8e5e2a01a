"""What is special to each of the classic autoencoders."""

import math

import pytest
import torch
from sklearn.decomposition import PCA

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.model.convolutional import Convolutional, Look
from kpcomplete.model.linear import Linear
from kpcomplete.model.mlp import MLP
from kpcomplete.model.transformer import Attend, Transformer
from kpcomplete.model.variational import Variational


def poses(size=20, time=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    places = torch.randn(33, 2, generator=torch.Generator().manual_seed(9))
    walk = torch.randn(size, time, 33, 2, generator=generator).cumsum(dim=1) * 0.03
    return PoseBatch.from_keypoints(places + walk)


def ready(model):
    model.prepare(poses())
    return model.eval()


def test_tied_linear_starts_as_principal_components_too():
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(400, 6, generator=generator) @ torch.randn(6, 66, generator=generator)
    batch = PoseBatch.from_keypoints(frames.view(1, 400, 33, 2))
    model = Linear(latent=4, tied=True)
    model.prepare(batch)
    scaled = model.standardised(batch.keypoints, batch.observed).flatten(2)[0].numpy()
    found = model.standardised(model(batch).mean, batch.observed).flatten(2)[0].detach()
    pca = PCA(4).fit(scaled)
    expected = torch.from_numpy(pca.inverse_transform(pca.transform(scaled)))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize(("free", "tied"), [(Linear(), Linear(tied=True)), (MLP(), MLP(tied=True))])
def test_tying_saves_the_weights_out_and_stays_tied(free, tied):
    count = [sum(p.numel() for p in m.parameters()) for m in (free, tied)]
    assert count[1] < 0.65 * count[0]
    assert not any("leave" in n and "weight" in n for n in tied.state_dict())
    model = ready(tied)
    batch = poses(2)
    before = model(batch).mean
    with torch.no_grad():
        enter = model.enter if isinstance(model, Linear) else model.enter[-1]
        enter.weight.mul_(2)  # the way out follows
        changed = model.decode(model.encode(batch)).mean
    assert not torch.allclose(before, changed)
    again = type(model)(**model.arguments)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.eval()(batch).mean, changed)


def test_tied_layers_use_the_transposed_weight():
    model = ready(MLP(widths=[8, 4], bend="none", tied=True))
    code = torch.randn(1, 1, 4)
    first, second = (layer.weight for layer in model.enter)
    expected = code @ second @ first[:, :66]
    torch.testing.assert_close(model.expand(code).flatten(2), expected)


@pytest.mark.parametrize("tied", [False, True])
def test_depth_is_a_setting(tied):
    model = ready(MLP(widths=[20, 16, 12, 8, 4], tied=tied))
    assert model.depth == 5
    assert model.encode(poses(2)).code.shape == (2, 40, 4)
    assert model(poses(2)).mean.shape == (2, 40, 33, 2)


def test_noise_drops_codes_of_every_layer_in_training_only():
    model = ready(MLP(widths=[64, 32], noise=0.5))
    batch = poses(2)
    torch.testing.assert_close(model(batch).mean, model(batch).mean)
    dropped = []
    model.drop.register_forward_hook(lambda _, __, out: dropped.append((out == 0).float().mean()))
    model.train()
    assert not torch.equal(model(batch).mean, model(batch).mean)
    assert len(dropped) == 2 * 3  # the hidden layer in, the latent, the hidden layer out
    assert all(0.4 < share < 0.6 for share in dropped)


@pytest.mark.parametrize(("squash", "low", "high"), [("sigmoid", 0, 1), ("tanh", -1, 1)])
def test_a_squashed_latent_has_limits(squash, low, high):
    code = ready(MLP(widths=[16, 8], squash=squash)).encode(poses(4)).code
    assert low < code.min() < code.max() < high


@pytest.mark.parametrize("squash", ["none", "tanh", "sigmoid"])
def test_the_sensitivity_of_one_layer_is_exact(squash):
    model = ready(MLP(widths=[6], squash=squash, noise=0.0)).double()
    values = torch.randn(1, 1, 33, 2, dtype=torch.float64)
    given = torch.rand(1, 1, 33) < 0.7

    def code(x):
        return model.squeeze(x * given[..., None], given.double())

    jacobian = torch.autograd.functional.jacobian(code, values)
    found = model.sensitivity(code(values), given.double())
    assert found.item() == pytest.approx(jacobian.square().sum().item())
    assert MLP(widths=[6, 3]).sensitivity(code(values), given) is None


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: MLP(widths=[]), "widths must name at least one layer, but got none"),
        (lambda: MLP(bend="wavy"), "bend must be one of none, gelu, relu, tanh, sigmoid, but got"),
        (lambda: MLP(squash="gelu"), "squash must be one of none, tanh, sigmoid, but got 'gelu'"),
        (lambda: MLP(noise=2), r"noise must be a share in 0\.\.1, but got 2"),
        (lambda: Variational(widths=[]), "widths must name at least one layer"),
        (lambda: Convolutional(stride=5, reach=4), "reach >= stride, but got"),
        (lambda: Transformer(width=20, heads=3), "width by twice the heads, joint_width by 2"),
        (lambda: Transformer(span=0), "span must be at least 1 frame, but got 0"),
    ],
)
def test_settings_that_cannot_be(make, text):
    with pytest.raises((SettingError, ValueError), match=text):
        make()


@pytest.fixture
def variational():
    torch.manual_seed(0)
    return ready(Variational(widths=[32, 16], latent=4))


def test_variational_draws_in_training_and_not_in_use(variational):
    batch = poses(2)
    torch.testing.assert_close(variational(batch).mean, variational(batch).mean)
    latent = variational.encode(batch)
    assert torch.equal(latent.code, latent.middle)
    with torch.no_grad():
        variational.width.weight.zero_()
        variational.width.bias.fill_(2 * math.log(0.5))
    variational.train()
    draws = torch.stack([variational.encode(batch).code for _ in range(300)])
    torch.testing.assert_close(draws.mean(dim=0), latent.middle, atol=0.15, rtol=0)
    torch.testing.assert_close(draws.std().item(), (0.25 + latent.middle.std() ** 2).sqrt().item(),
                               atol=0.05, rtol=0)  # fmt: skip
    assert draws.std(dim=0).mean().item() == pytest.approx(0.5, abs=0.02)


def test_samples_differ_where_nothing_is_seen_and_agree_where_it_is(variational):
    batch = poses(3, 10)
    hidden = torch.rand(3, 10, 33, generator=torch.Generator().manual_seed(1)) < 0.5
    given = batch.hide(hidden)
    torch.manual_seed(0)
    found = variational.sample(given, 7)
    assert found.shape == (7, 3, 10, 33, 2)
    assert torch.equal(found[:, ~hidden], batch.keypoints[~hidden].expand(7, -1, 2))
    assert found.std(dim=0)[hidden].min() > 0
    assert variational.sample(given, 0).shape == (0, 3, 10, 33, 2)


def test_a_sample_does_not_flicker(variational):
    still = PoseBatch.from_keypoints(torch.randn(1, 1, 33, 2).expand(1, 9, 33, 2).clone())
    hidden = torch.zeros(1, 9, 33, dtype=torch.bool)
    hidden[..., 20:] = True
    found = variational.sample(still.hide(hidden), 5)
    torch.testing.assert_close(found, found[:, :, :1].expand_as(found))


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_a_convolution_sees_its_reach(stride, causal):
    look = Look(1, 1, 2, stride)
    with torch.no_grad():
        look.taps.weight.copy_(torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]))
        look.taps.bias.zero_()
        out = look(torch.eye(9)[:, :, None], causal)[..., 0]  # row: which frame is 1
    for place, frame in enumerate(range(0, 9, stride)):
        for other in range(9):
            tap = other - frame
            inside = -2 <= tap <= (0 if causal else 2)
            assert out[other, place].item() == (3 + tap if inside else 0)


def test_several_frames_share_a_latent():
    code = ready(Convolutional(stride=4)).encode(poses(2, 10)).code
    for frame in range(10):
        assert torch.equal(code[:, frame], code[:, frame // 4 * 4])
    assert not torch.equal(code[:, 3], code[:, 4])


def test_long_windows_are_attended_in_stretches():
    """Stretches with their neighbours hold everything as long as there are three of them."""
    torch.manual_seed(0)
    layer = Attend(8, 2, 0.0).eval()
    x, times = torch.randn(2, 7, 8), torch.arange(7.0).expand(2, 7)
    for causal in (False, True):
        whole = layer(x, times, causal=causal)
        torch.testing.assert_close(layer(x, times, span=7, causal=causal), whole)
        near = layer(x, times, span=4, causal=causal)  # two stretches: all are neighbours
        torch.testing.assert_close(near, whole)
    moved = x.clone()
    moved[:, 0] += torch.randn(8)  # a constant would be normalised away
    a, b = layer(x, times, span=2), layer(moved, times, span=2)
    assert torch.equal(a[:, 4:], b[:, 4:])  # two stretches away
    assert not torch.allclose(a[:, 3], b[:, 3])


def test_attention_knows_when_frames_are_and_not_when_the_film_began():
    torch.manual_seed(0)
    layer = Attend(8, 2, 0.0).eval()
    x, times = torch.randn(1, 6, 8), torch.arange(6.0)[None] / 30
    torch.testing.assert_close(layer(x, times + 100), layer(x, times), atol=1e-4, rtol=0)
    assert not torch.allclose(layer(x, 3 * times), layer(x, times), atol=1e-3)
    assert not torch.allclose(layer(x), layer(x, times), atol=1e-3)


def test_a_hidden_joint_is_a_mask_token_and_an_empty_frame_another():
    model = ready(Transformer())
    batch = poses(2, 5)
    gone = torch.zeros_like(batch.observed)
    gone[:, 1, 4] = True
    gone[:, 3] = True
    before = model(batch.hide(gone)).mean
    with torch.no_grad():
        model.mask.add_(torch.randn(16))
    masked = model(batch.hide(gone)).mean
    with torch.no_grad():
        model.nobody.add_(torch.randn(96))
    nobody = model(batch.hide(gone)).mean
    assert not torch.allclose(before, masked)
    assert not torch.allclose(masked, nobody)
