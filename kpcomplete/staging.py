"""Simulated drives, drawn and looked at by the real detector."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from kpcomplete import staged
from kpcomplete.cabin import strangers
from kpcomplete.cabin.cameras import Camera, draw_camera
from kpcomplete.cabin.edition import EDITION
from kpcomplete.cabin.film import Sensor, draw_sensor
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.postures import classify
from kpcomplete.cabin.profile import FACE
from kpcomplete.cabin.rear import PLACES
from kpcomplete.cabin.render import Renderer
from kpcomplete.cabin.ride import Ride
from kpcomplete.cabin.sheet import mark, read, write
from kpcomplete.cabin.strangers import Variety
from kpcomplete.cabin.truth import Truth
from kpcomplete.cabin.visibility import CAUSES, VISIBLE
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.detector.seats import Seats
from kpcomplete.detector.tracker import Tracker
from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.output import guard, whole
from kpcomplete.recording import sequence
from kpcomplete.staged import Scene

log = logging.getLogger(__name__)
Array = npt.NDArray[Any]
_KINDS = ("mirror", "mirror", "dash", "pillar", "door", "roof")  # of cameras, ride by ride
_SEEN = 0.5  # share of frames in which something of a head in the rear must be seen
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
        sheet: Picture to write, ``.png``: the middle of every ride, with true joints.
        seed: The same seed gives the same drives.

    Returns:
        The scenes, one for every person whose face is in the image.

    Raises:
        SettingError: If a number is too small, or a share is none.
        MissingDependencyError: If anny or open3d is not installed.
        RenderError: If this machine cannot draw.
        OutputError: If the file cannot be written.
    """
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
        variety=Variety(**dict(variety or {})),
    )  # fmt: skip
    path = Path(output)
    parts = stage_.folder(path)
    with guard(path):
        parts.mkdir(parents=True, exist_ok=True)
    with whole(path) as temporary:
        for number in tqdm(range(rides), unit="ride", disable=None):
            part, picture = parts / f"{number}.safetensors", parts / f"{number}.png"
            if not part.is_file():
                scenes, drawn = stage_.ride(number)
                write([drawn], picture, across=1)
                staged.write(part, scenes)
        every = [s for number in range(rides) for s in staged.read(parts / f"{number}.safetensors")]
        staged.write(temporary, every)
        if sheet is not None:
            write([read(parts / f"{number}.png") for number in range(rides)], sheet)
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

    def folder(self, path: Path) -> Path:
        """Where finished rides wait for the others."""
        facts = json.dumps([asdict(self), EDITION])
        mark = hashlib.sha256(facts.encode()).hexdigest()[:12]
        return path.with_name(f".{path.name}.rides-{mark}")

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
        found = _watch(ride, camera, times, sensor, rng, pictures)
        scenes = [
            Scene(person=f"{self.seed}_{number:03d}_{seat.replace('_', '')}", seat=seat,
                  camera=kind, fps=float(fps), image_size=self.size, eye=camera.as_dict(),
                  occupant=people[seat].kind, **scene)
            for seat, scene in found.items()
        ]  # fmt: skip
        at = self.frames // 2
        seen = {s: (scene["truth"][at], scene["cause"][at]) for s, scene in found.items()}
        return scenes, mark(pictures[at][..., ::-1], seen, kind)


class Kept:
    """Trackers of MediaPipe that are used again: a closed one keeps 12 MB.

    Attributes:
        min_visibility: 0, all joints are reported.
    """

    min_visibility = 0.0

    def __init__(self) -> None:
        self._made = MediaPipe(min_visibility=self.min_visibility)
        self._trackers: list[Tracker] = []
        self._finders: dict[int, Tracker] = {}
        self._used = 0

    def rest(self) -> None:
        """Nobody is followed any more."""
        self._used = 0

    def tracker(self, people: int = 1) -> Tracker:
        """One that follows nobody yet; always of as many people."""
        self._used += 1
        if len(self._trackers) < self._used:
            self._trackers.append(self._made.tracker(people))
        tracker = self._trackers[self._used - 1]
        tracker.reset()
        return tracker

    def finder(self, people: int = 1) -> Tracker:
        """One that sees every picture afresh."""
        if people not in self._finders:
            self._finders[people] = self._made.finder(people)
        return self._finders[people]


@cache
def _kept() -> Kept:
    return Kept()


def _watch(
    ride: Ride,
    camera: Camera,
    times: Array,
    sensor: Sensor,
    rng: np.random.Generator,
    pictures: list[Array],
) -> dict[str, dict[str, Array]]:
    """Return the arrays of a `Scene`, by seat, and add what was drawn to `pictures`."""
    fps = 1.0 / float(times[1] - times[0])
    truth = Truth(camera, fps, 0)
    solid: dict[str, list[Array]] = {seat: [] for seat in ride.occupants}
    why: dict[str, list[Array]] = {seat: [] for seat in ride.occupants}
    with Renderer(camera, finer=1) as renderer:
        for time in times.tolist():
            moment = ride.at(time)
            picture = renderer.draw(*ride.mesh(moment, camera.center))
            pictures.append(sensor.expose(picture, moment.time, rng)[..., ::-1].copy())
            for seat, causes in ride.causes(moment, camera).items():
                body = moment.bodies[seat]
                truth.grow(seat, body.dressed)
                solid[seat].append(body.landmarks)
                why[seat].append(np.array([CAUSES.index(cause) for cause in causes]))
    seen = {seat: camera.project(camera.view(np.stack(solid[seat]))) for seat in solid}
    size = np.array([camera.width, camera.height])
    inside = [s for s, p in seen.items() if ((p[0][0] >= 0) & (p[0][0] < size)).all()]
    inside = [s for s in inside if s not in PLACES or _faces(np.stack(why[s])) >= _SEEN]
    if not inside:  # nobody to look for
        return {}
    info = StreamInfo(name="staged", fps=fps, image_size=(camera.width, camera.height))
    _kept().rest()
    detector = Seats(
        trackers=_kept(), zones={seat: truth.zones[seat] for seat in inside}, threads=1
    )
    found = list(detector(_stream(pictures, fps), info))
    out = {}
    for seat in inside:
        poses = sequence(found, seat, info)
        out[seat] = {
            "keypoints": poses.keypoints,
            "confidence": poses.confidence,
            "world": _world(found, seat),
            "truth": seen[seat].astype(np.float32),
            "solid": camera.view(np.stack(solid[seat])).astype(np.float32),
            "posture": _posture(ride, seat, np.stack(solid[seat]), times),
            "visible": np.stack(why[seat]) == CAUSES.index(VISIBLE),
            "cause": np.stack(why[seat]).astype(np.uint8),
        }
    return out


def _faces(causes: Array) -> float:
    """Share of frames in which any joint of the head is seen; nobody finds others in the rear."""
    return float((causes[:, :FACE] == CAUSES.index(VISIBLE)).any(axis=1).mean())


def _posture(ride: Ride, seat: str, joints: Array, times: Array) -> Array:
    """Index into `kpcomplete.cabin.postures.POSTURES`, ``[T]``."""
    if ride.occupants[seat].seat.facing:  # a baby looks back
        return np.zeros(len(joints), np.uint8)
    return classify(joints, ride.spans[seat], times)


def _world(found: Sequence[Frame], seat: str) -> Array:
    """``[T, 33, 3]`` metres, the detector's own guess of the 3D pose; NaN where there is none."""
    world = np.full((len(found), len(NAMES), 3), np.nan, dtype=np.float32)
    for i, frame in enumerate(found):
        person = frame.people.get(seat)
        if person is not None and person.world is not None:
            world[i] = person.world
    return world


def _stream(pictures: Sequence[Array], fps: float) -> Iterator[Frame]:
    for i, picture in enumerate(pictures):
        yield Frame(index=i, time=i / fps, image=picture)
