"""Every command has a door in tools/, and every door opens the command."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from kpcomplete import __version__
from kpcomplete.app.cli import COMMANDS, spell_out

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_door_for_every_command(name):
    assert (TOOLS / f"{name}.py").is_file()
    assert callable(import_module(f"kpcomplete.app.{name.replace('-', '_')}").main)


def test_the_package_can_be_run_by_its_name():
    said = subprocess.run(
        [sys.executable, "-m", "kpcomplete", "--version"], capture_output=True, text=True
    )
    assert (said.returncode, said.stdout.strip()) == (0, __version__), said.stderr


def test_info_names_what_a_bug_report_needs(capsys):
    import_module("kpcomplete.app.info").main()
    said = capsys.readouterr().out
    for word in ("kpcomplete", "torch", "mediapipe", "weights completer", "pose model"):
        assert word in said


def test_the_gate_can_be_switched_off_by_null():
    assert spell_out("gate=null") == "gate=none"
    assert spell_out("gate=confidence") == "gate=confidence"


def test_licences_of_all_that_is_needed(capsys):
    import_module("kpcomplete.app.licences").main()
    lines = capsys.readouterr().out.splitlines()
    told = {line.split()[0]: line for line in lines}
    for name in ("torch", "mediapipe", "av", "jax", "hydra-core"):  # jax: through mediapipe
        assert "not told" not in told[name]
    assert "GPL-2.0" in told["x264"]
    assert len(lines) == len(set(lines))
