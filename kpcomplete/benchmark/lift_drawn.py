"""Drawn cabins of strangers, looked at by the real detector, with the truth in 3D."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from kpcomplete.cabin import strangers
from kpcomplete.cabin.cameras import draw_camera
from kpcomplete.cabin.film import develop
from kpcomplete.cabin.render import Renderer
from kpcomplete.cabin.truth import Truth
from kpcomplete.cabin.visibility import VISIBLE
from kpcomplete.camera import Camera
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.detector.seats import Seats
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.output import whole
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

log = logging.getLogger(__name__)
Array = npt.NDArray[Any]
_KINDS = ("mirror", "dash", "pillar")
_SIZE = (640, 480)
_FPS = 15
_STRANGERS = 20_000  # added to the seed, so that the gate was not trained on these drives
_ARRAYS = ("keypoints", "confidence", "world", "truth", "visible", "inner", "turn", "shift")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One person of a drawn drive.

    Attributes:
        name: Number of the drive, and seat.
        keypoints: ``[T, 33, 2]`` pixels as detected, NaN where nothing was.
        confidence: ``[T, 33]`` the detector's, 0..1.
        world: ``[T, 33, 3]`` metres, the detector's own guess of the 3D pose; NaN likewise.
        truth: ``[T, 33, 3]`` metres in the camera's frame.
        visible: ``[T, 33]`` bool, nothing stands between the camera and the joint.
        inner: ``[4]`` fx, fy, cx, cy of the camera, pixels.
        turn: ``[3, 3]`` from the car's frame (x left, y back, z up) into the camera's.
        shift: ``[3]`` metres, likewise.
    """

    name: str
    keypoints: Array
    confidence: Array
    world: Array
    truth: Array
    visible: Array
    inner: Array
    turn: Array
    shift: Array

    @property
    def camera(self) -> Camera:
        """The camera, and where it is in the car."""
        fx, fy, cx, cy = self.inner.tolist()
        return Camera(width=_SIZE[0], height=_SIZE[1], fx=fx, fy=fy, cx=cx, cy=cy,
                      turn=self.turn, shift=self.shift, in_car=True)  # fmt: skip

    def poses(self) -> PoseSequence:
        """Return what was detected."""
        return PoseSequence.observed(
            self.keypoints, self.confidence, skeleton=Skeleton.load(CANONICAL), fps=float(_FPS),
            image_size=_SIZE, person=self.name,
        )  # fmt: skip


def drawn(path: str | Path, *, rides: int, frames: int, seed: int) -> tuple[Drawn, ...]:
    """Return drives of a file; if there is none, draw them, two people each, and write it.

    Raises:
        MissingDependencyError: If anny or open3d is not installed.
        RenderError: If this machine cannot draw.
    """
    path = Path(path)
    if not path.is_file():
        log.info("%s does not exist: drawing %d drives", path, rides)
        people = [p for number in range(rides) for p in _drive(number, frames, seed)]
        tensors = {f"{p.name}.{n}": np.ascontiguousarray(getattr(p, n))
                   for p in people for n in _ARRAYS}  # fmt: skip
        with whole(path) as temporary:
            Path(temporary).write_bytes(to_bytes(tensors))  # with the usual permissions
    stored = load_file(path)
    names = sorted({key.partition(".")[0] for key in stored})
    return tuple(Drawn(name=n, **{a: stored[f"{n}.{a}"] for a in _ARRAYS}) for n in names)


def _drive(number: int, frames: int, seed: int) -> Iterator[Drawn]:
    rng = np.random.default_rng([_STRANGERS + seed, number])
    eye = draw_camera(_KINDS[number % len(_KINDS)], _SIZE, rng)
    eye = replace(eye, k1=0.0)  # `inner` knows no lens
    ride, _ = strangers.draw_ride(number, frames / _FPS, rng)
    noise = float(rng.uniform(1.0, 6.0))
    pictures, zones = [], Truth(eye, _FPS, 0)
    solid: dict[str, list[Array]] = {seat: [] for seat in ride.occupants}
    visible: dict[str, list[Array]] = {seat: [] for seat in ride.occupants}
    with Renderer(eye) as renderer:
        for frame in range(frames):
            moment = ride.at(frame / _FPS)
            picture = renderer.draw(*ride.mesh(moment, eye.center))
            pictures.append(develop(picture, moment.time, noise, rng)[..., ::-1].copy())
            for seat, causes in ride.causes(moment, eye).items():
                zones.grow(seat, moment.bodies[seat].dressed)
                solid[seat].append(eye.view(moment.bodies[seat].landmarks))
                visible[seat].append(np.array([cause == VISIBLE for cause in causes]))
    found = _look(pictures, {seat: zones.zones[seat] for seat in solid})
    for seat, points in solid.items():
        inside = eye.project(points[0][0])
        if ((inside >= 0) & (inside < np.array(_SIZE))).all():
            yield Drawn(
                name=f"{number:03d}_{seat}",
                **_detected(found, seat),
                truth=np.stack(points).astype(np.float32),
                visible=np.stack(visible[seat]),
                inner=np.array([eye.fx, eye.fy, eye.cx, eye.cy]),
                turn=eye.turn,
                shift=-eye.turn @ eye.center,
            )


def _look(pictures: Sequence[Array], zones: Mapping[str, Any]) -> list[Frame]:
    detector = Seats(trackers=MediaPipe(min_visibility=0.0, denoise=False), zones=zones, threads=1)
    info = StreamInfo(name="drawn", fps=float(_FPS), image_size=_SIZE)
    frames = (Frame(index=i, time=i / _FPS, image=image) for i, image in enumerate(pictures))
    return list(detector(frames, info))


def _detected(frames: Sequence[Frame], seat: str) -> dict[str, Array]:
    out = {
        name: np.full((len(frames), 33, size), np.nan, dtype=np.float32)
        for name, size in (("keypoints", 2), ("world", 3), ("confidence", 1))
    }
    for i, frame in enumerate(frames):
        if (person := frame.people.get(seat)) is not None:
            out["keypoints"][i] = person.keypoints
            out["confidence"][i, :, 0] = person.confidence
            if person.world is not None:
                out["world"][i] = person.world
    return {**out, "confidence": np.nan_to_num(out["confidence"][..., 0])}
