"""What windows need of the system."""

import os
import subprocess
import sys

import pytest

from kpcomplete.display import runtime_dir
from kpcomplete.errors import RenderError
from kpcomplete.format import _probe

_DRAW = """
from kpcomplete.format import _hidden, _probe
_hidden.working = lambda: _probe.Way(without=("DISPLAY", "WAYLAND_DISPLAY"), screen=False)
with _hidden.Hidden((64, 64)):
    print("made")
"""


def test_a_folder_is_there_while_it_is_named_and_gone_after(monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with runtime_dir():
        folder = os.environ["XDG_RUNTIME_DIR"]
        assert os.stat(folder).st_mode & 0o777 == 0o700
    assert "XDG_RUNTIME_DIR" not in os.environ
    assert not os.path.exists(folder)


def test_a_folder_that_the_system_names_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with runtime_dir():
        assert os.environ["XDG_RUNTIME_DIR"] == str(tmp_path)
    assert os.environ["XDG_RUNTIME_DIR"] == str(tmp_path)
    assert tmp_path.exists()


def test_drawing_says_nothing_of_a_screen_that_is_not_there():
    try:
        _probe.working()
    except RenderError as error:
        pytest.skip(str(error))
    environment = {k: v for k, v in os.environ.items() if k != "XDG_RUNTIME_DIR"}
    done = subprocess.run([sys.executable, "-c", _DRAW], env=environment, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "made"
    assert "XDG_RUNTIME_DIR" not in done.stderr
