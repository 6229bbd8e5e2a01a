"""Words as images: labels in space, and the bar below a scene."""

from collections.abc import Sequence

import cv2
import numpy as np

from kpcomplete.pose import Array
from kpcomplete.scene import colours
from kpcomplete.scene.parts import RGB, Scene

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK: RGB = (0.88, 0.88, 0.90)
_DIM: RGB = (0.58, 0.60, 0.64)


def word(text: str, colour: RGB, unit: float) -> Array:
    """Return a line of text on dark ground, ``[H, W, 3]`` uint8 red, green, blue.

    Args:
        text: ASCII; other letters become ``?``.
        colour: Of the letters.
        unit: Pixels; 1 in a picture of 720 lines.
    """
    size = 0.55 * unit
    wide = _width(text, size)
    image = _ground(round(24 * unit), wide + round(12 * unit))
    _write(image, text, (6 * unit, 17 * unit), size, colour)
    return image


def bar(scene: Scene, width: int, unit: float, help_: Sequence[str] = ()) -> Array:
    """Return the bar with progress, caption and legend, ``[H, W, 3]`` uint8 red, green, blue.

    Args:
        scene: What it speaks of.
        width: Pixels.
        unit: Pixels; 1 in a picture of 720 lines.
        help_: More lines.
    """
    image = _ground(bar_height(unit, len(help_)), width)
    end = round(width * float(np.clip(scene.progress, 0, 1)))
    image[: max(1, round(4 * unit))] = _bytes(colours.GRID)
    image[: max(1, round(4 * unit)), :end] = _bytes(colours.LEFT)
    size, base = 0.52 * unit, 25 * unit
    left = 10 * unit
    at = width - 10 * unit - sum(_width(t, size) + 30 * unit for t, _ in scene.legend)
    _write(image, _cut(scene.caption, size, at - left - 10 * unit), (left, base), size, _INK)
    for text, colour in scene.legend:
        spot = (round(at + 8 * unit), round(base - 6 * unit))
        cv2.circle(image, spot, max(2, round(6 * unit)), _bytes(colour), -1, cv2.LINE_AA)
        _write(image, text, (at + 20 * unit, base), size, _INK)
        at += _width(text, size) + 30 * unit
    for i, line in enumerate(help_):
        _write(image, _cut(line, 0.85 * size, width - 2 * left), (left, base + 21 * unit * (i + 1)),
               0.85 * size, _DIM)  # fmt: skip
    return image


def bar_height(unit: float, lines: int = 0) -> int:
    """Return how high a bar is, pixels."""
    return max(8, round((36 + 21 * lines) * unit))


def _ground(height: int, width: int) -> Array:
    return np.tile(np.array(_bytes(colours.BAR), np.uint8), (height, width, 1))


def _bytes(colour: RGB) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colour)
    return red, green, blue


def _width(text: str, size: float) -> int:
    return int(cv2.getTextSize(text, _FONT, size, 1)[0][0])


def _cut(text: str, size: float, room: float) -> str:
    while text and _width(text, size) > room:
        text = text[:-1]
    return text


def _write(image: Array, text: str, place: tuple[float, float], size: float, colour: RGB) -> None:
    spot = (round(place[0]), round(place[1]))
    thick = max(1, round(2 * size))
    plain = text.encode("ascii", "replace").decode("ascii")
    cv2.putText(image, plain, spot, _FONT, size, _bytes(colour), thick, cv2.LINE_AA)
