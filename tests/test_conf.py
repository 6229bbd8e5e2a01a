"""The architecture as the folders show it, and every config of every group."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class, get_method
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[1]
CHOICES = {"anomaly", "corruption", "completer", "data", "detected", "detector", "executor",
           "exporter", "gate", "head", "importer", "lifter", "model", "objective", "penalty",
           "sink", "source", "benchmark", "show", "format"}  # fmt: skip
PLACES = {"app", "cabin", "sample", "scene", "weights"}  # folders that are no choice
# choices of values, not of classes
SETTINGS = {"experiment", "occlusion", "skeleton", "window", "trainer", "way"}
PARTS = sorted(p for group in CHOICES for p in (ROOT / "conf" / group).glob("*.yaml"))
COMMANDS = sorted(p.stem for p in (ROOT / "conf").glob("*.yaml") if p.stem != "base")


def test_a_folder_is_a_choice_and_has_a_config_group_of_its_name():
    folders = {p.name for p in (ROOT / "kpcomplete").iterdir() if (p / "__init__.py").exists()}
    groups = {p.name for p in (ROOT / "conf").iterdir() if p.is_dir() and p.name[0] != "_"}
    assert folders - PLACES == CHOICES
    assert groups == CHOICES | SETTINGS


def test_the_wheel_holds_every_package():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML by itself")
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    folders = {
        ".".join(p.parent.relative_to(ROOT).parts)
        for p in (ROOT / "kpcomplete").rglob("__init__.py")
    }
    assert set(packages) == folders | {"kpcomplete.conf"}


@pytest.mark.parametrize("path", PARTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_part_names_a_class_of_its_own_folder(path):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose(f"{path.parent.name}/{path.stem}")
    node = cfg.task if path.parent.name == "benchmark" else cfg[path.parent.name]
    target = node["_target_"]
    assert target.startswith(f"kpcomplete.{path.parent.name}.")
    try:
        get_class(target)
    except ValueError:
        get_method(target)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_composes_and_resolves(name):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose(name, return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        OmegaConf.set_readonly(cfg, False)
        if "path" in cfg.get("source", {}):
            cfg.source.path = "x"
        for key in set(cfg) - {"hydra"}:
            node = cfg[key]
            if OmegaConf.is_config(node):
                OmegaConf.to_container(node, resolve=True)
