"""Clusters, maps, explanations, and the pages that show them."""

import numpy as np
import pytest
import torch
from test_head import PAST, encoder, head, material  # noqa: F401  (a fixture)

from kpcomplete import classifying, picturing
from kpcomplete.batch import PoseBatch
from kpcomplete.clustering import WAYS, assign, cluster, sharpen
from kpcomplete.errors import SettingError
from kpcomplete.exploring import between, draw, explore, maps
from kpcomplete.head.explanation import explain
from kpcomplete.head.fitting import fit_heads
from kpcomplete.model.variational import Variational
from kpcomplete.normalize import fit


def blobs(count=3, size=40):
    draw = torch.Generator().manual_seed(0)
    centres = 6 * torch.randn(count, 5, generator=draw)
    return (centres[:, None] + 0.3 * torch.randn(count, size, 5, generator=draw)).flatten(0, 1)


@pytest.mark.parametrize("way", WAYS)
def test_clear_clusters_are_found(way):
    found = cluster(blobs(), way, 3).reshape(3, 40)
    for row in found:
        values, counts = np.unique(row, return_counts=True)
        assert counts.max() >= 38
        assert values[counts.argmax()] >= 0
    assert len({np.bincount(row + 1).argmax() for row in found}) == 3


def test_clusters_that_cannot_be():
    with pytest.raises(SettingError, match="k_means, hdbscan, embedded"):
        cluster(blobs(), "guess", 3)
    with pytest.raises(SettingError, match="2 to 120 of them"):
        cluster(blobs(), "k_means", 1)


def test_assignments_are_shares_and_get_sharper():
    soft = assign(torch.tensor([[0.0], [0.9]]), torch.tensor([[0.0], [1.0]]))
    torch.testing.assert_close(soft[0], torch.tensor([2 / 3, 1 / 3]))
    sharp = sharpen(soft)
    assert sharp[0, 0] > soft[0, 0]
    torch.testing.assert_close(sharp.sum(dim=1), torch.ones(2))


def test_maps_keep_clusters_apart():
    found = maps(blobs())
    assert found["pca_3d"].shape == (120, 3)
    for points in found.values():
        groups = points.reshape(3, 40, -1)
        within = groups.std(axis=1).mean()
        between_ = groups.mean(axis=1).std(axis=0).mean()
        assert between_ > within


def test_the_page_holds_every_picture(encoder, tmp_path):  # noqa: F811
    batch = material().windows(PAST, 8)
    page = explore(classifying.autoencoder(encoder), batch, tmp_path / "e", count=3, samples=4)
    text = page.read_text()
    assert text.count("<img src='data:image/png") >= 6  # three ways, mean poses, and between
    assert "drawn" not in text  # not by a network that is not variational


@pytest.mark.parametrize("name", [None, "completer"])
def test_on_the_way_between_poses_the_ends_are_the_reconstructions(name, encoder):  # noqa: F811
    network = classifying.autoencoder(name or encoder)
    batch = material().windows(PAST, 8)
    body = fit(batch).into_body(batch)
    steps = between(network, body, 0, 5, 4)
    with torch.no_grad():
        ends = network(body.select(torch.tensor([0, 5])), causal=True).mean[:, -1].numpy()
    known = np.isfinite(steps[0])
    assert known.any()
    np.testing.assert_allclose(steps[0][known], ends[0][known], atol=1e-5)
    np.testing.assert_allclose(steps[-1][known], ends[1][known], atol=1e-5)
    assert np.abs(steps[-1] - steps[0])[known].max() > 1e-4


@pytest.mark.parametrize(("windows", "samples"), [(4, 8), (0, 8), (5, 0)])
def test_too_little_to_explore(encoder, tmp_path, windows, samples):  # noqa: F811
    batch = material().windows(PAST, 8).select(slice(windows))
    with pytest.raises(SettingError, match=f"got {windows} windows and {samples} samples"):
        explore(classifying.autoencoder(encoder), batch, tmp_path / "e", samples=samples)
    assert not (tmp_path / "e").exists()


def test_five_windows_can_be_explored(encoder, tmp_path):  # noqa: F811
    batch = material().windows(PAST, 8).select(slice(5))
    network = classifying.autoencoder(encoder)
    page = explore(network, batch, tmp_path, clusters=["hdbscan"], count=2, samples=1)
    assert "hdbscan.png" in {path.name for path in page.parent.iterdir()}


def test_poses_are_drawn_from_a_variational_network():
    network = Variational(widths=[32, 8])
    network.support.fill_(1000)
    found = draw(network.eval(), 5, seed=1)
    assert found.shape == (5, 33, 2)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, draw(network, 5, seed=1))


@pytest.fixture(scope="module")
def taught(encoder):  # noqa: F811
    model = head(encoder, hidden=[16])
    batch = material().windows(PAST, 1)
    targets = {"attention": batch.targets["attention"], "occupant": batch.targets["occupant"]}
    with torch.no_grad():
        features = model.features(batch)
    fit_heads(model, features, targets, 150)
    return model


def window(place):
    batch = material().windows(PAST, 1).select(torch.tensor([place]))
    return PoseBatch.from_keypoints(batch.keypoints)


def test_the_lifted_hand_carries_the_decision(taught, tmp_path):
    found = explain(taught, window(40), "attention")
    assert found.answer == "distracted"
    assert {int(i) for i in found.joints.topk(2).indices} & {15, 16}  # the wrists
    hands = found.gradients[:, 15:17].abs().sum()
    assert found.gradients.shape == (PAST, 33)
    assert found.moments.shape == (PAST,)
    assert torch.isfinite(hands)
    picturing.explanation(tmp_path / "e.png", found, window(40), 30.0)
    assert (tmp_path / "e.png").stat().st_size > 5000


def test_the_other_class_is_explained_when_asked_for(taught):
    other = explain(taught, window(40), "attention", "normal")
    assert other.answer == "normal"
    assert other.joints[[15, 16]].min() < 0  # the hand speaks against it
    with pytest.raises(SettingError, match="no class 'asleep'; it has normal, distracted"):
        explain(taught, window(40), "attention", "asleep")
    with pytest.raises(SettingError, match="a task of attention, occupant"):
        explain(taught, window(40), "mood")


def test_timelines_show_flagged_spans(tmp_path):
    times = np.arange(50) / 30
    score = np.r_[np.zeros(30), np.ones(20)]
    picturing.timeline(tmp_path / "t.png", times, {"driver": score}, {"driver": 0.5},
                       {"driver": [(30, 50)]})  # fmt: skip
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
