"""Where a camera is in the car: as its file says, or where people would sit best."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kpcomplete.cabin.cameras import CAMERAS, look_at
from kpcomplete.camera import Camera
from kpcomplete.car import SHOULDERS
from kpcomplete.errors import SettingError
from kpcomplete.pose import Array
from kpcomplete.skeleton import Skeleton

AUTO = "auto"
_FARTHEST = 0.4  # metres by which a camera may be off


def place(
    camera: Camera, people: Mapping[str, Array], skeleton: Skeleton, mount: str | None
) -> Camera:
    """Return the camera with a place in the car.

    Args:
        camera: A place that is known stays as it is.
        people: Seat to joints ``[T, J, 3]`` metres in the camera's frame.
        skeleton: Of the joints.
        mount: One of `kpcomplete.cabin.cameras.CAMERAS`, about which a place is looked for that
            sets people into seats; ``auto`` tries all. None: there is no car; the camera looks
            straight ahead, from 1.2 m above the ground.

    Raises:
        SettingError: If there is no such mount.
    """
    if camera.turn is not None:
        return camera
    if mount is None:
        return _posed(camera, np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), np.array([0, 0, 1.2]))
    if mount not in (AUTO, *CAMERAS):
        raise SettingError(
            f"mount must be {AUTO}, null or one of {', '.join(CAMERAS)}, but got {mount!r}"
        )
    middles, sides = _shoulders(people, skeleton)
    tried = [_fit(name, middles, sides) for name in (CAMERAS if mount == AUTO else (mount,))]
    _, turn, center = min(tried, key=lambda found: found[0])
    return _posed(camera, turn, center)


def _fit(name: str, middles: Array, sides: Array) -> tuple[float, Array, Array]:
    """Return how badly people sit, and the rotation and place of a mount that was moved a bit."""
    at, target, _ = CAMERAS[name]
    preset = look_at(at, target, (640, 480), 70.0)
    center = np.asarray(preset.center, np.float64)
    if not len(middles):
        return 0.0, preset.turn, center
    turned = middles @ preset.turn
    for _ in range(3):
        found = turned + center
        seats = SHOULDERS[np.linalg.norm(found[:, None] - SHOULDERS, axis=-1).argmin(axis=1)]
        shift = (seats - found).mean(axis=0)
        center = at + np.clip(center + shift - at, -_FARTHEST, _FARTHEST)
    found = turned + center
    off = np.linalg.norm(found[:, None] - SHOULDERS, axis=-1).min(axis=1).mean()
    off += np.linalg.norm(center - at)
    facing = (sides @ preset.turn)[:, 0]  # the left shoulder is on the left of the car
    return float(off + (1 - facing).mean()), preset.turn, center


def _shoulders(people: Mapping[str, Array], skeleton: Skeleton) -> tuple[Array, Array]:
    """Return the usual middle of each person's shoulders, and the direction to the left one."""
    left, right = skeleton.indices(["left_shoulder", "right_shoulder"])
    pairs = [np.nanmedian(p[:, [left, right]], axis=0) for p in people.values()
             if np.isfinite(p[:, [left, right]]).all(axis=(1, 2)).any()]  # fmt: skip
    if not pairs:
        return np.zeros((0, 3)), np.zeros((0, 3))
    both = np.stack(pairs)
    across = both[:, 0] - both[:, 1]
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    return both.mean(axis=1), across


def _posed(camera: Camera, turn: Array, center: Array) -> Camera:
    return replace(camera, turn=turn, shift=-turn @ center)
