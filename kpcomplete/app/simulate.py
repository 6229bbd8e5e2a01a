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

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig
from safetensors.numpy import load, save
from tqdm import tqdm

from kpcomplete.app.command import command
from kpcomplete.cabin.cameras import CAMERAS
from kpcomplete.cabin.crowd import Crowd
from kpcomplete.cabin.edition import EDITION
from kpcomplete.cabin.outing import Extras, Outing, go
from kpcomplete.cabin.postures import POSTURES
from kpcomplete.cabin.recorded import read_arms
from kpcomplete.cabin.visibility import CAUSES
from kpcomplete.data.simulated import Contents
from kpcomplete.errors import SettingError, WorkerError
from kpcomplete.output import guard, whole

log = logging.getLogger(__name__)
_LISTS = ("views", "size", "arms_hold_out")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to simulate.

    Attributes:
        bodies: How many different people, every third an infant or a child.
        rides: How many, with a driver and a passenger each.
        rear: Share of rides with one or two more people behind.
        frames: Of each ride.
        fps: Frames a second.
        cars: How many different ones.
        views: Kinds of camera, see `kpcomplete.cabin.cameras.CAMERAS`.
        cameras: How many of these look at each ride.
        size: Width and height of the images, pixels.
        arms: Seated upper bodies of UE_ADL, ``.npz``, as whose arms some passengers' move; None:
            all reaches are drawn at random.
        arms_share: Of the passengers whose do.
        arms_hold_out: Subjects to leave out.
        seed: The same seed gives the same file.

    Raises:
        SettingError: If a number is too small, or there is no such camera.
    """

    bodies: int = 96
    rides: int = 240
    rear: float = 0.0
    frames: int = 240
    fps: float = 30.0
    cars: int = 12
    views: Sequence[str] = tuple(CAMERAS)
    cameras: int = 2
    size: Sequence[int] = (640, 480)
    arms: str | None = None
    arms_share: float = 0.3
    arms_hold_out: Sequence[str] = ()
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
        for name in ("arms_share", "rear"):
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
    with whole(path) as temporary:
        missing = [r for r in range(wanted.rides) if not (parts / f"{r}.safetensors").is_file()]
        with tqdm(total=wanted.rides, initial=wanted.rides - len(missing), unit="ride",
                  disable=None) as bar:  # fmt: skip
            for _ in _work(parts, wanted, missing, processes):
                bar.update()
        _join(parts, wanted, temporary)
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
    extras = Extras(arms=arms, share=settings.arms_share, rear=settings.rear)
    width, height = settings.size
    for number in numbers:
        outing = go(
            crowd, number, settings.frames, settings.fps, list(settings.views), settings.cameras,
            (width, height), extras=extras,
        )  # fmt: skip
        file = parts / f"{number}.safetensors"
        draft = file.with_name(f".{number}-{os.getpid()}")
        with guard(file):
            draft.write_bytes(_pack(outing))
            draft.replace(file)
        yield number


def _pack(outing: Outing) -> bytes:
    """One ride as a file: its clips' arrays, and in the header what `Contents` wants of them."""
    joints, dash = (
        np.concatenate([getattr(clip, name) for clip in outing.clips]).astype(np.float32)
        for name in ("joints", "dash")
    )
    causes, posture = (
        np.concatenate([getattr(clip, name) for clip in outing.clips])
        for name in ("causes", "posture")
    )
    about = [
        {
            "people": clip.person.name,
            "lengths": len(clip.joints),
            "seats": clip.seat,
            "acts": list(clip.acts),
            "shapes": clip.person.shape,
            "occupants": clip.person.kind,
            "themes": clip.theme,
            "motions": clip.source,
            "cars": outing.car,
            "cameras": [camera.as_dict() for camera in outing.cameras],
        }
        for clip in outing.clips
    ]
    tensors: dict[str, NDArray[np.generic]] = {
        "joints": joints, "dash": dash, "causes": causes, "posture": posture,
    }  # fmt: skip
    packed: bytes = save(tensors, metadata={Contents.KEY: json.dumps(about)})
    return packed


def _join(parts: Path, settings: Settings, path: Path) -> None:
    """Write all rides as one file."""
    arrays: list[dict[str, NDArray[np.generic]]] = []
    about: list[dict[str, object]] = []
    for ride in range(settings.rides):
        content = (parts / f"{ride}.safetensors").read_bytes()
        arrays.append(load(content))
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])["__metadata__"][Contents.KEY]
        about += [clip | {"rides": ride} for clip in json.loads(header)]
    columns = ("people", "lengths", "seats", "acts", "occupants", "themes", "rides", "cars",
               "cameras", "motions")  # fmt: skip
    shapes = {str(clip["people"]): clip["shapes"] for clip in about}
    contents = Contents(
        fps=settings.fps,
        seed=settings.seed,
        shapes=dict(sorted(shapes.items())),  # type: ignore[arg-type]
        causes=CAUSES,
        postures=POSTURES,
        edition=EDITION,
        **{name: [clip[name] for clip in about] for name in columns},  # type: ignore[arg-type]
    )
    tensors = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
    path.write_bytes(save(tensors, metadata={Contents.KEY: json.dumps(asdict(contents))}))


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
