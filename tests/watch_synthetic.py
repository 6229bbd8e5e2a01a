"""Synthetic people in a real window, for tests that press its keys: says what it is asked for.

python watch_synthetic.py FOLDER [seconds]
"""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kpcomplete.completer.hold import Hold
from kpcomplete.detector.stored import Stored
from kpcomplete.head.steady import Steadiness
from kpcomplete.lifter.planar import Planar
from kpcomplete.live import Live
from kpcomplete.pipeline import Pipeline
from kpcomplete.position import Position
from kpcomplete.sink.archive import Archive
from kpcomplete.sink.overlay import Overlay
from kpcomplete.sink.screen import Screen
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.window import Window

TASKS = {"position": ("in_position", "leaning_forward", "unknown")}


class Camera(Synthetic):
    """Plays for ever at its speed, and drops every tenth image."""

    def __iter__(self):
        start, count = time.monotonic(), 0
        while True:
            for frame in super().__iter__():
                due = count / self.fps
                time.sleep(max(0, start + due - time.monotonic()))
                gone = {"image": None, "people": {}} if count % 10 == 9 else {}
                yield replace(frame, index=count, time=due, truth=None,
                              captured=time.monotonic(), **gone)  # fmt: skip
                count += 1


class Head:
    """Somebody leans forward, always."""

    tasks = TASKS

    def watch(self):
        leaning = np.array([[0.2, 0.7, 0.1]], np.float32)
        return lambda people: {
            seat: {"position": leaning[[0] * len(poses)]} for seat, poses in people.items()
        }


class Said(Screen):
    """Prints what is on it."""

    def write(self, result, /):
        super().write(result)
        hidden = self.desk.veil.hidden
        layers = "".join(str(i) for i, on in enumerate(self._layers.values(), 1) if on)
        rec = "rec" if self.desk.recording() is not None else "-"
        shots = len(list(Path(sys.argv[1]).glob("*.png")))
        print(f"limb={hidden.limb} boxes={len(hidden.boxes)} layers={layers} {rec} "
              f"held={self._held} help={self._helps} yaw={np.degrees(self._solids.yaw):.0f} "
              f"shots={shots}",
              flush=True)  # fmt: skip


def main(folder, seconds=60.0):
    live = Live(
        source=Camera(length=90, fps=10.0, seats=["driver", "child"], images=True),
        pipeline=Pipeline(
            detector=Stored(), window=Window(past=9, hop=1, future=0), completer=Hold(),
            lifter=Planar(causal=True), head=Head(), steady=Steadiness(), ahead=1, keep_images=True,
        ),
        windows={"screen": partial(Said, warning=Position())},
        sinks={"archive": partial(Archive, flush=1.0), "overlay": partial(Overlay, fragments=True)},
        outputs={"archive": ".parquet", "overlay": ".overlay.mp4"}, into=["screen"],
        output_dir=folder, seconds=seconds,
    )  # fmt: skip
    print(live().frames, "frames")


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
