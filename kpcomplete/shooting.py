"""One simulated ride, drawn and looked at by the real detector."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.film import Sensor
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.postures import classify
from kpcomplete.cabin.profile import FACE
from kpcomplete.cabin.rear import PLACES
from kpcomplete.cabin.render import Renderer
from kpcomplete.cabin.ride import Ride
from kpcomplete.cabin.truth import Truth
from kpcomplete.cabin.visibility import CAUSES, VISIBLE
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.detector.seats import Seats
from kpcomplete.detector.tracker import Tracker
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.pose import Array
from kpcomplete.recording import sequence

_SEEN = 0.5  # share of frames in which something of a head in the rear must be seen


class Kept:
    """Trackers of MediaPipe that are used again: a closed one keeps 12 MB.

    They look at pictures once, without `kpcomplete.detector.denoised`: those whom only it finds are
    not what the shipped models learned from.

    Attributes:
        min_visibility: 0, all joints are reported.
    """

    min_visibility = 0.0

    def __init__(self) -> None:
        self._made = MediaPipe(min_visibility=self.min_visibility, denoise=False)
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


def shoot(
    ride: Ride,
    camera: Camera,
    times: Array,
    sensor: Sensor,
    rng: np.random.Generator,
    pictures: list[Array],
) -> dict[str, dict[str, Array]]:
    """Draw a ride and let the detector find those whose faces are in the image.

    Args:
        ride: Who does what.
        camera: That looks.
        times: Of the frames, seconds, even.
        sensor: Of the camera.
        rng: Draws its noise.
        pictures: What was drawn is added here, blue, green, red.

    Returns:
        Seat to the arrays of a `kpcomplete.staged.Scene`.
    """
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
