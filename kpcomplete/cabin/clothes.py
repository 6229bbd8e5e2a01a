"""Colours and thickness of skin, hair and clothes, vertex by vertex."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Outfit:
    """What a person wears.

    Attributes:
        skin, hair, shirt, stripe, trousers, shoes, iris: colours, 0..1.
        sleeve: share of the forearm that the sleeve covers; below zero it ends on the upper arm.
        stripes: stripes on the shirt, a metre; 0 = plain.
        long_hair: hair falls behind the ears to the neck.
        hat: one of `headwear.HATS`.
        hat_color: of it.
        glasses: one of `headwear.GLASSES`.
        mask: colour of a mask over nose and mouth; None: none.
        seed: of the mottling.
    """

    skin: Color = (0.80, 0.60, 0.49)
    hair: Color = (0.16, 0.10, 0.07)
    shirt: Color = (0.30, 0.42, 0.60)
    stripe: Color = (0.24, 0.34, 0.52)
    trousers: Color = (0.13, 0.14, 0.19)
    shoes: Color = (0.10, 0.09, 0.08)
    iris: Color = (0.22, 0.15, 0.09)
    sleeve: float = 0.8
    stripes: float = 0.0
    long_hair: bool = False
    hat: str = ""
    hat_color: Color = (0.2, 0.2, 0.25)
    glasses: str = ""
    mask: Color | None = None
    seed: int = 0


@dataclass(frozen=True)
class Surface:
    """What is known of each vertex of a body at rest.

    Attributes:
        vertices: metres, facing -y, shape (V, 3).
        weights: body part ("torso", "arm", "forearm", "hand", "leg", "foot", "head", "neck")
            -> how much of the vertex belongs to it, shape (V,).
        eyes: whether the vertex belongs to an eyeball's front, shape (V,).
        along: how far along the forearm the vertex is, 0 elbow .. 1 wrist, shape (V,).
        points: landmark name -> position at rest, metres, shape (3,).
    """

    vertices: Array
    weights: Mapping[str, Array]
    eyes: NDArray[np.bool_]
    along: Array
    points: Mapping[str, Array]


def mottle(points: Array, scale: float, seed: int) -> Array:
    """Smooth noise in about -1..1.

    Args:
        points: metres, shape (N, 3).
        scale: size of the spots, metres.
        seed: of the pattern.
    """
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(3, 8)) * 2.0 * np.pi / (2.5 * scale)
    noise: Array = np.sin(points @ waves + rng.uniform(0.0, 2.0 * np.pi, 8)).sum(axis=1) / 4.0
    return noise


def dress(surface: Surface, outfit: Outfit) -> tuple[Array, Array]:
    """Colour every vertex and say how far cloth or hair stands off the skin.

    Returns:
        Colours in 0..1, shape (V, 3), and distances along the normal, metres, shape (V,).
    """
    points, weights = surface.vertices, surface.weights
    colors = np.tile(np.asarray(outfit.skin, dtype=np.float64), (len(points), 1))
    colors *= 1.0 + 0.05 * mottle(points, 0.03, outfit.seed)[:, None]
    thickness = np.zeros(len(points))
    _face(colors, surface, outfit)
    _hair(colors, thickness, surface, outfit)
    cloth = 1.0 + 0.10 * mottle(points, 0.045, outfit.seed + 1)
    cloth *= 1.0 + 0.05 * mottle(points, 0.012, outfit.seed + 2)
    folds = 0.0015 * mottle(points * [1.0, 1.0, 2.0], 0.05, outfit.seed + 3)
    lower, shirt = _covered(surface, outfit)
    if outfit.stripes:
        even = np.sin(2.0 * np.pi * outfit.stripes * points[:, 2]) > 0.0
        pattern = np.where(even[:, None], outfit.stripe, outfit.shirt)
    else:
        pattern = np.tile(np.asarray(outfit.shirt), (len(points), 1))
    colors[shirt] = pattern[shirt] * cloth[shirt, None]
    colors[lower] = np.asarray(outfit.trousers) * cloth[lower, None]
    shoes = weights["foot"] > 0.5
    colors[shoes] = outfit.shoes
    thickness[shirt] = 0.007 + folds[shirt]
    thickness[lower | shoes] = 0.006 + folds[lower | shoes]
    return np.clip(colors, 0.0, 1.0), thickness


def _covered(surface: Surface, outfit: Outfit) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which vertices trousers and shirt cover."""
    weights, along = surface.weights, surface.along
    waist = surface.points["left_hip"][2] + 0.35 * (
        surface.points["left_shoulder"][2] - surface.points["left_hip"][2]
    )
    low = (weights["leg"] > 0.5) | ((weights["torso"] > 0.5) & (surface.vertices[:, 2] < waist))
    sleeve = (weights["arm"] + weights["forearm"] > 0.5) & (along < outfit.sleeve)
    shirt = ((weights["torso"] > 0.45) & ~low) | sleeve
    return low, shirt & ~(weights["hand"] > 0.5)


def _face(colors: Array, surface: Surface, outfit: Outfit) -> None:
    """Cheeks, lips, brows and eyes, in place."""
    points, mark = surface.vertices, surface.points
    size = float(np.linalg.norm(mark["left_eye_outer"] - mark["right_eye_outer"])) / 0.086
    front = (surface.weights["head"] > 0.5) & (points[:, 1] < mark["left_ear"][1] - 0.03 * size)
    mouth = (mark["mouth_left"] + mark["mouth_right"]) / 2.0
    off = (points - mouth) / size
    lips = front & ((off[:, 0] / 0.024) ** 2 + (off[:, 2] / 0.0085) ** 2 < 1.0)
    colors[lips] = colors[lips] * [0.86, 0.58, 0.58]
    for side in ("left", "right"):
        eye = mark[f"{side}_eye"]
        off = (points - eye) / size
        cheek = np.exp(-((off[:, 0] / 0.022) ** 2 + ((off[:, 2] + 0.04) / 0.018) ** 2)) * front
        colors *= 1.0 - cheek[:, None] * [0.0, 0.13, 0.13]
        socket = np.exp(-((off[:, 0] / 0.02) ** 2 + (off[:, 2] / 0.014) ** 2)) * front
        colors *= 1.0 - 0.25 * socket[:, None]
        arch = 0.020 - 7.0 * off[:, 0] ** 2
        brow = front & (np.abs(off[:, 2] - arch) < 0.0042) & (np.abs(off[:, 0]) < 0.022)
        colors[brow] = 0.35 * colors[brow] + 0.65 * np.asarray(outfit.hair)
        ball = surface.eyes & (np.abs(off[:, 0]) < 0.03)
        across = np.hypot(off[:, 0], off[:, 2])
        colors[ball] = (0.86, 0.84, 0.82)
        colors[ball & (across < 0.0065)] = outfit.iris
        colors[ball & (across < 0.003)] = (0.03, 0.03, 0.03)


def _hair(colors: Array, thickness: Array, surface: Surface, outfit: Outfit) -> None:
    """Hair above the forehead and behind the ears, in place."""
    points, mark = surface.vertices, surface.points
    eyes, ear = (mark["left_eye"] + mark["right_eye"]) / 2.0, mark["left_ear"]
    size = float(np.linalg.norm(mark["left_eye_outer"] - mark["right_eye_outer"])) / 0.086
    back = (points[:, 1] - ear[1]) / size  # metres of a grown head behind the ear
    side = np.abs(points[:, 0] - eyes[0]) / size
    up = (points[:, 2] - eyes[2]) / size
    line = np.interp(back, [-0.08, -0.035, -0.012, 0.02, 0.05], [0.062, 0.045, 0.0, -0.03, -0.075])
    if outfit.long_hair:
        line = np.where(back > 0.005, line - 0.05, line)
    line += 0.10 * np.clip(side - 0.05, 0.0, 1.0) + 0.004 * mottle(points, 0.012, outfit.seed + 4)
    hair = (surface.weights["head"] + surface.weights["neck"] > 0.6) & (up > line)
    hair &= ~((np.abs(back) < 0.022) & (side > 0.071) & (up < 0.02))  # the ears stay free
    strands = 1.0 + 0.28 * mottle(points * [1.0, 0.35, 0.35], 0.006, outfit.seed + 5)
    colors[hair] = np.asarray(outfit.hair) * strands[hair, None]
    rise = np.clip((up - line) / 0.03, 0.0, 1.0)
    thickness[hair] = (0.003 + 0.012 * rise * size)[hair] * (0.9 + 0.2 * strands[hair])
