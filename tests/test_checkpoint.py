"""Checkpoints survive the way to disk and back, and bad files are named."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kpcomplete import checkpoint
from kpcomplete.checkpoint import Metadata
from kpcomplete.errors import ModelFileError, OutputError
from kpcomplete.skeleton import Skeleton

METADATA = Metadata(
    network="kpcomplete.completer.hold.Hold",
    arguments={"width": 3},
    skeleton=Skeleton.load("coco17"),
    provenance={"seed": 7, "people": ["a", "b"]},
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new" / "model.safetensors"
    checkpoint.save(path, {"b": torch.ones(2).half(), "a": torch.arange(3)}, METADATA)
    return path


def test_comes_back_as_it_went(path):
    found = checkpoint.load(path)
    assert found.metadata == METADATA
    torch.testing.assert_close(found.tensors["b"], torch.ones(2).half())
    torch.testing.assert_close(found.tensors["a"], torch.arange(3))
    assert [f.name for f in path.parent.iterdir()] == ["model.safetensors"]


def test_a_mapping_will_do_as_metadata(tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoint.save(path, {}, {"network": "kpcomplete.x.Y"})
    found = checkpoint.load(path).metadata
    assert (found.network, found.skeleton.name) == ("kpcomplete.x.Y", "blazepose33")


def test_same_content_gives_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.safetensors"
    checkpoint.save(again, {"a": torch.arange(3), "b": torch.ones(2).half()}, METADATA)
    assert again.read_bytes() == path.read_bytes()


def test_metadata_that_is_not_plain_writes_nothing(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        checkpoint.save(tmp_path / "m.safetensors", {}, replace(METADATA, arguments={"f": print}))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write the checkpoint .*file.m\.safetensors"):
        checkpoint.save(tmp_path / "file" / "m.safetensors", {}, METADATA)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"at .*no\.safetensors, but there is no such file"):
        checkpoint.load(tmp_path / "no.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match=r"model\.safetensors must be a whole safetensors"):
        checkpoint.load(path)


def test_a_foreign_file_is_refused(path):
    path.write_bytes(b"PK\x03\x04" + bytes(500))
    with pytest.raises(ModelFileError, match="504 bytes were found that are none"):
        checkpoint.load(path)


def test_safetensors_of_another_program_are_refused(path):
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ModelFileError, match="written by another program"):
        checkpoint.load(path)


def test_another_format_number_is_refused(path):
    save_file({}, path, metadata={"kpcomplete": json.dumps({"format": 2})})
    with pytest.raises(ModelFileError, match="must have checkpoint format 1, but has 2"):
        checkpoint.load(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', "3"])
def test_a_damaged_header_is_refused(path, text):
    save_file({}, path, metadata={"kpcomplete": text})
    with pytest.raises(ModelFileError, match="must describe a checkpoint"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("os.system", "must name a network of kpcomplete, but names 'os.system'"),
        ("kpcomplete_evil.X", "must name a network of kpcomplete, but names"),
        ("kpcomplete.model", "which does not exist|must name a network"),
        ("kpcomplete.checkpoint.Path", "must name a network, but"),
        ("kpcomplete.checkpoint.nn.Linear", "which does not exist"),
        ("kpcomplete.nowhere.X", "which does not exist"),
        ("kpcomplete..X", "must name a network of"),
    ],
)
def test_builds_only_networks_of_kpcomplete(path, network, message):
    found = replace(checkpoint.load(path), metadata=replace(METADATA, network=network))
    with pytest.raises(ModelFileError, match=message):
        found.build()


def test_builds_networks_of_packages_that_are_trusted(tmp_path):
    layer = nn.Linear(2, 3)
    path = tmp_path / "m.safetensors"
    half = {name: tensor.half() for name, tensor in layer.state_dict().items()}
    arguments = {"in_features": 2, "out_features": 3}
    checkpoint.save(path, half, Metadata(network="torch.nn.Linear", arguments=arguments))
    built = checkpoint.load(path).build(trusted=["torch"])
    assert built.weight.dtype == torch.float32
    assert not built.training
    torch.testing.assert_close(built.weight, layer.weight, atol=1e-3, rtol=1e-3)


def test_tensors_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    arguments = {"in_features": 2, "out_features": 3}
    checkpoint.save(path, {}, Metadata(network="torch.nn.Linear", arguments=arguments))
    with pytest.raises(ModelFileError, match=r"m\.safetensors does not fit torch\.nn\.Linear"):
        checkpoint.load(path).build(trusted=["torch"])


def test_an_unknown_shipped_model_is_answered_with_the_known_ones():
    with pytest.raises(ModelFileError, match="no shipped model is called 'nonsense'; there are:"):
        checkpoint.shipped("nonsense")


@pytest.mark.parametrize("name", ["a/b", "x.safetensors", "a/b.safetensors"])
def test_a_path_is_left_alone(name):
    assert str(checkpoint.find(name)) == name
