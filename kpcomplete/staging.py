"""Simulated drives, drawn and looked at by the real detector."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from kpcomplete import staged
from kpcomplete.cabin import strangers
from kpcomplete.cabin.cameras import draw_camera
from kpcomplete.cabin.edition import EDITION
from kpcomplete.cabin.film import Film, draw_sensor
from kpcomplete.cabin.postures import POSTURES
from kpcomplete.cabin.sheet import mark, read, write
from kpcomplete.cabin.strangers import Variety
from kpcomplete.errors import SettingError, WorkerError
from kpcomplete.output import guard, whole
from kpcomplete.shooting import shoot
from kpcomplete.staged import Scene

log = logging.getLogger(__name__)
Array = npt.NDArray[Any]
_KINDS = ("mirror", "mirror", "dash", "pillar", "door", "roof")  # of cameras, ride by ride
_QUALITY = 20  # of films, x264's constant rate factor
_FRESH = 40  # rides of a process
_RELIGHT = 12  # frames for which light on what moves is kept


def stage(
    output: str | Path,
    *,
    rides: int = 24,
    frames: int = 90,
    latest: float = 0.0,
    rates: Sequence[int] = (30, 15),
    size: tuple[int, int] = (640, 480),
    nights: float = 0.2,
    variety: Mapping[str, float] | None = None,
    sheet: str | Path | None = None,
    videos: str | Path | None = None,
    processes: int = 1,
    seed: int = 0,
) -> tuple[Scene, ...]:
    """Draw rides of strangers, let the detector find them, and write what it found.

    Rides that are finished are kept beside the output until all are, so that an interrupted
    staging goes on where it was. Every ride alone is the same whatever the number of rides.

    Args:
        output: File to write, ``.safetensors``; see `kpcomplete.staged`.
        rides: How many, two people each or more. Cameras take turns.
        frames: Of each ride.
        latest: Seconds; each ride is looked at from a moment on that lies between its beginning and
            this, or what takes long to begin is never seen.
        rates: Frames a second, in turn.
        size: Width and height of the images, pixels, even.
        nights: Share of rides in infrared light.
        variety: Shares of `kpcomplete.cabin.strangers.Variety`; None: two bare heads in front.
        sheet: Picture to write, ``.png``: the middle of every ride, with true joints and classes,
            sorted by kind of camera and by what people do.
        videos: Folder for a film of each ride, ``SEED_NUMBER.mp4``, as the detector saw it; scenes
            of people named ``SEED_NUMBER_seat`` are its truth. None: none are kept.
        processes: Rides at the same time; what is found depends on it by thousandths of a pixel.
        seed: The same seed gives the same drives.

    Returns:
        The scenes, one for every person whose face is in the image.

    Raises:
        SettingError: If a number is too small, or a share is none.
        MissingDependencyError: If anny or open3d is not installed.
        RenderError: If this machine cannot draw.
        OutputError: If the file cannot be written.
        WorkerError: If one of the processes dies; rides that are done stay.
    """
    if processes < 1:
        raise SettingError(f"staging needs at least 1 process, but got processes={processes}")
    if rides < 1 or frames < 2 or not rates or min(rates) < 1:
        raise SettingError(
            f"staging needs at least 1 ride, 2 frames and 1 frame a second, but got rides={rides}, "
            f"frames={frames}, rates={list(rates)}"
        )
    if latest < 0:
        raise SettingError(f"latest must be a time >= 0 s, but got {latest}")
    if len(size) != 2 or min(size) < 16 or any(side % 2 for side in size):
        raise SettingError(f"size must be an even width and height >= 16, but got {list(size)}")
    if not 0.0 <= nights <= 1.0:
        raise SettingError(f"the share of nights must be from 0 to 1, but got {nights}")
    known = [part.name for part in fields(Variety)]
    if unknown := sorted(set(variety or {}) - set(known)):
        raise SettingError(f"variety has the shares {known}, but got {unknown}")
    stage_ = Stage(
        frames=frames, latest=latest, rates=tuple(rates), size=size, nights=nights, seed=seed,
        variety=Variety(**dict(variety or {})), videos=None if videos is None else str(videos),
    )  # fmt: skip
    path = Path(output)
    parts = stage_.folder(path)
    with guard(path):
        parts.mkdir(parents=True, exist_ok=True)
    with whole(path) as temporary:
        missing = [n for n in range(rides) if not (parts / f"{n}.safetensors").is_file()]
        with tqdm(total=rides, initial=rides - len(missing), unit="ride", disable=None) as bar:
            for _ in _work(stage_, parts, missing, processes):
                bar.update()
        scenes = [staged.read(parts / f"{number}.safetensors") for number in range(rides)]
        every = [scene for one in scenes for scene in one]
        staged.write(temporary, every)
        if sheet is not None:
            order = sorted(range(rides), key=lambda number: _kind(scenes[number]))
            write([read(parts / f"{number}.png") for number in order], sheet)
    shutil.rmtree(parts)
    return tuple(every)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How rides are drawn and looked at; arguments as for `stage`."""

    frames: int
    latest: float
    rates: tuple[int, ...]
    size: tuple[int, int]
    nights: float
    variety: Variety
    seed: int
    videos: str | None = None

    def folder(self, path: Path) -> Path:
        """Where finished rides wait for the others."""
        facts = json.dumps([asdict(self), EDITION])
        mark = hashlib.sha256(facts.encode()).hexdigest()[:12]
        return path.with_name(f".{path.name}.rides-{mark}")

    def keep(self, parts: Path, number: int) -> None:
        """Draw one ride, and leave its picture and its scenes in a folder."""
        found, drawn = self.ride(number)
        write([drawn], parts / f"{number}.png", across=1)
        staged.write(parts / f"{number}.safetensors", found)

    def ride(self, number: int) -> tuple[list[Scene], Array]:
        """The scenes of one ride, and a picture of its middle with true joints."""
        rng = np.random.default_rng([self.seed, number])
        fps, kind = self.rates[number % len(self.rates)], _KINDS[number % len(_KINDS)]
        camera = draw_camera(kind, self.size, rng)
        night = rng.random() < self.nights
        light = strangers.infrared(camera, rng) if night else None
        times = float(rng.uniform(0.0, self.latest)) + np.arange(self.frames) / fps
        ride, people = strangers.draw_ride(
            number, float(times[-1]), rng, _RELIGHT, light, self.variety
        )
        sensor, pictures = draw_sensor(night, rng), list[Array]()
        found = shoot(ride, camera, times, sensor, rng, pictures)
        if self.videos is not None:
            self._film(Path(self.videos) / f"{self.seed}_{number:03d}.mp4", pictures, fps)
        scenes = [
            Scene(person=f"{self.seed}_{number:03d}_{seat.replace('_', '')}", seat=seat,
                  camera=kind, fps=float(fps), image_size=self.size, eye=camera.as_dict(),
                  occupant=people[seat].kind, **scene)
            for seat, scene in found.items()
        ]  # fmt: skip
        at = self.frames // 2
        seen = {s: (scene["truth"][at], scene["cause"][at]) for s, scene in found.items()}
        classes = [f"{s.seat}: {s.occupant}, {_posture_at(s, at)}" for s in scenes]
        return scenes, mark(pictures[at][..., ::-1], seen, [kind, *classes])

    def _film(self, path: Path, pictures: Sequence[Array], fps: int) -> None:
        """Write what was drawn, blue, green, red, whole or not at all."""
        with guard(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".part.mp4")
            try:
                with Film(draft, self.size, fps, _QUALITY) as film:
                    for picture in pictures:
                        film.add(picture[..., ::-1])
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)


def _work(stage_: Stage, parts: Path, missing: Sequence[int], processes: int) -> Iterator[None]:
    """Draw rides that are missing; yields after each.

    What has drawn some hundred rides takes ten times as long for each: processes are made anew.
    """
    if processes == 1 and len(missing) <= _FRESH:
        for number in missing:
            stage_.keep(parts, number)
            yield
        return
    for start in range(0, len(missing), processes * _FRESH):
        some = missing[start : start + processes * _FRESH]
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            jobs = [pool.submit(stage_.keep, parts, number) for number in some]
            try:
                for job in as_completed(jobs):
                    job.result()
                    yield
            except BrokenProcessPool as error:
                raise WorkerError(
                    "a process that drew rides died, perhaps for lack of memory; finished rides "
                    "are kept: start again with fewer processes"
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)


def _posture_at(scene: Scene, frame: int) -> str:
    return POSTURES[int(scene.posture[frame])] if scene.posture is not None else "unknown"


def _kind(scenes: Sequence[Scene]) -> tuple[str, tuple[str, ...]]:
    """What a sheet is sorted by: the kind of camera, then what people do; nobody comes last."""
    if not scenes:
        return "~", ()
    done = {_posture_at(scene, len(scene.keypoints) // 2) for scene in scenes}
    return scenes[0].camera, tuple(sorted(done - {"in_position"}))
