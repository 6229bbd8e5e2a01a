"""What several tests need."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.skeleton import Skeleton

# whoever starts the tests in the background of a shell has Ctrl-C ignored, also by what they start
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and media beside the repository."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("real data and media (../shared) are not here")
    return folder


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """Start a virtual screen, and return its name."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} (Debian: xvfb, xdotool) are not installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with open(read) as file:
            yield f":{file.readline().strip()}"
        server.terminate()


@pytest.fixture(scope="session")
def skeleton() -> Skeleton:
    """The canonical skeleton."""
    return Skeleton.load("blazepose33")


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(0)


@pytest.fixture
def info() -> StreamInfo:
    """A recording of 640x480 at 30 frames a second."""
    return StreamInfo(name="test", fps=30.0, image_size=(640, 480))


@pytest.fixture
def frames(rng) -> list[Frame]:
    """20 frames with a driver who loses a joint now and then, and an empty passenger seat."""
    out = []
    for i in range(20):
        points = rng.normal((320, 240), 60, size=(33, 2)).astype(np.float32)
        points[rng.random(33) < 0.2] = np.nan
        seen = np.isfinite(points[:, 0])
        driver = Detection(keypoints=points, confidence=seen.astype(np.float32))
        out.append(Frame(index=i, time=i / 30, people={"driver": driver}))
    return out
