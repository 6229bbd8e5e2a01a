"""A config names code of this project, and no other unless the user says so."""

import sys
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from kpcomplete.app import cli
from kpcomplete.app.command import build
from kpcomplete.app.trust import check, check_hydra
from kpcomplete.errors import SettingError

HOLD = "kpcomplete.completer.hold.Hold"


@pytest.mark.parametrize(
    "target",
    [
        "os.system", "builtins.eval", "subprocess.run", "kpcomplete", "kpcomplete.", "",
        "kpcomplete.archive.os.remove",  # by way of what a module imports
        "kpcomplete.archive.Path.unlink", "kpcomplete.app.cli.import_module",
        "kpcomplete.app.command.instantiate", "kpcomplete.process.log.info",
        f"{HOLD}.__init__.__globals__.get", f"{HOLD}.__class__", f"{HOLD}.__subclasses__",
        "kpcomplete.completer.nothing.Hold", "kpcomplete.completer.hold.Nothing",
        "kpcompleter.completer.Hold", ".kpcomplete", "kpcomplete\n.archive", 3, None, ["os.system"],
    ],
)  # fmt: skip
def test_refuses_other_code(target):
    with pytest.raises(SettingError, match="_target_ must be a class or a function of kpcomplete"):
        check({"deep": [{"inside": {"_target_": target, "command": "true"}}]})


def test_nothing_runs_before_the_check(tmp_path):
    mark = tmp_path / "ran"
    cfg = OmegaConf.create({"good": {"_target_": HOLD},
                            "bad": {"_target_": "pathlib.Path.touch", "self": str(mark)},
                            "_target_": "kpcomplete.completer.hold.Hold"})  # fmt: skip
    with pytest.raises(SettingError, match=r"pathlib\.Path\.touch"):
        build(cfg)
    assert not mark.exists()


def test_an_interpolated_name_is_what_it_stands_for():
    cfg = OmegaConf.create({"name": "os.system", "part": {"_target_": "${name}"}})
    with pytest.raises(SettingError, match=r"os\.system"):
        check(cfg.part)


def test_accepts_its_own_and_methods_of_it():
    check({"_target_": HOLD, "_partial_": True})
    check({"_target_": "kpcomplete.skeleton.Skeleton.load", "name": "coco17"})
    check(OmegaConf.create([1, None, "_target_"]))


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("class Completer:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "mine.Completer"


def test_a_package_is_trusted_when_the_user_says_so(package, monkeypatch):
    with pytest.raises(SettingError, match="--trust PACKAGE"):
        check({"_target_": package})
    monkeypatch.setenv("KPCOMPLETE_TRUST", "other, mine")
    assert type(build({"_target_": package})).__name__ == "Completer"


def test_the_command_line_says_so(monkeypatch):
    monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(main=lambda: None))
    monkeypatch.setenv("KPCOMPLETE_TRUST", "")
    monkeypatch.setattr(sys, "argv", [])
    cli.run("info", "--trust", "mine", "a=1", "--trust", "other")
    assert sys.argv == ["kpcomplete info", "a=1"]
    assert cli.os.environ["KPCOMPLETE_TRUST"] == "mine,other"


TOUCH = {"_target_": "pathlib.Path.touch", "self": "MARK"}
HYDRA = {
    "a callback": {"callbacks": {"mine": TOUCH}},
    "a callback's part": {"callbacks": {"mine": {"_target_": HOLD, "part": "${beside}"}}},
    "a logger": {"job_logging": {"handlers": {"a": {"()": "pathlib.Path", "_": "MARK"}}}},
    "another": {"hydra_logging": {"handlers": {"a": {"class": "logging.config.fileConfig"}}}},
    "what a logger looks up": {"job_logging": {"handlers": {"a": {"x": "ext://antigravity"}}}},
    "a variable": {"job": {"env_set": {"KPCOMPLETE_TRUST": "pathlib"}}},
    "a command": {"launcher": {"_target_": "x", "setup": ["touch MARK"]}},
}  # fmt: skip


@pytest.mark.parametrize("settings", HYDRA.values(), ids=HYDRA)
def test_a_config_cannot_have_hydra_run_code(settings, monkeypatch):
    cfg = OmegaConf.create({"hydra": settings, "beside": TOUCH})
    with pytest.raises(SettingError, match=r"_target_ must be|if you trust it, say so with"):
        check_hydra(cfg)
    monkeypatch.setenv("KPCOMPLETE_TRUST", "hydra")
    check_hydra(cfg)


@pytest.mark.parametrize("rest", [[], ["--multirun"], ["--help"], ["--cfg", "job"]])
def test_what_hydra_would_run_is_looked_at_before(rest, tmp_path, monkeypatch, capsys):
    mark = tmp_path / "ran"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.yaml").write_text(
        f"# @package hydra.callbacks\nmine:\n  _target_: pathlib.Path.touch\n  self: {mark}\n"
    )
    monkeypatch.setattr(sys, "argv", ["kpcomplete"])
    with pytest.raises(SystemExit) as end:
        cli.run("export", "--config-dir", str(tmp_path), "+mine=mine", *rest)
    assert "_target_ must be a class or a function of kpcomplete" in str(end.value)
    assert not mark.exists()


def test_no_config_is_read_from_a_pickle(monkeypatch):
    with pytest.raises(SystemExit, match="pickle"):
        cli.run("export", "--experimental-rerun", "config.pickle")


@pytest.mark.parametrize("make", [dict, OmegaConf.create])
def test_what_a_text_stands_for_is_looked_at(make):
    hidden = make({"a": "${oc.create:{_target_: os.system, command: 'true'}}"})
    with pytest.raises(SettingError, match=r"os\.system"):
        build(hidden)
    with pytest.raises(SettingError, match="refers to what is not there"):
        check(make({"a": "${b}"}))
