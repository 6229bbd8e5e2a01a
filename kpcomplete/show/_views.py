"""Places to look at people from."""

import numpy as np

from kpcomplete.camera import Camera
from kpcomplete.pose import Array
from kpcomplete.scene.view import View


def views_of(camera: Camera, middle: Array) -> dict[str, View]:
    """Return the presets, ``corner`` first; ``camera`` is where the recording was made from.

    Args:
        camera: With its place.
        middle: ``[3]`` metres in the midst of everybody.
    """
    x, y, z = (float(value) for value in middle)
    target = (x, y, z)
    eye = camera.to_world(np.zeros(3))
    ahead = camera.to_world(np.array([0.0, 0.0, 1.5]))
    angle = float(np.degrees(2 * np.arctan(camera.height / 2 / camera.fy)))
    return {
        "corner": View(eye=(x + 1.1, y - 1.75, z + 1.1), target=(x, y + 0.05, z - 0.05)),
        "front": View(eye=(x, y - 2.2, z + 1.0), target=target, hides=frozenset({"camera"})),
        "left": View(eye=(x + 2.4, y - 0.1, z + 0.25), target=target),
        "right": View(eye=(x - 2.4, y - 0.1, z + 0.25), target=target),
        "top": View(eye=(x, y - 0.02, z + 2.6), target=target),
        "rear": View(eye=(x, y + 2.4, z + 1.0), target=target),
        "camera": View(
            eye=(float(eye[0]), float(eye[1]), float(eye[2])),
            target=(float(ahead[0]), float(ahead[1]), float(ahead[2])),
            angle=angle,
            hides=frozenset({"camera"}),
        ),
    }
