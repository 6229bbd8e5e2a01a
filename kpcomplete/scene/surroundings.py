"""What people are seen among: the ground, the car, the camera with its image, their trails."""

from collections.abc import Sequence

import numpy as np

from kpcomplete.cabin.mesh import Mesh as Painted
from kpcomplete.cabin.vehicle import Car, Wheel
from kpcomplete.camera import Camera
from kpcomplete.pose import Array
from kpcomplete.scene import colours
from kpcomplete.scene.parts import RGB, Mesh, Picture, merge
from kpcomplete.scene.primitives import rods

IMAGE_AT = 0.32  # metres from the camera to its image
_LINE = 0.003  # metres


def ground(middle: Sequence[float], level: float, *, reach: float = 2.5, step: float = 0.5) -> Mesh:
    """Return a grid of thin lines.

    Args:
        middle: x, y in metres.
        level: z in metres.
        reach: Metres from its middle to each side.
        step: Metres between lines.
    """
    at = np.arange(-reach, reach + step / 2, step)
    ends = np.full(len(at), reach)
    along = np.stack([np.stack([at, -ends], -1), np.stack([at, ends], -1)], axis=1)
    flat = np.concatenate([along, along[..., ::-1]]) + np.asarray(middle)[:2]
    points = np.concatenate([flat, np.full((*flat.shape[:2], 1), level)], axis=-1)
    return _lines(points, colours.GRID)


def car(*, shell: bool = False) -> Mesh:
    """Return seats, dash and wheel, lighter than they are.

    Args:
        shell: With floor, doors, pillars and roof.
    """
    wheel, inside = Wheel(), Car()
    shapes = [*inside.furniture(wheel), *(inside.shell() if shell else ())]
    found = merge([_mesh(part.mesh()) for part in shapes])
    return merge([found, _mesh(wheel.mesh(0.0))])


def frustum(camera: Camera, *, far: float = IMAGE_AT) -> Mesh:
    """Return the edges of what a camera sees, up to its image."""
    corners = image_corners(camera, far)
    eye = camera.to_world(np.zeros(3))
    edges = [(eye, corner) for corner in corners]
    edges += [(corners[i], corners[(i + 1) % 4]) for i in range(4)]
    return _lines(np.array(edges), colours.FRUSTUM)


def image_corners(camera: Camera, far: float = IMAGE_AT) -> Array:
    """Return where the corners of a camera's image are in the world, ``[4, 3]`` metres.

    The lens is taken for one that does not bend.
    """
    right, bottom = camera.width - 0.5, camera.height - 0.5
    pixels = np.array([(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)])
    flat = (pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    return camera.to_world(far * np.concatenate([flat, np.ones((4, 1))], axis=-1))


def image(camera: Camera, picture: Array, *, far: float = IMAGE_AT) -> Picture:
    """Return a camera's image ``[H, W, 3]``, red, green, blue, on its image plane."""
    return Picture(corners=image_corners(camera, far), image=picture)


def trails(points: Array, colour: RGB) -> Mesh:
    """Return the ways of joints, fading towards the past.

    Args:
        points: ``[T, J, 3]`` metres, the newest last; NaN where unknown.
        colour: Of the newest.
    """
    if len(points) < 2:
        return merge([])
    age = np.linspace(0, 1, len(points))
    pairs = np.stack([points[:-1], points[1:]], axis=2)  # [T - 1, J, 2, 3]
    whole = np.isfinite(pairs).all(axis=(-1, -2))
    fade = np.stack([age[:-1], age[1:]], axis=-1)[:, None, :, None]  # [T - 1, 1, 2, 1]
    paint = np.asarray(colour) * fade + np.asarray(colours.BACKGROUND) * (1 - fade)
    paint = np.concatenate([paint, np.ones((*paint.shape[:-1], 1))], axis=-1)
    paint = np.broadcast_to(paint, (*whole.shape, 2, 4))[whole]
    ends = pairs[whole]
    return rods(ends[:, 0], ends[:, 1], 0.004, paint, lit=False)


def _lines(points: Array, colour: RGB) -> Mesh:
    """Return lines ``[N, 2, 3]`` of one colour."""
    paint = np.tile(np.array([*colour, 1.0]), (len(points), 1))
    return rods(points[:, 0], points[:, 1], _LINE, paint, lit=False)


def _mesh(painted: Painted) -> Mesh:
    light = 0.14 + 0.5 * painted.colors  # people stand out, and the background is darker still
    paint = np.concatenate([light, np.ones((len(light), 1))], axis=-1)
    return Mesh(
        vertices=painted.vertices,
        triangles=painted.triangles,
        colours=paint.astype(np.float32),
    )
