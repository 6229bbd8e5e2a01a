"""What a window says beside the poses: text, boxes, how it goes."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from kpcomplete.draw import DARK, MIDDLE, Colour
from kpcomplete.pose import Array
from kpcomplete.sink._canvas import CALM

ALARM: Colour = (60, 60, 235)
HIDDEN: Colour = (200, 120, 220)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Panel:
    """Writes on pictures of one size.

    Args:
        size: Width, height in pixels; text grows with it.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._width, self._height = size
        self.unit = max(min(size) / 720, 0.4)
        self._scale = max(0.35, 0.5 * self.unit)
        self.line = round(22 * max(self.unit, 0.65))

    def lines(
        self, picture: Array, texts: Sequence[str], *, right: bool = False, top: float = 0
    ) -> None:
        """Write lines, one below the other, on the left or the right."""
        for i, text in enumerate(texts):
            x = self._width - self._wide(text) - 8 if right else 8
            self._write(picture, text, x, int(top) + (i + 1) * self.line, MIDDLE)

    def bar(self, picture: Array, text: str, row: int, colour: Colour) -> None:
        """Write a line on a bar of colour, centred, below the lines at the top."""
        wide, top = self._wide(text), round((row + 1.7) * 1.5 * self.line)
        left = max(0, (self._width - wide) // 2 - 12)
        low = (min(self._width - 1, left + wide + 24), top + round(1.3 * self.line))
        cv2.rectangle(picture, (left, top), low, colour, -1)
        self._write(picture, text, left + 12, top + self.line, (255, 255, 255))

    def box(self, picture: Array, box: Sequence[float]) -> None:
        """Draw a box behind which joints are hidden, hatched."""
        left, top, right, bottom = (round(value) for value in box)
        cv2.rectangle(picture, (left, top), (right, bottom), HIDDEN, 2, cv2.LINE_AA)
        for start in range(left - (bottom - top), right, 14):
            drawn, first, last = cv2.clipLine(
                (left, top, max(1, right - left), max(1, bottom - top)),
                (start, bottom), (start + bottom - top, top),
            )  # fmt: skip
            if drawn:
                cv2.line(picture, first, last, HIDDEN, 1, cv2.LINE_AA)

    def crosses(self, picture: Array, points: Array) -> None:
        """Mark the true places of joints that are hidden on purpose, ``[N, 2]``."""
        for x, y in np.rint(points).astype(int).tolist():
            reach = max(4, round(5 * self.unit))
            for sign in (-1, 1):
                a, b = (x - reach, y - sign * reach), (x + reach, y + sign * reach)
                cv2.line(picture, a, b, DARK, 3, cv2.LINE_AA)
                cv2.line(picture, a, b, HIDDEN, 1, cv2.LINE_AA)

    def inset(self, picture: Array, inset: Array) -> None:
        """Put a small picture in the lower right, with a frame."""
        height, width = inset.shape[:2]
        view = picture[self._height - height - 6 : self._height - 6,
                       self._width - width - 6 : self._width - 6]  # fmt: skip
        if view.shape == inset.shape:
            cv2.addWeighted(inset, 0.9, view, 0.1, 0, dst=view)
            cv2.rectangle(view, (0, 0), (width - 1, height - 1), (120, 120, 120), 1)

    def sheet(self, picture: Array, texts: Mapping[str, str]) -> None:
        """Write lines of two columns on a dark sheet in the middle."""
        first = max(map(self._wide, texts)) + 40
        wide = first + max(map(self._wide, texts.values())) + 20
        high = round(self.line * (len(texts) + 0.7))
        left, top = max(0, (self._width - wide) // 2), max(0, (self._height - high) // 2)
        view = picture[top : top + high, left : left + wide]
        view[:] = view // 5
        for i, (key, text) in enumerate(texts.items(), 1):
            self._write(picture, key, left + 20, top + i * self.line, CALM)
            self._write(picture, text, left + first, top + i * self.line, MIDDLE)

    def _wide(self, text: str) -> int:
        return int(cv2.getTextSize(text, _FONT, self._scale, 1)[0][0])

    def _write(self, picture: Array, text: str, x: int, y: int, colour: Colour) -> None:
        cv2.putText(picture, text, (x, y), _FONT, self._scale, DARK, 3, cv2.LINE_AA)
        cv2.putText(picture, text, (x, y), _FONT, self._scale, colour, 1, cv2.LINE_AA)
