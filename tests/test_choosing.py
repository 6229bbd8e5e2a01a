"""At the end, the choice among places is learned by itself."""

import math

import pytest
import torch

from kpcomplete.corruption.gaps import Gaps
from kpcomplete.data import PoseSet
from kpcomplete.model.mlp import MLP
from kpcomplete.model.temporal import Temporal
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.sampler import Sampler
from kpcomplete.trainer import Trainer

GAP = Gaps(parts=["arms"], shortest=0.3, longest=0.8, inside=True, seed=1)


@pytest.fixture
def data():
    """Everybody swings, so that curves are right and lines are wrong."""
    draw = torch.Generator().manual_seed(0)
    places = torch.randn(33, 2, generator=draw)
    time = torch.arange(120)[:, None, None] / 30
    pace = 2 * math.pi * (0.4 + 0.4 * torch.rand(6, 1, 1, 2, generator=draw))
    clips = [100 * (places + 0.5 * torch.sin(pace[i] * time)) for i in range(6)]
    poses = PoseSet.from_clips(clips, people=["a"] * 6, views=["v"] * 6, fps=30.0)
    return Sampler(sets={"a": poses}, length=60)


def objective(data, network=Temporal, **settings):
    torch.manual_seed(0)
    settings = settings or {"width": 16, "dilations": [1], "codes": 4}
    made = Reconstruct(model=network(**settings), corruption=GAP, causal=0.3)
    made.prepare(data.draw(40, torch.Generator().manual_seed(0)))
    return made


def trainer(**changes):
    settings = {"steps": 2, "batch_size": 8, "learning_rate": 0.01, "warmup": 5, "average": 0.5,
                "report_every": 50, "progress": False}  # fmt: skip
    return Trainer(**(settings | changes))


def error(made, data):
    return made.evaluate(data.draw(32, torch.Generator().manual_seed(5)), GAP)["offline_error"]


def test_nothing_but_the_choice_is_learned_and_it_gets_better(data):
    made = objective(data)
    (part,) = made.finishing()
    with torch.no_grad():
        made.network.chooser.choose.bias[0] = -4.0  # hardly leaves the line
    before = {name: p.clone() for name, p in made.network.state_dict().items()}
    wrong = error(made, data)
    made.train()
    trainer(steps=150).fit(part, data)
    after = made.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith("chooser.")}
    assert error(made, data) < 0.5 * wrong


def test_a_training_ends_with_it(data):
    made = [objective(data) for _ in range(2)]
    done = [
        trainer(finishing=steps).fit(one, data) for one, steps in zip(made, (0, 9), strict=True)
    ]
    assert done[0].step == done[1].step == 2
    plain, finished = (one.network.state_dict() for one in made)
    changed = {name for name in plain if not torch.equal(plain[name], finished[name])}
    assert changed == {name for name in plain if name.startswith("chooser.")}
    assert not made[1].training


def test_networks_that_choose_nothing_have_nothing_to_finish(data):
    made = [objective(data, MLP, widths=[16, 8]) for _ in range(2)]
    for one, steps in zip(made, (0, 9), strict=True):
        trainer(finishing=steps).fit(one, data)
    plain, finished = (one.network.state_dict() for one in made)
    assert all(torch.equal(plain[name], finished[name]) for name in plain)
