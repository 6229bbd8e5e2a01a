"""How fast people are simulated, and how right what is said to hide their joints."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from kpcomplete.cabin import sight, strangers
from kpcomplete.cabin.cameras import CAMERAS, Camera, draw_camera
from kpcomplete.cabin.crowd import Crowd
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.outing import Extras, act, around, go
from kpcomplete.cabin.puppet import Wardrobe
from kpcomplete.cabin.rays import Balls
from kpcomplete.cabin.render import Renderer
from kpcomplete.cabin.ride import Moment, Ride
from kpcomplete.cabin.sight import Actor
from kpcomplete.cabin.things import held
from kpcomplete.cabin.visibility import CAUSES, OUTSIDE, VISIBLE
from kpcomplete.cabin.whole_body import read_whole
from kpcomplete.pose import Array

log = logging.getLogger(__name__)
_SIZE, _FPS = (640, 480), 30.0
_PLAIN = Extras()
_BEFORE = 0.10  # metres: what is nearer than that before a joint is its own flesh
_EDGE, _STEP = 4, 0.03  # pixels about a joint in which the drawn depth changes by less, metres
_DEEP = 0.03  # metres that a wrist may be within the trunk: clothes and flesh give way


def run(
    *, rides: int = 20, quick: bool = False, seed: int = 0, whole: str | Path | None = None
) -> dict[str, float]:
    """Measure the simulated cabin, and print how often solids and surfaces disagree.

    Speeds are frames a second of CPU time of one core, which other work on the machine does not
    change; frames of a second by the clock are printed.

    Args:
        rides: How many are drawn and ray-cast, all strangers, cameras in turn.
        quick: Two rides.
        seed: Of the rides.
        whole: CMU's whole bodies, ``.npz``, as which passengers move as well; None: they do not.

    Returns:
        ``keypoint_fps``: occupant-frames with labels and what hides each joint from two cameras.
        ``drawn_fps``: pictures of two people at 640 x 480 with ray-cast truth.
        ``reprojection_px``: largest difference between the truth and OpenCV's model of the lens.
        ``visibility_agree``: share of joints, away from edges, where ray casting and the depth of
        the drawn picture agree on whether something is before them. ``proxy_agree``: share of all
        joints where solids and ray-cast surfaces agree on whether they are seen; ``proxy_inside``:
        among those in the image; ``proxy_cause``: agree on the cause as well. ``penetrating``:
        share of occupant-frames with a wrist inside the own trunk; with `whole`, too,
        ``passenger_penetrating`` and ``whole_penetrating``: of passengers in 60 rides, half of
        them with people behind, who do what is drawn and who move as whole bodies.
    """
    rides = 2 if quick else rides
    speed, penetrating = _keypoints(8 if quick else 40, seed)
    found = {"keypoint_fps": speed, **_surfaces(rides, seed), "penetrating": penetrating}
    if whole is not None:
        bodies = read_whole(whole)
        for name, share in (("passenger_penetrating", 0.0), ("whole_penetrating", 1.0)):
            extras = Extras(whole=bodies, whole_share=share, rear=0.5)
            found[name] = _passengers(8 if quick else 60, seed, extras)
    return found


def _passengers(rides: int, seed: int, extras: Extras) -> float:
    """Share of the frames of all but drivers in which a wrist is inside the trunk."""
    crowd, frames = Crowd(24, 4, seed), 240
    return float(
        np.mean(
            [
                _deep(actor).mean()
                for number in range(rides)
                for actor in crowd_actors(crowd, number, frames, extras)[1:]
            ]
        )
    )


def _keypoints(rides: int, seed: int) -> tuple[float, float]:
    """Occupant-frames a second of CPU time, and the share that penetrates itself."""
    crowd = Crowd(24, 4, seed)
    for index in range(crowd.size):
        crowd.person(index)
    frames, deep = 240, []
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(rides):
        outing = go(crowd, number, frames, _FPS, list(CAMERAS), 2, _SIZE)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    log.info("%.0f occupant-frames a second by the clock", 2 * frames * rides / wall)
    del outing
    for number in range(min(rides, 8)):
        deep += [_deep(actor) for actor in crowd_actors(crowd, number, frames)]
    return 2 * frames * rides / cpu, float(np.mean(deep))


def crowd_actors(
    crowd: Crowd, number: int, frames: int, extras: Extras = _PLAIN
) -> Sequence[Actor]:
    """The people of a ride as `go` sees them, the driver first."""
    seen: list[Actor] = []
    go(crowd, number, frames, _FPS, list(CAMERAS), 1, _SIZE, seen.extend, extras)
    return seen


def _deep(actor: Actor) -> Array:
    """Whether a wrist is inside the trunk, shape (T,)."""
    balls = next(solid for solid in actor.body if isinstance(solid, Balls))
    names = actor.padding.owners[len(actor.padding.radius) :]  # capsules come first
    trunk = [i for i, name in enumerate(names) if name == "torso"]
    wrists = actor.joints[:, [NAMES.index(f"{side}_wrist") for side in ("left", "right")]]
    off = wrists[:, :, None] - balls.center.numpy()[:, None, trunk]
    own = np.einsum("tkij,twkj->twki", balls.unfold.numpy()[:, trunk], off)
    depth = (1.0 - np.linalg.norm(own, axis=-1)) * actor.padding.sizes[trunk].min(axis=1)
    return np.asarray((depth > _DEEP).any(axis=(1, 2)))


def _surfaces(rides: int, seed: int) -> dict[str, float]:
    """Draw rides, and compare what hides joints by ray casting, by depth and by solids."""
    wardrobe, drawn, cpu, wall = Wardrobe(), 0, 0.0, 0.0
    agree: dict[str, list[Array]] = {name: [] for name in ("depth", "seen", "inside", "cause")}
    reprojection = 0.0
    for number in range(rides):
        rng = np.random.default_rng([seed, 1000 + number])
        camera = draw_camera(list(CAMERAS)[number % len(CAMERAS)], _SIZE, rng)
        ride, people = strangers.draw_ride(number, 3.0, rng, relight=10)
        times = np.linspace(0.0, 3.0, 13)
        actors = staged_actors(wardrobe, ride, people, times)
        fast = _fast(ride, actors, camera, times)
        with Renderer(camera, finer=1) as renderer:
            renderer.draw(*ride.mesh(ride.at(0.0), camera.center))
            for frame, moment in enumerate(times):
                begun = time.process_time(), time.perf_counter()
                now = ride.at(float(moment))
                renderer.draw(*ride.mesh(now, camera.center))
                truth = ride.causes(now, camera)
                cpu, wall = (
                    cpu + time.process_time() - begun[0],
                    wall + time.perf_counter() - begun[1],
                )
                drawn += 1
                depth = renderer.depth()
                for seat, causes in truth.items():
                    codes = np.array([CAUSES.index(cause) for cause in causes])
                    _compare(codes, fast[seat][frame], agree)
                    joints = now.bodies[seat].landmarks
                    agree["depth"].append(_same_depth(now, joints, camera, renderer, depth))
                    reprojection = max(reprojection, _reproject(camera, joints))
    log.info("%.1f pictures a second by the clock", drawn / wall)
    shares = {name: float(np.concatenate(rows).mean()) for name, rows in agree.items()}
    return {
        "drawn_fps": drawn / cpu, "reprojection_px": reprojection,
        "visibility_agree": shares["depth"], "proxy_agree": shares["seen"],
        "proxy_inside": shares["inside"], "proxy_cause": shares["cause"],
    }  # fmt: skip


def staged_actors(
    wardrobe: Wardrobe, ride: Ride, people: Mapping[str, strangers.Stranger], times: Array
) -> dict[str, Actor]:
    """The people of a ride with solids instead of surfaces, seat by seat."""
    return {
        seat: act(wardrobe.puppet(people[seat].shape), ride.motions[seat], ride.sits[seat], times)
        for seat in people
    }


def _fast(
    ride: Ride, actors: Mapping[str, Actor], camera: Camera, times: Array
) -> dict[str, Array]:
    """What hides joints by solids, seat by seat, shape (T, 33)."""
    vehicle = around(ride.car, ride.wheel, ride.extra, ride.turned, times)
    things = [
        solid
        for seat, actor in actors.items()
        for solid in held(actor.joints, ride.spans[seat], times)
    ]
    found: dict[str, Array] = dict(sight.causes(camera, actors, vehicle, things))
    return found


def _compare(truth: Array, fast: Array, agree: Mapping[str, list[Array]]) -> None:
    seen, inside = CAUSES.index(VISIBLE), truth != CAUSES.index(OUTSIDE)
    same = (truth == seen) == (fast == seen)
    agree["seen"].append(same)
    agree["inside"].append(same[inside])
    agree["cause"].append(truth == fast)


def _same_depth(
    moment: Moment, joints: Array, camera: Camera, renderer: Renderer, depth: Array
) -> Array:
    """Whether ray casting and the depth of a picture agree, for joints that are not at edges."""
    pinhole = renderer.pinhole
    seen = camera.view(joints)
    place = np.rint(pinhole.project(seen)).astype(int)
    size = np.array([pinhole.width, pinhole.height])
    inside = ((place >= _EDGE) & (place < size - _EDGE)).all(axis=1) & (seen[:, 2] > 0.0)
    distance, _ = moment.scene.first(camera.center, joints)
    cast = distance * seen[:, 2] / np.linalg.norm(seen, axis=1)
    same = []
    for i in np.flatnonzero(inside):
        (x, y) = place[i]
        patch = depth[y - _EDGE : y + _EDGE + 1, x - _EDGE : x + _EDGE + 1]
        if np.ptp(patch) < _STEP:
            gap = seen[i, 2] - np.array([cast[i], depth[y, x]])
            same.append((gap[0] > _BEFORE) == (gap[1] > _BEFORE))
    return np.array(same, bool)


def _reproject(camera: Camera, joints: Array) -> float:
    """Largest distance between a camera's pixels and OpenCV's, for joints in the image."""
    inside = joints[camera.holds(camera.view(joints))]
    if not len(inside):
        return 0.0
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    turn, _ = cv2.Rodrigues(camera.turn)
    shift = -camera.turn @ camera.center
    expected, _ = cv2.projectPoints(inside, turn, shift, matrix, np.array([camera.k1, 0, 0, 0.0]))
    gap = expected[:, 0] - camera.project(camera.view(inside))
    return float(np.linalg.norm(gap, axis=1).max())
