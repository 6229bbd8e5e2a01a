"""Command that simulates many seated people in 3D, and what cameras see of them."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from tqdm import tqdm

from kpcomplete.app.command import command
from kpcomplete.cabin.cameras import CAMERAS
from kpcomplete.cabin.crowd import Crowd
from kpcomplete.cabin.edition import EDITION
from kpcomplete.cabin.outing import Extras, go
from kpcomplete.cabin.recorded import read_arms
from kpcomplete.cabin.whole_body import read_whole
from kpcomplete.data.rides import join, pack
from kpcomplete.errors import SettingError, WorkerError
from kpcomplete.output import guard
from kpcomplete.output import whole as written

log = logging.getLogger(__name__)
_LISTS = ("views", "size", "arms_hold_out", "whole_hold_out")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to simulate.

    Attributes:
        bodies: How many different people, every third an infant or a child.
        rides: How many, with a driver and a passenger each.
        rear: Share of rides with one or two more people behind.
        frames: Of each ride.
        latest: Seconds; each ride is looked at from a moment on that lies between its beginning and
            this, or what takes long to begin is never seen.
        fps: Frames a second.
        cars: How many different ones.
        views: Kinds of camera, see `kpcomplete.cabin.cameras.CAMERAS`.
        cameras: How many of these look at each ride.
        size: Width and height of the images, pixels.
        arms: Seated upper bodies of UE_ADL, ``.npz``, as whose arms some passengers' move; None:
            all reaches are drawn at random.
        arms_share: Of the passengers whose do.
        arms_hold_out: Subjects to leave out.
        whole: Whole bodies of CMU, ``.npz``, as which some passengers move, in front and behind;
            None: nobody does.
        whole_share: Of the passengers who do.
        whole_hold_out: Subjects to leave out.
        seed: The same seed gives the same file.

    Raises:
        SettingError: If a number is too small, or there is no such camera.
    """

    bodies: int = 96
    rides: int = 240
    rear: float = 0.0
    frames: int = 240
    latest: float = 0.0
    fps: float = 30.0
    cars: int = 12
    views: Sequence[str] = tuple(CAMERAS)
    cameras: int = 2
    size: Sequence[int] = (640, 480)
    arms: str | None = None
    arms_share: float = 0.3
    arms_hold_out: Sequence[str] = ()
    whole: str | None = None
    whole_share: float = 0.2
    whole_hold_out: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.bodies < 3 or min(self.rides, self.cars) < 1 or self.frames < 2 or self.fps <= 0:
            raise SettingError(
                "simulate needs at least 3 bodies, 1 ride, 1 car, 2 frames and fps > 0, but got "
                f"bodies={self.bodies}, rides={self.rides}, cars={self.cars}, "
                f"frames={self.frames}, fps={self.fps}"
            )
        if unknown := sorted(set(self.views) - set(CAMERAS)):
            raise SettingError(f"views must be among {sorted(CAMERAS)}, but got {unknown}")
        if not 1 <= self.cameras <= len(self.views):
            raise SettingError(
                f"cameras must be between 1 and the {len(self.views)} views, but got {self.cameras}"
            )
        if self.latest < 0:
            raise SettingError(f"latest must be a time >= 0 s, but got {self.latest}")
        for name in ("arms_share", "whole_share", "rear"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SettingError(f"{name} must be from 0 to 1, but got {getattr(self, name)}")
        if len(self.size) != 2 or min(self.size) < 16:
            raise SettingError(f"size must be a width and a height >= 16, but got {self.size}")


def simulate(output: str | Path, *, processes: int = 1, **settings: object) -> Path:
    """Simulate people who sit in a car, and write where their landmarks are and who sees them.

    Rides that are done are kept beside the output until all are, so that an interrupted
    simulation goes on where it was. The file does not depend on the number of processes.

    Args:
        output: File to write, ``.safetensors``; see `kpcomplete.data.simulated`.
        processes: How many rides are simulated at the same time.
        settings: See `Settings`.

    Returns:
        The file.

    Raises:
        SettingError: If a number is too small.
        MissingDependencyError: If anny is not installed.
        OutputError: If the file cannot be written.
        WorkerError: If one of the processes dies; rides that are done stay.
    """
    wanted = Settings(**settings)  # type: ignore[arg-type]
    if processes < 1:
        raise SettingError(f"simulate needs at least 1 process, but got processes={processes}")
    path = Path(output)
    mark = hashlib.sha256(json.dumps([asdict(wanted), EDITION]).encode()).hexdigest()[:12]
    parts = path.with_name(f".{path.name}.rides-{mark}")
    with guard(path):
        parts.mkdir(parents=True, exist_ok=True)
    with written(path) as temporary:
        missing = [r for r in range(wanted.rides) if not (parts / f"{r}.safetensors").is_file()]
        with tqdm(total=wanted.rides, initial=wanted.rides - len(missing), unit="ride",
                  disable=None) as bar:  # fmt: skip
            for _ in _work(parts, wanted, missing, processes):
                bar.update()
        join(parts, wanted.rides, wanted.fps, wanted.seed, temporary)
    shutil.rmtree(parts)
    return path


def _work(parts: Path, settings: Settings, missing: Sequence[int], processes: int) -> Iterator[int]:
    """Simulate rides that are missing, and yield their numbers."""
    shares = [list(missing[i::processes]) for i in range(processes)]
    if processes == 1:
        yield from _rides(parts, settings, missing)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_all_rides, parts, settings, share) for share in shares if share]
        try:
            for job in jobs:
                yield from job.result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a process that simulated rides died, perhaps for lack of memory; finished rides "
                "are kept: start again with fewer processes"
            ) from error


def _all_rides(parts: Path, settings: Settings, numbers: Sequence[int]) -> list[int]:
    import torch

    torch.set_num_threads(1)  # one process a core
    return list(_rides(parts, settings, numbers))


def _rides(parts: Path, settings: Settings, numbers: Sequence[int]) -> Iterator[int]:
    if not numbers:
        return
    crowd = Crowd(settings.bodies, settings.cars, settings.seed)
    arms = read_arms(settings.arms, settings.arms_hold_out) if settings.arms else ()
    bodies = read_whole(settings.whole, settings.whole_hold_out) if settings.whole else ()
    extras = Extras(
        latest=settings.latest, arms=arms, share=settings.arms_share, whole=bodies,
        whole_share=settings.whole_share, rear=settings.rear,
    )  # fmt: skip
    width, height = settings.size
    for number in numbers:
        outing = go(
            crowd, number, settings.frames, settings.fps, list(settings.views), settings.cameras,
            (width, height), extras=extras,
        )  # fmt: skip
        file = parts / f"{number}.safetensors"
        draft = file.with_name(f".{number}-{os.getpid()}")
        with guard(file):
            draft.write_bytes(pack(outing))
            draft.replace(file)
        yield number


@command("simulate")
def main(cfg: DictConfig) -> None:
    """Simulate as configured, and say what was written."""
    logging.getLogger("kpcomplete").setLevel(logging.INFO)
    values: dict[str, Any] = {str(key): list(value) if key in _LISTS else value
              for key, value in cfg.items()}  # fmt: skip
    path = simulate(values.pop("output"), **values)
    log.info("wrote %s, %d bytes", path, path.stat().st_size)


if __name__ == "__main__":
    main()
