"""What every gate keeps, over every conf/gate/*.yaml."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from kpcomplete.batch import PoseBatch
from kpcomplete.gate import Gate

CONF = Path(__file__).parents[1] / "conf"
NAMES = sorted(file.stem for file in (CONF / "gate").glob("*.yaml"))
EDGES = torch.tensor([[-2.0, -1.5, 2.0, 1.5]])


@cache
def load(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(compose(f"gate/{name}").gate, _convert_="all")


@pytest.fixture(params=NAMES)
def gate(request):
    return load(request.param)


def reported(count=2, time=12, seed=0):
    """Return what a detector may say of people, with holes and with all sorts of confidence."""
    draw = torch.Generator().manual_seed(seed)
    points = torch.randn(count, 1, 33, 2, generator=draw)
    steps = 0.05 * torch.randn(count, time, 33, 2, generator=draw).cumsum(dim=1)
    sure = torch.rand(count, time, 33, generator=draw)
    batch = PoseBatch.from_keypoints(points + steps, sure)
    return batch.hide(torch.rand(count, time, 33, generator=draw) < 0.2)


def test_there_is_one_for_every_yaml():
    assert {"learned", "confidence", "none"} <= set(NAMES)


def test_it_gives_probabilities_of_reported_joints(gate):
    assert isinstance(gate, Gate)
    assert 0 <= gate.distrust <= 1
    batch = reported()
    for edges in (None, EDGES.expand(2, 4)):
        doubt = gate(batch, edges)
        assert doubt.shape == batch.observed.shape
        assert ((doubt >= 0) & (doubt <= 1)).all()
        assert not doubt[~batch.observed].any()


def test_what_is_hidden_cannot_be_seen(gate):
    batch = reported()
    behind = torch.where(batch.observed[..., None], batch.keypoints, 1000.0)
    dirty = replace(
        batch,
        keypoints=behind,
        confidence=torch.where(batch.observed, batch.confidence, 0.9),
    )
    torch.testing.assert_close(gate(batch), gate(dirty), rtol=0, atol=0)


def test_no_frame_depends_on_later_ones(gate):
    batch, other = reported(time=16), reported(time=16, seed=5)
    mixed = PoseBatch(
        **{
            name: torch.cat([getattr(batch, name)[:, :9], getattr(other, name)[:, 9:]], dim=1)
            for name in ("keypoints", "confidence", "observed", "times")
        }
    )
    whole = gate(batch)[:, :9]
    torch.testing.assert_close(whole, gate(mixed)[:, :9], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole, gate(batch.frames(slice(0, 9))), rtol=1e-4, atol=1e-4)


def test_asked_about_the_last_frames_it_says_the_same_of_them(gate):
    batch, edges = reported(), EDGES.expand(2, 4)
    torch.testing.assert_close(gate(batch, edges, 3), gate(batch, edges)[:, -3:])
    assert gate(batch, edges, 0).shape == (2, 0, 33)
    assert gate(batch, edges, 99).shape == (2, 12, 33)


def test_windows_do_not_depend_on_each_other(gate):
    batch = reported(count=3)
    together = gate(batch, EDGES.expand(3, 4))
    for row in range(3):
        alone = gate(batch.select(slice(row, row + 1)), EDGES)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("time", [0, 1])
def test_short_windows(gate, time):
    doubt = gate(reported(time=time), EDGES.expand(2, 4))
    assert doubt.shape == (2, time, 33)
    assert doubt.isfinite().all()


def test_nobody_at_all(gate):
    batch = reported()
    assert not gate(batch.hide(torch.ones_like(batch.observed)), EDGES.expand(2, 4)).any()
