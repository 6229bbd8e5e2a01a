"""The command ``kpcomplete view``, and its window driven by keys and mouse on a virtual screen."""

import os
import re
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from hydra import compose, initialize_config_module
from recorded_people import recorded

from kpcomplete.app import view as command
from kpcomplete.app.cli import name_paths, spell_out
from kpcomplete.errors import OutputError, SettingError


def configured(*overrides):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        return compose("view", list(overrides))


def test_files_lie_beside_the_result_and_are_named(tmp_path, capsys):
    path = recorded(tmp_path / "ride.parquet", length=4)
    cfg = configured(f"source.path={path}", "format=glb", "hide=[car]", "start=2")
    command.main.__wrapped__(cfg)
    assert capsys.readouterr().out == f"{tmp_path / 'ride.glb'}\n"
    assert (tmp_path / "ride.glb").stat().st_size > 10_000


def test_what_is_shown_is_never_replaced(tmp_path):
    path = recorded(tmp_path / "ride.parquet", length=4)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is the source itself"):
        command.view(configured(f"source.path={path}", "format=glb", f"output={path}"))
    assert path.read_bytes() == before


def test_latents_take_several_results_and_the_player_one(tmp_path):
    paths = [recorded(tmp_path / f"{i}.parquet", length=12) for i in range(2)]
    source = f"source.path=[{','.join(map(str, paths))}]"
    with pytest.raises(SettingError, match="one result can be shown at a time, but got 2"):
        command.view(configured(source, "format=glb"))
    settings = ("show=latents", "show.length=4", "show.clusters=2", "format=glb")
    (written,) = command.view(configured(source, *settings, f"output={tmp_path}/l.glb"))
    assert written.is_file()


def test_paths_may_stand_alone():
    assert name_paths(["a b.parquet", "format=png"]) == ["source=a b.parquet", "format=png"]
    assert [spell_out(a) for a in name_paths(["it's", "b"])] == [r"source.path=['it\'s','b']"]
    options = ["--config-dir", "mine", "-cd", "x", "--help", "-m", "a.mp4", "~lifter", "+x=1"]
    assert name_paths(options) == [
        "source=a.mp4", "--config-dir", "mine", "-cd", "x", "--help", "-m", "~lifter", "+x=1",
    ]  # fmt: skip


class Hands:
    """Work a window; every answer is waited for as a line that it prints."""

    def __init__(self, display, *arguments):
        self.environment = os.environ | {"DISPLAY": display}
        self.program = subprocess.Popen(
            [sys.executable, "-u", "-m", "kpcomplete.app.cli", "view", *arguments],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.said = ""
        self.wait_for("drag turn")
        self.window = self._tool("search", "--sync", "--name", "kpcomplete").split()[0]

    def close(self):
        """End it, if it has not ended by itself."""
        if self.program.poll() is None:
            self.program.kill()
        self.program.stdout.close()
        self.program.wait()

    def _tool(self, *arguments):
        done = subprocess.run(["xdotool", *arguments], env=self.environment, text=True, check=True,
                              capture_output=True, timeout=60)  # fmt: skip
        return done.stdout

    def wait_for(self, text):
        for line in self.program.stdout:
            self.said += line
            if re.search(text, line):
                return line
        raise AssertionError(f"it ended without saying {text!r}: {self.said}")

    def keys(self, *names):
        for name in names:
            self._tool("key", "--window", self.window, name)

    def mouse(self, *arguments):
        self._tool("mousemove", "--window", self.window, *map(str, arguments))

    def picture(self):
        """Ask for a picture; return its moment, and what is on it."""
        self.keys("p")
        path = self.wait_for(r"wrote .*\.png").split("wrote ")[1].strip()
        return int(path.split(".")[-2]), cv2.imread(path)


@pytest.fixture
def opened():
    """Open windows that are closed in the end, however it comes."""
    windows = []

    def open_(*arguments):
        windows.append(Hands(*arguments))
        return windows[-1]

    yield open_
    for window in windows:
        window.close()


@pytest.mark.slow
def test_keys_and_mouse_work_the_window(display, tmp_path, opened):
    path = recorded(tmp_path / "ride.parquet", length=30)
    window = opened(display, str(path), f"output={tmp_path}/w", "format.play=false",
                   "format.width=640", "format.height=360")  # fmt: skip
    pictures = {}
    moment, pictures["start"] = window.picture()
    assert moment == 0
    assert pictures["start"].shape == (360, 640, 3)
    window.keys("Right", "Right", "Right", "Left")
    assert window.picture()[0] == 2
    window.keys("End")
    assert window.picture()[0] == 29
    pictures["start"] = window.picture()[1]  # there are trails at the end
    for key in ("v", "c", "k", "g", "t", "n", "1", "h"):
        window.keys(key)
        moment, pictures[key] = window.picture()
        assert moment == 29
    window.mouse(200, 100, "mousedown", 1, "mousemove_relative", 80, 30, "mouseup", 1)
    pictures["drag"] = window.picture()[1]
    window.mouse(300, 100, "click", 4, "click", 4)
    pictures["wheel"] = window.picture()[1]
    window.mouse(200, 100, "mousedown", 3, "mousemove_relative", 60, 20, "mouseup", 3)
    pictures["slide"] = window.picture()[1]
    window.mouse(320, 352, "click", 1)
    moment, pictures["scrub"] = window.picture()
    assert 13 <= moment <= 16
    before, seen = "start", list(pictures)
    for name in seen[1:]:
        differs = np.abs(pictures[name].astype(int) - pictures[before]).max()
        assert differs > 30, f"{name} changed nothing"
        before = name
    window.keys("space")  # plays on from there; time goes by until it is elsewhere
    while window.picture()[0] == moment:
        pass
    window.keys("space", "m")
    window.wait_for(r"wrote .*w\.mp4")
    with av.open(f"{tmp_path}/w.mp4") as file:
        assert sum(1 for _ in file.decode(video=0)) == 30
    window.keys("q")
    assert window.program.wait(timeout=60) == 0
    names = {p.name for p in tmp_path.iterdir()}
    assert not any("part" in name for name in names)


@pytest.mark.slow
def test_pointing_at_a_latent_goes_there(display, tmp_path, opened):
    path = recorded(tmp_path / "ride.parquet", length=20)
    window = opened(display, str(path), "show=latents", "show.length=4", "show.clusters=2",
                   f"output={tmp_path}/w", "format.play=false", "format.width=640",
                   "format.height=360", "format.loop=false")  # fmt: skip
    window.keys("End")
    last, image = window.picture()
    window.keys("Home")
    white = (image > 190).all(axis=-1)  # the ball around the point that is picked
    white[300:] = False  # not the bar
    rows, columns = np.nonzero(cv2.erode(white.astype(np.uint8), np.ones((3, 3))))
    assert len(rows), "no point is picked"
    assert window.picture()[0] == 0
    window.mouse(round(columns.mean()), round(rows.mean()), "click", 1)
    found = window.picture()[0]
    assert abs(found - last) <= 3  # neighbours in time are neighbours there
    window.keys("q")
    assert window.program.wait(timeout=60) == 0
