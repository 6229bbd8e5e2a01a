"""Networks as ONNX files say what they say in torch, of windows and frame by frame."""

import builtins
import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_contract_lifter import doubtful
from test_contract_lifter import frames as lifted
from test_live_gate_head import frame as heard
from test_live_gate_head import reported, several
from test_streaming import frame, network, people

from kpcomplete import checkpoint, normalize
from kpcomplete.app.cli import run
from kpcomplete.checkpoint import Metadata
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.errors import MissingDependencyError, ModelFileError, SettingError
from kpcomplete.exporting import export
from kpcomplete.head.learned import Learned as Head
from kpcomplete.head.trees import grow
from kpcomplete.lifter.learned import Learned as Lifter
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.model.linear import Linear
from kpcomplete.onnx_file import Session

from solid_people import seen  # isort: skip

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
FPS = 29.97


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with small networks and what was exported of them."""
    path = tmp_path_factory.mktemp("exported")
    torch.manual_seed(0)
    lifter = Temporal(width=24, dilations=[1, 3, 9])
    torch.nn.init.normal_(lifter.decode.weight, std=0.02)
    for name, made in (("completer", network(unsupported=(25, 29))), ("lifter", lifter),
                       ("head", several())):  # fmt: skip
        file = path / f"{name}.safetensors"
        checkpoint.save(file, made.state_dict(), Metadata.of(made, {"people": ["anna"]}))
        written = export(file, path)
        assert all(p.stat().st_size > 10_000 for p in written)
    return path


def completers(folder, causal):
    weights = folder / "completer.safetensors"
    return [AutoencoderCompleter(weights=weights, causal=causal, onnx=o) for o in (None, folder)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("time", [1, 2, 12, 45])
def test_the_completer_of_windows_is_that_of_torch(folder, causal, time):
    batch = people(time=60).frames(slice(0, time))
    for shown in (batch, replace(batch, memory=None), batch.select(slice(0, 1))):
        placement = normalize.fit(shown)
        one, other = (c(placement.into_body(shown)) for c in completers(folder, causal))
        assert torch.equal(one.observed, other.observed)
        torch.testing.assert_close(
            placement.into_pixels(other).keypoints, placement.into_pixels(one).keypoints,
            atol=1e-4, rtol=1e-5,
        )  # fmt: skip
        torch.testing.assert_close(other.covariance, one.covariance, atol=1e-5, rtol=1e-4)


def test_the_completer_of_live_frames_is_that_of_torch(folder):
    batch, names = people(time=50), ["a", "b", "c"]
    one, other = (c.stream(150) for c in completers(folder, True))
    for t in range(50):
        wanted = one(frame(batch, t), names, t / FPS)
        found = other(frame(batch, t), names, t / FPS)
        torch.testing.assert_close(found.keypoints, wanted.keypoints, atol=1e-4, rtol=1e-5)
        assert torch.equal(found.observed, wanted.observed)


@pytest.mark.parametrize("causal", [False, True])
def test_the_lifter_is_that_of_torch(folder, causal):
    weights, whole = folder / "lifter.safetensors", doubtful(seen(windows=3, time=30))
    one, other = (Lifter(weights=weights, causal=causal, onnx=o) for o in (None, folder))
    wanted, found = one(whole), other(whole)
    torch.testing.assert_close(found.points, wanted.points, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.std, wanted.std, atol=1e-5, rtol=1e-5)
    if causal:
        names = ["a", "b", "c"]
        pairs = zip(*(lifted(whole, names, x.stream(40)) for x in (one, other)), strict=True)
        for wanted, found in pairs:
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_the_head_is_that_of_torch(folder):
    heads = [Head(weights=folder / "head.safetensors", onnx=o) for o in (None, folder)]
    watched = [head.watch()({p.person: p for p in reported()}) for head in heads]
    streams = [head.stream() for head in heads]
    live = [[stream(heard(reported(), t)) for t in range(25)] for stream in streams]
    for seat, tasks in watched[0].items():
        for task, wanted in tasks.items():
            assert wanted[:, -1].min() == 0  # something is known
            np.testing.assert_allclose(watched[1][seat][task], wanted, atol=1e-5)
            one, other = (np.concatenate([f[seat][task] for f in found]) for found in live)
            np.testing.assert_allclose(other, one, atol=1e-5)


def test_the_decision_of_a_head_is_a_file_too(folder):
    made = several()
    features = torch.randn(5, len(made.middle))
    seen = torch.ones(5, dtype=torch.bool)
    wanted = made.calibrated(made.decide(features), seen)
    found = Session(folder / "head.decide.onnx", graph="head.decide")(features=features)
    for values, (_, probabilities) in zip(found, wanted.items(), strict=True):
        np.testing.assert_allclose(values, probabilities[:, :-1], atol=1e-6)


def test_the_decision_of_trees_is_a_file_too(tmp_path):
    made, rng = several.__wrapped__(), np.random.default_rng(0)
    features = rng.normal(size=(400, len(made.middle))).astype(np.float32)
    for task, classes in made.tasks.items():
        target = np.digitize(features[:, 3], [-0.4, 0.4]) % len(classes)
        made.plant(task, grow(features, target, np.ones(400), len(classes), rounds=4))
    file = tmp_path / "head.safetensors"
    checkpoint.save(file, made.state_dict(), Metadata.of(made, {}))
    export(file, tmp_path)
    asked = torch.from_numpy(features[:9] * np.asarray(made.width) + np.asarray(made.middle))
    wanted = made.calibrated(made.decide(asked), torch.ones(9, dtype=torch.bool))
    found = Session(tmp_path / "head.decide.onnx", graph="head.decide")(features=asked)
    for values, (_, probabilities) in zip(found, wanted.items(), strict=True):
        np.testing.assert_allclose(values, probabilities[:, :-1], atol=1e-6)
    heads = [Head(weights=file, onnx=folder) for folder in (None, tmp_path)]
    one, other = (head.watch()({p.person: p for p in reported()}) for head in heads)
    for seat, tasks in one.items():
        for task, values in tasks.items():
            np.testing.assert_allclose(other[seat][task], values, atol=1e-4)


def test_a_file_says_what_it_is(folder):
    import onnx

    found = Session(folder / "completer.step.onnx", graph="completer.step").about
    weights = folder / "completer.safetensors"
    assert found.weights == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert found.skeleton.joints[0] == "nose"
    assert found.provenance == {"people": ["anna"]}
    model = onnx.load(str(folder / "completer.offline.onnx"))
    assert model.opset_import[0].version >= 17
    sizes = [d.dim_param for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert sizes[:2] == ["batch", "time"]


def test_other_weights_and_files_that_are_none_are_refused(folder, tmp_path):
    with pytest.raises(ModelFileError, match="must be made from the weights in use"):
        AutoencoderCompleter(onnx=folder)
    with pytest.raises(ModelFileError, match=r"no such file.*kpcomplete export-model"):
        AutoencoderCompleter(onnx=tmp_path)
    with pytest.raises(ModelFileError, match=r"must hold completer.step, but holds lifter.step"):
        Session(folder / "lifter.step.onnx", graph="completer.step")
    (tmp_path / "lifter.offline.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelFileError, match="must be an ONNX model"):
        Lifter(weights=folder / "lifter.safetensors", onnx=tmp_path)


def test_networks_that_have_no_graphs_are_refused(tmp_path):
    made, file = Linear(latent=4), tmp_path / "linear.safetensors"
    checkpoint.save(file, made.state_dict(), Metadata.of(made, {}))
    with pytest.raises(ModelFileError, match="must hold a temporal completer"):
        export(file, tmp_path)
    with pytest.raises(SettingError, match="only the temporal network runs as ONNX"):
        AutoencoderCompleter(weights=file, onnx=tmp_path)
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize(("name", "what"), [("onnx", "writing"), ("onnxruntime", "running")])
def test_a_missing_package_is_named(folder, tmp_path, monkeypatch, name, what):
    real = builtins.__import__

    def without(wanted, *rest, **options):
        if wanted == name:
            raise ImportError(wanted)
        return real(wanted, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    act = {
        "onnx": lambda: export(folder / "lifter.safetensors", tmp_path),
        "onnxruntime": lambda: Session(folder / "lifter.step.onnx", graph="lifter.step"),
    }[name]
    with pytest.raises(MissingDependencyError, match=rf"{what} ONNX.*kpcomplete\[onnx\]"):
        act()
    assert not list(tmp_path.iterdir())


def test_the_command_writes_all_files(folder, tmp_path, capsys):
    run("export-model", f"weights={folder / 'lifter.safetensors'}", f"output_dir={tmp_path}")
    names = [f"lifter.{kind}.onnx" for kind in ("causal", "offline", "step")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert all(name in capsys.readouterr().out for name in names[:1])
