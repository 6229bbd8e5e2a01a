"""Whether anything is lost when commands are killed at random moments."""

import csv
import functools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
import torch

from kpcomplete import checkpoint, training
from kpcomplete.archive import read_archive
from kpcomplete.benchmark.kills import Work, disturb, files
from kpcomplete.benchmark.played import Recordings
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.data.simulated import read_tensors
from kpcomplete.manifest import HEADER
from kpcomplete.model.mlp import MLP
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.trainer import Trainer

Command = Callable[..., Any]
_PLAIN = ("detector=stored", "completer=linear", "gate=null", "lifter=null")
_PROCESS = ("summary=false", "sinks.plot.joints=[nose]")  # plots take long
_SMALL = ("bodies=3", "rides=5", "frames=2", "cars=1", "cameras=1", "views=[mirror]")
_LIVE = ("source=synthetic", "~source.pace", "~source.loop", "source.length=240",
         "source.images=true", "source.image_size=[160,120]",
         "source._target_=kpcomplete.benchmark.played.Played", "sink=[archive,overlay]",
         "sinks.archive.flush=0.25")  # fmt: skip


def run(
    *,
    command: Command,
    kills: int = 50,
    only: str | None = None,
    seed: int = 0,
    quick: bool = False,
) -> dict[str, float]:
    """Kill process, train, simulate and live at random moments, and print what that did.

    Args:
        command: Runs one of kpcomplete's commands, given its name and settings.
        kills: Of each, SIGKILL and SIGTERM in turn.
        only: The only one.
        seed: Same seed, same moments (of the work, as far as the machine is as fast).
        quick: Three of each, without simulate, which takes long to start.

    Returns:
        ``kills`` in all; ``corrupt`` files under a final name; ``unequal`` results of work that
        went on until it was done.
    """
    figures = {"kills": 0.0, "corrupt": 0.0, "unequal": 0.0}
    with tempfile.TemporaryDirectory(prefix="kpcomplete-faults-") as name:
        folder = Path(name)
        found = works(command, _inputs(folder / "in"))
        names = [n for n in found if only in (None, n) and not (quick and n == "simulate")]
        for work in names:
            begun = time.monotonic()
            tally = disturb(found[work], folder / work, 3 if quick else kills, Random(seed))
            print(f"{work}: {tally.kills} kills, {tally.corrupt} corrupt, {tally.finished} "
                  f"finished, {tally.unequal} of them unequal, {time.monotonic() - begun:.0f} s"
                  f"{found[work].says()}",
                  *tally.notes[:9], sep="\n  ", flush=True)  # fmt: skip
            for key in figures:
                figures[key] += getattr(tally, key)
    return figures


def works(command: Command, inputs: Sequence[Path]) -> dict[str, Work]:
    """Return what is disturbed, by name.

    Args:
        command: As for `run`.
        inputs: Recordings of poses.
    """
    folder = inputs[0].parent
    arguments = {
        "process": (f"source={folder}/*.csv", "output_dir=out", *_PLAIN, *_PROCESS),
        "train": (),
        "simulate": ("output=out/crowd.safetensors", *_SMALL),
        "live": ("output_dir=out", *_PLAIN, *_LIVE),
    }
    found = {
        name: Work(do=functools.partial(command, name, *rest), check=check, differences=unlike)
        for name, rest in arguments.items()
    }
    found["train"] = replace(found["train"], do=train)
    recordings = Recordings()

    def look(path: Path) -> None:
        check(path)
        recordings.note(path)

    found["live"] = replace(
        found["live"], check=look, differences=recordings.differences, says=recordings.says
    )
    return found


def _inputs(folder: Path, count: int = 3, length: int = 90) -> list[Path]:
    """Write recordings of two people each."""
    folder.mkdir(parents=True)
    joints, paths = Skeleton.load(CANONICAL).joints, []
    for number in range(count):
        source = Synthetic(length=length, seats=("driver", "passenger"), seed=number)
        rows = ["frame,time_s,person,joint,x,y"]
        for frame in source:
            for seat, seen in frame.people.items():
                rows += [f"{frame.index},{frame.time:.5f},{seat},{joint},{x:.2f},{y:.2f}"
                         for joint, (x, y) in zip(joints, seen.keypoints, strict=True)]  # fmt: skip
        paths.append(folder / f"drive{number}.csv")
        paths[-1].write_text("\n".join(rows))
    return paths


class Walkers:
    """Three people who wander about."""

    def load(self) -> PoseSet:
        """Return their poses."""
        generator = torch.Generator().manual_seed(0)
        walks = torch.randn(3, 60, 33, 2, generator=generator).cumsum(dim=1) * 0.03
        places = torch.randn(33, 2, generator=generator)
        return PoseSet.from_clips(
            list(100 * (places + walks)), people=["a", "b", "c"], views=["front"] * 3, fps=30.0
        )


def train(steps: int = 120) -> None:
    """Train a small network in the folder at hand, or go on with it."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    training.run(
        objective=Reconstruct(
            model=MLP(widths=[32, 8]), corruption=RandomJoints(ratio=0.3, seed=1)
        ),
        data={"one": Walkers()},
        held_out=["b"],
        trainer=Trainer(
            steps=steps, batch_size=8, report_every=30, save_every=5, state="out/state.safetensors",
            resume=True, progress=False,
        ),
        length=20,
        windows=40,
        output="out/model.safetensors",
    )  # fmt: skip


def check(path: Path) -> None:
    """Raise unless a file is whole, as far as its kind tells."""
    if path.suffix == ".parquet":
        read_archive(path)
    elif path.suffix == ".mp4":
        with av.open(str(path)) as video:
            assert sum(1 for _ in video.decode(video=0)) > 0, "it has no picture"
    elif path.name == "crowd.safetensors":
        read_tensors(path)
    elif path.suffix == ".safetensors":
        checkpoint.load(path)
    elif path.suffix == ".csv":
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        assert rows[0] == HEADER, f"its first row is {rows[:1]}"
        assert all(len(row) == len(HEADER) for row in rows), "a row is cut"
    elif path.suffix == ".png":
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), "it is cut"


def unlike(folder: Path, other: Path) -> Sequence[str]:
    """Return the files in which two finished folders differ."""
    one, two = contents(folder), contents(other)
    return [name for name in {**one, **two} if one.get(name) != two.get(name)]


def contents(folder: Path) -> dict[str, Any]:
    """Return what is in the files of a finished folder, but for how long it took."""
    return {str(path.relative_to(folder)): _content(path) for path in files(folder)}


def _content(path: Path) -> Any:
    if path.suffix == ".csv":
        rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        return [(row["source"], row["status"], row["error"], row["frames"]) for row in rows]
    if path.suffix == ".safetensors" and path.name != "crowd.safetensors":
        found = checkpoint.load(path)
        tensors = {name: np.asarray(value).tobytes() for name, value in found.tensors.items()}
        return tensors, _timeless(found.metadata.provenance)
    return path.read_bytes()


def _timeless(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _timeless(value) for key, value in values.items() if key != "seconds"}
    return [_timeless(value) for value in values] if isinstance(values, list) else values
