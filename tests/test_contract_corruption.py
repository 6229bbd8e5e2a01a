"""What every corruption promises, over every file of conf/corruption."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import Seeded

FOLDER = Path(__file__).parents[1] / "conf" / "corruption"
CONFIGS = sorted(FOLDER.glob("*.yaml"))


def make(path, **changes):
    return instantiate(OmegaConf.merge(OmegaConf.load(path), changes), _convert_="all")


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def path(request):
    return request.param


def windows(*shape, seed=0, ratio=0.8):
    generator = torch.Generator().manual_seed(seed)
    keypoints = torch.randn(*shape, 33, 2, generator=generator)
    seen = torch.rand(*shape, 33, generator=generator) < ratio
    return PoseBatch.from_keypoints(keypoints.masked_fill(~seen[..., None], torch.nan))


def test_there_are_configs():
    assert len(CONFIGS) >= 8


def test_fits_the_contract(path):
    assert isinstance(make(path), Corruption)
    assert isinstance(make(path), Seeded)


def test_never_reveals_a_joint_and_leaves_its_input_alone(path):
    batch = windows(6, 90)
    before = batch.keypoints.clone()
    out = make(path)(batch)
    assert not (out.observed & ~batch.observed).any()
    torch.testing.assert_close(batch.keypoints, before, atol=0, rtol=0)
    assert (out.keypoints[~out.observed] == 0).all()
    assert (out.confidence[~out.observed] == 0).all()
    torch.testing.assert_close(out.times, batch.times)


def test_changes_something(path):
    batch = windows(40, 90)
    out = make(path)(batch)
    assert (out.observed != batch.observed).any() or (out.keypoints != batch.keypoints).any()


def test_same_seed_same_masks_and_other_calls_other_masks(path):
    batch = windows(40, 90)
    first, second = make(path), make(path)
    a, b, c = first(batch), second(batch), first(batch)
    assert torch.equal(a.observed, b.observed)
    assert torch.equal(a.keypoints, b.keypoints)
    assert not torch.equal(a.keypoints, c.keypoints)


def test_reseeding_repeats_a_step(path):
    batch = windows(40, 90)
    corruption = make(path)
    corruption.reseed(5)
    a = corruption(batch)
    corruption(batch)
    corruption.reseed(5)
    b = corruption(batch)
    corruption.reseed(6)
    c = corruption(batch)
    assert torch.equal(a.keypoints, b.keypoints)
    assert not torch.equal(a.keypoints, c.keypoints)


def test_does_not_depend_on_hidden_values(path):
    batch = windows(6, 50)
    moved = replace(batch, keypoints=batch.keypoints + 1e3 * ~batch.observed[..., None])
    a, b = make(path)(batch), make(path)(moved)
    assert torch.equal(a.observed, b.observed)
    assert torch.equal(a.keypoints[a.observed], b.keypoints[b.observed])


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (1, 1)])
def test_takes_windows_of_any_size(path, shape):
    assert make(path)(windows(*shape)).observed.shape == (*shape, 33)


def test_takes_people_of_whom_nothing_is_seen(path):
    assert not make(path)(windows(3, 20, ratio=0)).observed.any()
