"""Simulations and stagings of nothing but numbers, and a process of one that kills itself."""

import os
import signal
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from kpcomplete import staging
from kpcomplete.app import simulate
from kpcomplete.cabin.crowd import Person
from kpcomplete.cabin.outing import Clip, Outing
from kpcomplete.staged import Scene

SMALL = {"bodies": 3, "rides": 4, "frames": 2}


@contextmanager
def rides(put, fatal=None):
    """Replace what simulates by clips of the ride's number; yields which rides were asked for."""
    numbers = []

    def go(crowd, number, frames, *_, **__):
        if number == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        numbers.append(number)
        person = Person(f"sim_{number:03d}", "child", {"age": 0.3}, None)
        clip = Clip(
            person, "driver", "plain", ("stay",), np.full((frames, 33, 3), float(number)),
            np.zeros(frames, np.uint8), np.ones(frames), np.zeros((frames, 1, 33), np.uint8),
        )  # fmt: skip
        return Outing("car_00", (SimpleNamespace(as_dict=lambda: {"name": "roof"}),), (clip,))

    put(simulate, "Crowd", lambda *_: None)
    put(simulate, "go", go)
    yield numbers


@contextmanager
def stages(put, fatal=None):
    """Replace what draws by scenes of nothing; yields which rides were asked for."""
    numbers = []

    def ride(self, number):
        if number == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        numbers.append(number)
        zeros = np.zeros((self.frames, 33), np.float32)
        scene = Scene(
            person=f"{self.seed}_{number:03d}_driver", seat="driver", camera="roof", fps=30.0,
            image_size=(64, 48), keypoints=np.zeros((self.frames, 33, 2), np.float32),
            confidence=zeros, truth=np.zeros((self.frames, 33, 2), np.float32), visible=zeros > 0,
        )  # fmt: skip
        return [scene], np.full((48, 64, 3), number, np.uint8)

    put(staging.Stage, "ride", ride)
    yield numbers


if __name__ == "__main__":
    what, file = sys.argv[1:]
    if what == "simulate":
        with rides(setattr, fatal=2):
            simulate.simulate(file, **SMALL)
    else:
        with stages(setattr, fatal=2):
            staging.stage(file, rides=4, frames=2)
