"""Simulated drives, drawn and looked at by the real detector."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from kpcomplete import staged
from kpcomplete.cabin import strangers
from kpcomplete.cabin.cameras import Camera, draw_camera
from kpcomplete.cabin.film import Sensor, draw_sensor
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.postures import classify
from kpcomplete.cabin.render import Renderer
from kpcomplete.cabin.ride import Ride
from kpcomplete.cabin.sheet import mark, write
from kpcomplete.cabin.truth import Truth
from kpcomplete.cabin.visibility import CAUSES, VISIBLE
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.detector.seats import Seats
from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.recording import sequence
from kpcomplete.staged import Scene

log = logging.getLogger(__name__)
Array = npt.NDArray[Any]
_KINDS = ("mirror", "mirror", "dash", "pillar", "door", "roof")  # of cameras, ride by ride
_RELIGHT = 12  # frames for which light on what moves is kept


def stage(
    output: str | Path,
    *,
    rides: int = 24,
    frames: int = 90,
    rates: Sequence[int] = (30, 15),
    size: tuple[int, int] = (640, 480),
    nights: float = 0.2,
    sheet: str | Path | None = None,
    seed: int = 0,
) -> tuple[Scene, ...]:
    """Draw rides of two strangers each, let the detector find them, and write what it found.

    The file grows ride by ride; every ride alone is the same whatever the number of rides.

    Args:
        output: File to write, ``.safetensors``; see `kpcomplete.staged`.
        rides: How many, two people each. Cameras take turns.
        frames: Of each ride.
        rates: Frames a second, in turn.
        size: Width and height of the images, pixels, even.
        nights: Share of rides in infrared light.
        sheet: Picture to write, ``.png``: the middle of every ride, with true joints.
        seed: The same seed gives the same drives.

    Returns:
        The scenes, one for every person whose face is in the image.

    Raises:
        SettingError: If a number is too small.
        MissingDependencyError: If anny or open3d is not installed.
        RenderError: If this machine cannot draw.
        OutputError: If the file cannot be written.
    """
    if rides < 1 or frames < 2 or not rates or min(rates) < 1:
        raise SettingError(
            f"staging needs at least 1 ride, 2 frames and 1 frame a second, but got rides={rides}, "
            f"frames={frames}, rates={list(rates)}"
        )
    scenes: list[Scene] = []
    marked: list[Array] = []
    for number in tqdm(range(rides), unit="ride", disable=None):
        rng = np.random.default_rng([seed, number])
        fps, kind = rates[number % len(rates)], _KINDS[number % len(_KINDS)]
        camera = draw_camera(kind, size, rng)
        night = rng.random() < nights
        light = strangers.infrared(camera, rng) if night else None
        ride, people = strangers.draw_ride(number, frames / fps, rng, _RELIGHT, light)
        sensor = draw_sensor(night, rng)
        pictures: list[Array] = []
        found = _watch(ride, camera, frames, fps, sensor, rng, pictures)
        for seat, scene in found.items():
            scenes.append(Scene(person=f"{seed}_{number:03d}_{seat}", seat=seat, camera=kind,
                                fps=float(fps), image_size=size, eye=camera.as_dict(),
                                occupant=people[seat].kind, **scene))  # fmt: skip
        staged.write(output, scenes)
        if sheet is not None:
            at = frames // 2
            seen = {s: (scene["truth"][at], scene["cause"][at]) for s, scene in found.items()}
            marked.append(mark(pictures[at][..., ::-1], seen, kind))
            write(sheet, marked)
    return tuple(scenes)


def _watch(
    ride: Ride,
    camera: Camera,
    frames: int,
    fps: int,
    sensor: Sensor,
    rng: np.random.Generator,
    pictures: list[Array],
) -> dict[str, dict[str, Array]]:
    """Return the arrays of a `Scene`, by seat, and add what was drawn to `pictures`."""
    truth = Truth(camera, fps, 0)
    solid: dict[str, list[Array]] = {seat: [] for seat in ride.occupants}
    why: dict[str, list[Array]] = {seat: [] for seat in ride.occupants}
    with Renderer(camera, finer=1) as renderer:
        for frame in range(frames):
            moment = ride.at(frame / fps)
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
    info = StreamInfo(name="staged", fps=float(fps), image_size=(camera.width, camera.height))
    detector = Seats(trackers=MediaPipe(min_visibility=0.0),
                     zones={seat: truth.zones[seat] for seat in inside}, threads=1)  # fmt: skip

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
            "posture": _posture(ride, seat, np.stack(solid[seat]), np.arange(frames) / fps),
            "visible": np.stack(why[seat]) == CAUSES.index(VISIBLE),
            "cause": np.stack(why[seat]).astype(np.uint8),
        }
    return out


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


def _stream(pictures: Sequence[Array], fps: int) -> Iterator[Frame]:
    for i, picture in enumerate(pictures):
        yield Frame(index=i, time=i / fps, image=picture)
