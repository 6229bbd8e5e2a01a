"""People as seen from ahead, whatever camera in the car saw them."""

import numpy as np

from kpcomplete.camera import Camera
from kpcomplete.car import SHOULDERS
from kpcomplete.pose import Array, PoseSequence

_PLANE = float(SHOULDERS[:2, 1].mean())  # metres; where people in front have their shoulders
_LEFT, _TOP = 1.0, 1.5  # metres; where the picture begins
_SIZE = (1000, 750)  # pixels of 2 mm
_ASIDE = 1.5  # pictures' widths from its middle, beyond which nobody's joint is


def frontal(pixels: Array, camera: Camera) -> Array:
    """Return where places in the image are in a picture of the front seats taken from ahead.

    Each place is where its ray meets the upright plane through the shoulders of people in front.
    So the same posture looks much the same, wherever a camera is and whatever its lens. What is
    nearer to the camera than the plane appears larger, as does what is farther away smaller.

    Args:
        pixels: ``[..., 2]``; NaN where unknown.
        camera: That saw them.

    Returns:
        ``[..., 2]`` shares of the picture's width of 2 m; NaN where unknown, or where a ray does
        not meet the plane, or does so outside of the car.

    Raises:
        SettingError: If nobody said where in the car the camera is.
    """
    camera.require_car("people are to be seen from ahead")
    x, y, z = camera.to_world(np.zeros(3))
    rays = camera.rays(pixels) @ np.asarray(camera.turn)
    with np.errstate(all="ignore"):
        far = (_PLANE - y) / rays[..., 1]
        across, up = x + far * rays[..., 0], z + far * rays[..., 2]
        places: Array = np.stack([_LEFT + across, _TOP - up], axis=-1) / (2 * _LEFT)
        inside = (far > 0) & (np.abs(places - 0.5) < _ASIDE).all(axis=-1)
    places[~inside] = np.nan
    return places


def seen_from_ahead(poses: PoseSequence, camera: Camera) -> PoseSequence:
    """Return a person in the picture of `frontal`; joints that are not in it are missing."""
    places = frontal(poses.keypoints, camera) * _SIZE[0]
    places[~poses.is_observed] = np.nan
    return PoseSequence.observed(
        places, poses.confidence, skeleton=poses.skeleton, fps=poses.fps, image_size=_SIZE,
        person=poses.person, times=poses.times,
    )  # fmt: skip
