"""Side by side: the table of all autoencoders, and the experiments that train one of them."""

import csv
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from kpcomplete.corruption.gaps import Gaps
from kpcomplete.corruption.parts import Parts
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.family import Member, Row, compare, line_of, markdown
from kpcomplete.model.linear import Linear
from kpcomplete.model.mlp import MLP
from kpcomplete.model.transformer import Transformer
from kpcomplete.model.variational import Variational
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.penalty.divergence import Divergence
from kpcomplete.penalty.sparse import L1
from kpcomplete.trainer import Trainer

RECIPES = {
    "pstmo": Transformer, "motionbert": Transformer, "gfpose": MLP, "carissimi": Variational,
}  # fmt: skip


class Walkers:
    """Four people who wander about."""

    def load(self):
        generator = torch.Generator().manual_seed(0)
        places = torch.randn(33, 2, generator=generator)
        walks = torch.randn(4, 90, 33, 2, generator=generator).cumsum(dim=1) * 0.03
        return PoseSet.from_clips(
            list(100 * (places + walks)),
            people=["a", "b", "c", "d"], views=["front"] * 4, fps=30.0,
        )  # fmt: skip


def run(tmp_path, **changes):
    torch.manual_seed(0)
    settings = {
        "members": {
            "flat": Member(model=Linear(latent=4), good_for="a floor"),
            "stacked": Member(
                model=MLP(widths=[32, 8]), good_for="more", pretraining="greedy",
                penalty=L1(weight=0.1), corruption=Parts(parts=["face"]),
            ),
        },
        "objective": partial(Reconstruct, causal=0.5),
        "corruption": RandomJoints(ratio=0.3, seed=1),
        "data": {"walkers": Walkers()},
        "trainer": Trainer(steps=20, batch_size=4, warmup=2, progress=False),
        "trials": {
            "random": RandomJoints(ratio=0.3),
            "gap": Gaps(parts=["forearms"], shortest=0.5, longest=0.5, inside=True),
        },
        "held_out": ["b"],
        "output": tmp_path / "out" / "table",
        "length": 40,
        "windows": 12,
    }  # fmt: skip
    return compare(**(settings | changes))


def test_a_table_of_all_members_is_written_and_printed(tmp_path, capsys):
    rows = run(tmp_path)
    assert [row.name for row in rows] == ["straight line", "flat", "stacked"]
    assert rows[2].steps == 14  # the rest went into the layers
    assert rows[1].parameters == 2 * 4 * 66 + 33 * 3
    for row in rows[1:]:
        assert set(row.figures) == {"random", "gap"}
        assert row.figures["random"]["offline_error"] > 0
        assert row.figures["random"]["offline_error"] == pytest.approx(
            row.figures["random"]["causal_error"]
        )  # of single frames
    assert rows[0].figures["gap"]["offline_error"] < rows[0].figures["gap"]["causal_error"]
    text = (tmp_path / "out" / "table.md").read_text()
    assert capsys.readouterr().out == text
    assert text.splitlines()[0] == (
        "| model | parameters | steps | seconds | random | gap | covers | good for |"
    )
    with (tmp_path / "out" / "table.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["good for"] for row in found[1:]] == ["a floor", "more"]
    error = rows[2].figures["gap"]["causal_error"]
    assert float(found[2]["gap causal_error"]) == pytest.approx(error)


def test_some_of_the_members(tmp_path):
    assert [row.name for row in run(tmp_path, only=["flat"])] == ["straight line", "flat"]
    with pytest.raises(SettingError, match=r"only must name some of flat, stacked, but names \['x"):
        run(tmp_path, only=["x"])


def test_a_quick_run_is_quick(tmp_path):
    trainer = Trainer(steps=10**9, minutes=60.0, progress=False)
    rows = run(tmp_path, quick=True, trainer=trainer)
    assert [row.steps for row in rows[1:]] == [10, 7]


def test_each_member_has_its_own_corruption_and_penalty_and_all_are_calibrated_alike(tmp_path):
    seen = []

    class Watching(Reconstruct):
        def forward(self, clean):
            found = super().forward(clean)
            seen.append((type(self.corruption).__name__, "penalty" in found))
            return found

        def calibrate(self, clean):
            seen.append((type(self.corruption).__name__, "calibrated"))
            return super().calibrate(clean)

    run(tmp_path, objective=Watching)
    assert list(dict.fromkeys(seen)) == [
        ("RandomJoints", False),
        ("RandomJoints", "calibrated"),
        ("Parts", True),
    ]
    assert seen[-1] == ("RandomJoints", "calibrated")


def row(name, **errors):
    return Row(name=name, good_for="x", parameters=7, steps=3, seconds=2.4, figures={"gap": errors})


def test_the_least_error_is_bold():
    rows = [
        row("a", offline_error=0.123, causal_error=0.2),
        row("b", offline_error=0.1, causal_error=0.3, offline_coverage=0.9),
    ]
    lines = markdown(rows).splitlines()
    assert lines[2] == "| a | 7 | 3 | 2 | 12.3 / **20.0** | - | x |"
    assert lines[3] == "| b | 7 | 3 | 2 | **10.0** / 30.0 | 90 % | x |"


def test_interpolation_has_no_answer_where_nothing_was_seen():
    measured = row("a", offline_error=0.2, offline_error_seen=0.2, offline_baseline=0.1)
    assert line_of(measured).figures == {"gap": {"offline_error": 0.1}}
    assert line_of(row("a", offline_error=0.2)).figures == {"gap": {}}
    assert "| - / - |" in markdown([line_of(row("a", offline_error=0.2)), row("a")])


@pytest.fixture
def config():
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        yield lambda *overrides: compose("train", overrides=list(overrides))
    GlobalHydra.instance().clear()


def test_the_experiment_has_all_models_and_recipes(config):
    cfg = config("experiment=family", "quick=true", "only=[mlp]")
    assert cfg.task._target_ == "kpcomplete.family.compare"
    members = instantiate(cfg.task.members, _convert_="all")
    models = {p.stem for p in (Path(__file__).parents[1] / "conf" / "model").glob("*.yaml")}
    assert set(members) >= models | set(RECIPES) | {"greedy"}
    assert {type(m.model).__name__ for m in members.values()} == {
        "Linear", "MLP", "Variational", "Convolutional", "Transformer", "Temporal",
    }  # fmt: skip
    assert members["greedy"].pretraining == "greedy"
    objective = instantiate(cfg.task.objective, _convert_="all")
    assert isinstance(
        objective(model=MLP(), corruption=RandomJoints(ratio=0.3), penalty=None), Reconstruct
    )
    assert set(cfg.task.trials) == {"random 30 %", "forearm", "face", "gap of 1 s"}
    trainer = instantiate(cfg.task.trainer, _convert_="all")
    assert (trainer.steps, trainer.minutes) == (1000, None)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_builds_what_is_learned(config, name):
    cfg = config(f"experiment={name}", "trainer.steps=7")
    assert cfg.task._target_ == "kpcomplete.training.run"
    assert cfg.task.prior is None
    assert cfg.task.output == f"{name}.safetensors"
    objective = instantiate(cfg.task.objective, _convert_="all")
    assert isinstance(objective.network, RECIPES[name])
    assert isinstance(objective.penalty, Divergence) == (name == "carissimi")
    recipe = compose(f"corruption/{name}").corruption
    assert objective.corruption == instantiate(recipe, _convert_="all")


def test_a_penalty_can_be_added_to_any_experiment(config):
    cfg = config("experiment=completer", "model=mlp", "+penalty=l1")
    objective = instantiate(cfg.task.objective, _convert_="all")
    assert isinstance(objective.penalty, L1)
    assert instantiate(config().task.objective, _convert_="all").penalty is None
