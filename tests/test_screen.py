"""The window: real keys and a real mouse on a virtual display, and the pictures that it draws."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from kpcomplete.archive import read_archive
from kpcomplete.display import require_display
from kpcomplete.errors import RenderError
from kpcomplete.sink._panel import HIDDEN, Panel
from kpcomplete.sink._solid import Solids
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.synthetic import Synthetic

SCRIPT = Path(__file__).parent / "watch_synthetic.py"
SECONDS = 90  # after which a step has failed


class Window:
    """A program with a window, what it prints, and hands on its keys and mouse."""

    def __init__(self, folder: Path, display: str) -> None:
        self.folder = folder
        self.environment = os.environ | {"DISPLAY": display}
        self.program = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=self.environment,
        )  # fmt: skip
        self.said: list[str] = []
        self.wait_for("yaw")

    def wait_for(self, *texts: str) -> str:
        """Read what it prints until a line has all these words."""
        assert self.program.stdout is not None
        end = time.monotonic() + SECONDS
        for line in self.program.stdout:
            self.said.append(line)
            if time.monotonic() > end:
                break
            if all(text in line for text in texts):
                return line
        pytest.fail(f"it did not say {texts}: {''.join(self.said[-20:])}")

    def do(self, *action: str) -> None:
        subprocess.run(
            ["xdotool", *action], env=self.environment, check=True, timeout=SECONDS,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def press(self, *keys: str) -> None:
        """Press keys, in the window and nowhere else: nothing else has the focus."""
        self.do("search", "--name", "kpcomplete live", "key", "--window", "%1", *keys)


@pytest.fixture
def window(tmp_path, display) -> Iterator[Window]:
    window = Window(tmp_path, display)
    try:
        yield window
    finally:
        window.program.kill()
        window.program.communicate()


def test_every_key_and_the_mouse_do_what_the_help_says(window):
    window.press("h")
    window.wait_for("limb=left arm")
    window.do("mousemove", "330", "150", "mousedown", "1")
    window.do("mousemove", "500", "260")
    window.do("mousemove", "560", "300", "mouseup", "1")
    window.wait_for("boxes=1")
    window.press("r")
    window.wait_for(" rec ")
    for key, layers in (("4", "1235678"), ("6", "123578"), ("7", "12358")):  # one a frame
        window.press(key)
        window.wait_for(f"layers={layers} ")
    window.press("s")
    window.wait_for("shots=1")
    window.press("space")
    window.wait_for("held=True")
    window.press("space")
    window.wait_for("held=False")
    window.press("question")
    window.wait_for("help=True")
    window.press("question")
    window.wait_for("help=False")
    window.press("period")
    window.wait_for("yaw=-45")
    window.press("comma")
    window.wait_for("yaw=-55")
    window.do("mousemove", "100", "100", "click", "3")
    window.wait_for("limb=None boxes=0")
    window.press("r")
    window.wait_for(" - ")
    window.press("q")
    window.wait_for("frames")
    assert window.program.wait(SECONDS) == 0
    check_recording(window.folder)
    check_snapshot(window.folder)


def check_recording(folder: Path) -> None:
    (archive,) = [p for p in folder.glob("*.parquet") if "classes" not in p.name]
    recording = read_archive(archive)
    assert set(recording.completed) == {"driver", "child"}
    assert len(recording) > 3
    with av.open(str(next(folder.glob("*.mp4")))) as video:
        assert sum(1 for _ in video.decode(video=0)) == len(recording)


def check_snapshot(folder: Path) -> None:
    picture = cv2.imread(str(next(folder.glob("snapshot-*.png"))))
    assert picture.shape == (480, 640, 3)
    edge = picture[300, 335:555]  # the lower side of the box that the mouse drew
    assert (np.abs(edge.astype(int) - HIDDEN).max(axis=-1) < 60).mean() > 0.5


def test_without_a_display_there_is_an_error_and_no_crash(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(RenderError, match="DISPLAY is not set"):
        require_display()
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(RenderError, match=r"':4711' does not answer|libx11-6"):
        require_display()


@pytest.fixture
def joints() -> np.ndarray:
    flat = Synthetic(length=1).truth["driver"][0]
    return np.concatenate([flat / 400, np.full((33, 1), 1.2)], axis=-1).astype(np.float32)


def test_the_small_view_turns_people_so_that_depth_is_seen(joints):
    def width(yaw):
        solids = Solids(skeleton=Skeleton.load("blazepose33"), size=200)
        solids.yaw = yaw
        lit = solids.draw({"driver": (joints, np.full(33, 2))}).max(axis=-1) > 100
        return np.ptp(np.flatnonzero(lit.any(axis=0)))

    assert width(0.0) > 40
    assert width(np.pi / 2) < width(0.0) / 3  # flat as they are, from the side they are a line


def test_the_small_view_leaves_out_what_is_not_known(joints):
    solids = Solids(skeleton=Skeleton.load("blazepose33"), size=200)
    empty = solids.draw({})
    assert (empty == 30).all()
    assert (solids.draw({"driver": (joints * np.nan, np.full(33, 2))}) == 30).all()
    assert (solids.draw({"driver": (joints, np.zeros(33))}) == 30).all()
    assert (solids.draw({"driver": (joints, np.full(33, 2))}) != 30).any()


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (1280, 720)])
def test_panels_stay_on_pictures_of_any_size(size):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    panel = Panel(size)
    panel.lines(picture, ["a line that is far too long for a small picture"] * 3, right=True)
    panel.bar(picture, "a bar that is far too long for a small picture", 0, (0, 0, 255))
    panel.box(picture, (-50, -50, 5000, 30))
    panel.crosses(picture, np.array([[5.0, 5.0], [9000.0, -9000.0]]))
    panel.inset(picture, np.full((2000, 2000, 3), 9, np.uint8))
    panel.sheet(picture, {"key": "what it does"})
    assert picture.any()
