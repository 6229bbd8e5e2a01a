"""What people wear on their heads: hats, glasses, masks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin import mesh
from kpcomplete.cabin.clothes import Color, Outfit, Surface, mottle
from kpcomplete.cabin.mesh import Mesh

Array = NDArray[np.float64]

HATS, GLASSES = ("", "beanie", "cap"), ("", "clear", "dark")
#: Metres of a grown head: behind the ears and above the eyes, where a hat ends.
_BACK, _UP = (-0.08, 0.0, 0.06), (0.045, 0.030, -0.02)
_FRAME: Color = (0.08, 0.07, 0.07)


def cover(colors: Array, thickness: Array, surface: Surface, outfit: Outfit) -> None:
    """Put hat and mask on a head, in place.

    Args:
        colors: of the surface, shape (V, 3).
        thickness: how far cloth or hair stands off the skin, metres, shape (V,).
        surface: the body.
        outfit: what is worn.
    """
    eyes, size = _head(surface)
    back = (surface.vertices[:, 1] - surface.points["left_ear"][1]) / size
    up = (surface.vertices[:, 2] - eyes[2]) / size
    head = surface.weights["head"] > 0.5
    if outfit.hat:
        hat = head & (up > np.interp(back, _BACK, _UP))
        knit = 1.0 + 0.12 * mottle(surface.vertices, 0.008, outfit.seed + 6)
        colors[hat] = np.asarray(outfit.hat_color) * knit[hat, None]
        thickness[hat] = size * (0.018 if outfit.hat == "beanie" else 0.014)
    if outfit.mask is not None:
        nose = surface.points["nose"]
        across = np.abs(surface.vertices[:, 0] - nose[0]) / size
        top = np.interp(across, [0.0, 0.02, 0.06], [-0.012, -0.028, -0.036])
        mask = head & (up < top) & (up > -0.125) & (back < -0.022)
        colors[mask] = np.asarray(outfit.mask)
        thickness[mask] = 0.006 * size


def worn(surface: Surface, outfit: Outfit) -> Mesh | None:
    """What stands off the head: a cap's peak, glasses; at rest, None if there is nothing."""
    parts: list[Mesh] = []
    if outfit.hat == "cap":
        parts.append(_peak(surface, outfit.hat_color))
    if outfit.glasses:
        parts += _glasses(surface, outfit.glasses == "dark")
    return mesh.merge(parts) if parts else None


def _head(surface: Surface) -> tuple[Array, float]:
    """Middle of the eyes, metres, and the head's size, a share of a grown-up's."""
    mark = surface.points
    size = float(np.linalg.norm(mark["left_eye_outer"] - mark["right_eye_outer"])) / 0.086
    return (mark["left_eye"] + mark["right_eye"]) / 2.0, size


def _peak(surface: Surface, color: Color) -> Mesh:
    eyes, size = _head(surface)
    angle = np.linspace(-1.35, 1.35, 15)
    rows = []
    for wide, far, up in ((0.074, 0.0, 0.050), (0.080, 0.035, 0.046), (0.070, 0.068, 0.034)):
        rows.append(
            np.stack(
                [
                    wide * np.sin(angle),
                    -0.026 - (0.066 + far) * np.cos(angle),
                    up + 0.0 * angle,
                ],
                axis=1,
            )
        )
    middle = np.array([eyes[0], surface.points["left_ear"][1], eyes[2]])
    return _sheet(middle + size * np.stack(rows), color)


def _glasses(surface: Surface, dark: bool) -> list[Mesh]:
    _, size = _head(surface)
    mark, around = surface.points, np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False)
    front = min(mark["left_eye"][1], mark["right_eye"][1]) - 0.012 * size
    parts, inner = [], []
    for side in ("left", "right"):
        sign, eye = (1.0 if side == "left" else -1.0), mark[f"{side}_eye"]
        ring = np.stack([0.026 * np.cos(around), 0.0 * around, 0.019 * np.sin(around)], axis=1)
        center = np.array([eye[0], front, eye[2] - 0.003 * size])
        parts.append(mesh.tube(center + size * ring, 0.0018, _FRAME, closed=True))
        ear = mark[f"{side}_ear"] + size * np.array([0.004 * sign, 0.012, 0.012])
        hinge = center + size * np.array([0.027 * sign, 0.0, 0.006])
        way = hinge + np.linspace(0.0, 1.0, 4)[:, None] * (ear - hinge)
        way[1:3, 0] += 0.004 * sign * size  # round the temples
        parts.append(mesh.tube(way, 0.0018, _FRAME))
        inner.append(center + size * np.array([-0.026 * sign, 0.0, 0.004]))
        if dark:
            parts.append(_sheet(center + size * np.stack([0.0 * ring, ring]), (0.05, 0.05, 0.06)))
    bridge = np.linspace(0.0, 1.0, 3)[:, None] * (inner[1] - inner[0]) + inner[0]
    return [*parts, mesh.tube(bridge, 0.0018, _FRAME)]


def _sheet(rows: Array, color: Sequence[float]) -> Mesh:
    """A surface through rows of points, shape (R, N, 3)."""
    vertices = rows.reshape(-1, 3)
    triangles = mesh.grid(len(rows), rows.shape[1])
    return Mesh(vertices, triangles, np.tile(np.asarray(color, float), (len(vertices), 1)))
