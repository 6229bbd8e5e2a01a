"""Trees as a head: what scikit-learn grew, as arrays, compiled and live."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.ensemble import HistGradientBoostingClassifier

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.data.labelled import NONE
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.head import fitting
from kpcomplete.head.describing import summed
from kpcomplete.head.explanation import explain
from kpcomplete.head.fitting import fit_trees
from kpcomplete.head.geometry import geometry, pairs
from kpcomplete.head.live import Live
from kpcomplete.head.scaling import scale
from kpcomplete.head.several import Several
from kpcomplete.head.trees import Trees, forest, grow
from kpcomplete.normalize import Placement
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton
from kpcomplete.training import write

TASKS = {"lean": ["no", "left", "right"], "size": ["small", "large"]}


def material(classes, seed=0, count=600):
    """Numbers whose classes are told by two borders between them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6)).astype(np.float32)
    y = np.digitize(x[:, 1] * x[:, 2], [-0.3, 0.3]) if classes == 3 else (x[:, 0] > 0.2) * 1
    return x, y


@pytest.mark.parametrize("classes", [2, 3])
def test_arrays_say_what_scikit_learn_says(classes):
    x, y = material(classes)
    trees = grow(x, y, np.ones(len(y)), classes, rounds=12, share=1.0)
    known = HistGradientBoostingClassifier(
        max_iter=12, learning_rate=0.1, max_leaf_nodes=15, l2_regularization=1.0, max_bins=63,
        min_samples_leaf=20, early_stopping=False, random_state=0,
    ).fit(x, y)  # fmt: skip
    fresh, _ = material(classes, seed=1)
    said = trees(torch.from_numpy(fresh)).softmax(dim=1).numpy()
    # thresholds are rounded: a number next to one may fall on its other side
    assert np.quantile(np.abs(said - known.predict_proba(fresh)).max(axis=1), 0.98) < 2e-3


def test_a_class_that_nobody_showed_is_never_said():
    x, y = material(3)
    trees = grow(x[y < 2], y[y < 2], np.ones((y < 2).sum()), 3, rounds=5)
    assert trees(torch.from_numpy(x)).softmax(dim=1)[:, 2].max() < 1e-3


def test_compiled_trees_of_several_tasks_say_the_same():
    heads = []
    for classes, rounds in ((3, 9), (2, 4)):
        x, y = material(classes)
        heads.append(grow(x, y, np.ones(len(y)), classes, rounds=rounds))
    heads[1].bias += 0.5
    fresh, _ = material(3, seed=2, count=50)
    both = torch.cat([head(torch.from_numpy(fresh)) for head in heads], dim=1)
    np.testing.assert_allclose(summed(fresh, *forest(heads)), both.numpy(), atol=1e-5)


def network():
    encoder = checkpoint.load(checkpoint.shipped("completer")).build()
    return Several(encoder=encoder, tasks=TASKS, past=6).eval()


def taught():
    """Those who are further right lean, those who are larger are large."""
    head, draw = network(), torch.Generator().manual_seed(0)
    body = checkpoint.load(checkpoint.shipped("completer")).tensors["centre"].float()
    count = 300
    place, size = torch.rand(count, generator=draw), torch.rand(count, generator=draw)
    shape = body + 0.02 * torch.randn(count, 6, 33, 2, generator=draw)
    points = (0.05 + 0.1 * size)[:, None, None, None] * shape
    points[..., 0] += 0.3 + 0.4 * place[:, None, None]
    batch = PoseBatch.from_keypoints(points)
    targets = {"lean": (place * 3).long().clamp_max(2), "size": (size > 0.5).long()}
    with torch.no_grad():
        features = head.features(batch)
        head.standardise(features)
        fit_trees(head, features, targets, 20)
    return head, batch, targets, features


@pytest.fixture(scope="module")
def known():
    return taught()


def test_trees_learn_what_they_are_shown(known):
    head, _, targets, features = known
    with torch.no_grad():
        said = head.decide(features)
    for task, target in targets.items():
        assert (said[task].argmax(dim=1) == target).float().mean() > 0.95


def test_a_head_that_grew_trees_drops_nothing_any_more(known):
    _, _, targets, features = known
    head = network().train()
    head.standardise(features)
    fit_trees(head, features, targets, 3)
    with torch.no_grad():
        assert torch.equal(head.decide(features)["lean"], head.decide(features)["lean"])


def test_a_large_group_does_not_drown_a_small_one(monkeypatch):
    weights = []

    def grown(features, target, weight, classes, **_):
        weights.append(weight)
        return grow(features, target, weight, classes, rounds=1)

    monkeypatch.setattr(fitting, "grow", grown)
    group = (torch.arange(200) >= 196).long()
    target = torch.arange(200) % 2
    features = torch.randn(200, len(network().middle))
    fit_trees(network(), features, {"size": target}, 1, group=group)
    assert weights[0][-1] / weights[0][0] == pytest.approx((196 / 4) ** 0.5)


def test_a_head_of_trees_is_read_as_it_was_written(known, tmp_path):
    head, batch, _, _ = known
    write(tmp_path / "head.safetensors", head, {})
    again = checkpoint.load(tmp_path / "head.safetensors").build()
    for task, values in head.probabilities(batch).items():
        torch.testing.assert_close(again.probabilities(batch)[task], values, atol=2e-3, rtol=0)
    for name in ("feature", "number", "low"):
        assert torch.equal(getattr(again.heads["lean"], name), getattr(head.heads["lean"], name))


def test_trees_of_earlier_versions_say_the_same(known, tmp_path):
    head, batch, _, _ = known
    file = tmp_path / "head.safetensors"
    write(file, head, {})
    tensors = load_file(file)
    for task in ("lean", "size"):
        number, low = (tensors[f"heads.{task}.{name}"] for name in ("number", "low"))
        leaf = low == torch.arange(low.shape[1])
        tensors[f"heads.{task}.threshold"] = torch.where(leaf, 0.0, number)
        tensors[f"heads.{task}.value"] = torch.where(leaf, number, 0.0)
        for name in ("low", "high"):
            tensors[f"heads.{task}.{name}"] = tensors[f"heads.{task}.{name}"].short()
        del tensors[f"heads.{task}.number"]
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    save_file(tensors, tmp_path / "older.safetensors", header)
    older, newer = (checkpoint.load(f).build() for f in (tmp_path / "older.safetensors", file))
    for task, values in newer.probabilities(batch).items():
        torch.testing.assert_close(older.probabilities(batch)[task], values)


@pytest.mark.parametrize(
    ("name", "value"),
    [("feature", 9999), ("feature", -1), ("low", 0), ("high", 99), ("low", -2), ("of", 7)],
)
def test_trees_that_lead_nowhere_are_refused(known, tmp_path, name, value):
    head, _, _, _ = known
    file = tmp_path / "head.safetensors"
    write(file, head, {})
    tensors = load_file(file)
    spoilt = tensors[f"heads.lean.{name}"].flatten()
    spoilt[1] = value
    tensors[f"heads.lean.{name}"] = spoilt.view_as(tensors[f"heads.lean.{name}"])
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    save_file(tensors, file, header)
    with pytest.raises(ModelFileError, match="must lead down to leaves"):
        checkpoint.load(file).build()


def test_live_trees_say_the_same(known):
    head, batch, _, _ = known
    skeleton = Skeleton.load("blazepose33")
    points = 640 * batch.keypoints[:1].numpy()[0]
    poses = PoseSequence.observed(
        points, np.ones(points.shape[:2], np.float32), skeleton=skeleton, fps=30.0,
        image_size=(640, 480), person="driver",
    )  # fmt: skip
    assert Live.can(head)
    live, window = Live(head), head.probabilities(PoseBatch.from_keypoints(batch.keypoints[:1]))
    for t in range(len(poses)):
        said = live({"driver": poses[t : t + 1]})["driver"]
    for task, values in window.items():
        np.testing.assert_allclose(said[task][-1], values[0].numpy(), atol=1e-4)


def test_trees_and_layers_have_no_live_form_together(known):
    mixed = network()
    assert Live.can(mixed)
    mixed.plant("size", Trees(2, 3, 5, 2))
    assert not Live.can(mixed)


def test_trees_are_explained_by_what_is_hidden(known):
    head, batch, _, _ = known
    found = explain(head, batch.select(slice(0, 1)), "lean")
    assert found.gradients is None
    assert found.joints.shape == (33,)


def test_trees_are_scaled_but_not_shifted():
    head, _, targets, features = taught()
    with torch.no_grad():
        before = head.decide(features)
        doubtful = torch.where(torch.arange(300) % 3 == 0, 0, targets["size"])
        scale(head, before, {"lean": targets["lean"], "size": doubtful})
        after = head.decide(features)["size"]
    torch.testing.assert_close(after, before["size"])
    assert head.temperature[1] > 1.5 > head.temperature[0]  # of whom it is not so sure any more


def test_a_task_of_which_nothing_is_known_is_refused(known):
    head, _, targets, features = known
    with pytest.raises(SettingError, match="size needs labels of two classes at least, but 0"):
        fit_trees(head, features, targets | {"size": torch.full_like(targets["size"], NONE)}, 3)


def test_geometry_tells_distances_and_places():
    skeleton = Skeleton.load("blazepose33")
    between = pairs(skeleton)
    last = torch.randn(2, 33, 2)
    placement = Placement(centre=torch.tensor([[0.5, 0.4]] * 2), scale=torch.tensor([0.1, 0.2]))
    found = geometry(last, 2 * last, placement, between)
    torch.testing.assert_close(
        found[:, :66].view(2, 33, 2),
        2 * last * placement.scale[:, None, None] + placement.centre[:, None],
    )
    pair = list(zip(*between, strict=True)).index(
        (skeleton.index("left_wrist"), skeleton.index("left_ear"))
    )
    way = last[:, skeleton.index("left_wrist")] - last[:, skeleton.index("left_ear")]
    torch.testing.assert_close(found[:, 66 + pair], way.norm(dim=-1), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        found[:, 66 + len(between[0]) + pair], 2 * way.norm(dim=-1), atol=1e-4, rtol=1e-3
    )
