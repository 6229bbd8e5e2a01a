import pytest
import torch

from kpcomplete import checkpoint
from kpcomplete.errors import ModelFileError
from kpcomplete.packed import pack, unpack


@pytest.mark.parametrize("shape", [(16, 16), (3, 20, 20), (2, 2, 17, 17)])
@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.int64, torch.bool])
def test_triangles_come_back_as_they_were_from_half_the_room(shape, kind):
    before = torch.randint(0, 5, shape).to(kind).tril()
    packed = pack({"a.factor": before})
    assert sum(v.numel() for v in packed.values()) == before.numel() * (shape[-1] + 1) // (
        2 * shape[-1]
    )
    back = unpack(packed)
    assert list(back) == ["a.factor"]
    assert back["a.factor"].dtype == kind
    assert torch.equal(back["a.factor"], before)


@pytest.mark.parametrize(
    "value",
    [torch.ones(20, 20), torch.eye(5), torch.ones(20, 21).tril(), torch.ones(()), torch.ones(7)],
)
def test_all_else_is_left_alone(value):
    packed = pack({"it": value})
    assert packed["it"] is value
    assert unpack(packed)["it"] is value


def test_what_is_no_triangle_is_named(tmp_path):
    path = tmp_path / "bad.safetensors"
    network = {"network": "kpcomplete.model.mlp.MLP"}
    checkpoint.save(path, {"factor.lower": torch.ones(3, 11)}, network)
    with pytest.raises(ModelFileError, match=r"bad.*factor\.lower must hold triangles.*11 columns"):
        checkpoint.load(path)


def test_checkpoints_hold_triangles_in_half_the_room(tmp_path):
    path = tmp_path / "it.safetensors"
    before = torch.randn(50, 66, 66).tril()
    checkpoint.save(path, {"root": before}, {"network": "kpcomplete.model.mlp.MLP"})
    assert path.stat().st_size < 0.52 * before.numel() * 4
    assert torch.equal(checkpoint.load(path).tensors["root"], before)
