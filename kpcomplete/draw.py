"""Draw poses on images: what was seen filled, what was completed hollow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from kpcomplete.pose import Array, Visibility
from kpcomplete.skeleton import Skeleton

Colour = tuple[int, int, int]
LEFT: Colour = (0, 159, 230)  # BGR; orange and sky blue, told apart by the colour-blind too
RIGHT: Colour = (233, 180, 86)
MIDDLE: Colour = (235, 235, 235)
DARK: Colour = (25, 25, 25)
RAW: Colour = (150, 150, 150)
CARRIES: Colour = (70, 60, 240)
ELLIPSE = float(np.sqrt(-2 * np.log(0.1)))  # standard deviations that hold 90 % in the plane
FAINT = 0.15  # what carries less of a decision has no halo
_SHIFT = 4  # cv2 takes fractions of pixels as fixed point
_CIRCLE = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=-1).astype(np.float32)  # [24, 2]


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One person in one frame, in pixels of the canvas.

    Attributes:
        points: ``[J, 2]``, NaN where missing.
        state: ``[J]``, values of `Visibility`.
        covariance: ``[J, 2, 2]`` px², NaN where unknown; or None.
        raw: ``[J, 2]`` what the detector saw; drawn faintly where it was replaced.
        glow: ``[J]`` how much each joint carries a decision, 0..1; or None.
        lines: To write below the shoulders, each with its colour.
    """

    points: Array
    state: Array
    covariance: Array | None = None
    raw: Array | None = None
    glow: Array | None = None
    lines: Sequence[tuple[str, Colour]] = field(default_factory=tuple)


class Painter:
    """Draws people of one skeleton on canvases of one size.

    Args:
        skeleton: Joints and bones of the people.
        size: Width, height of the canvas in pixels; lines and text grow with it.
    """

    def __init__(self, *, skeleton: Skeleton, size: tuple[int, int]) -> None:
        self._size = size
        self._unit = max(min(size) / 720, 0.4)  # 1 at 720p
        self._line = max(1, round(2.4 * self._unit))
        self._edge = 2 * max(1, round(0.6 * self._unit))  # dark around light
        self._bones = skeleton.bone_indices
        sides = [_side(joint) for joint in skeleton.joints]
        self._sides = np.array(sides)
        ends = self._sides[self._bones]
        self._bone_sides = np.where(ends[:, 0] == ends[:, 1], ends[:, 0], 0)
        head = ("nose", "eye", "ear", "mouth", "head")
        self._head = np.array([any(w in j.split("_") for w in head) for j in skeleton.joints])
        self._shoulders = np.array(["shoulder" in j.split("_") for j in skeleton.joints])
        self._legend = self._make_legend()

    def draw(self, canvas: Array, people: Mapping[str, Drawn], empty: Sequence[str] = ()) -> None:
        """Draw people, the legend and the names of empty seats on ``canvas`` ``[H, W, 3]``."""
        for drawn in people.values():
            self._uncertainty(canvas, drawn)
            self._glow(canvas, drawn)
        for name, drawn in people.items():
            self._bones_of(canvas, drawn)
            self._joints_of(canvas, drawn)
            self._name(canvas, name, drawn)
            self._lines_of(canvas, drawn)
        self._paste_legend(canvas)
        for i, seat in enumerate(empty):
            place = (6 * self._unit, (22 + 24 * i) * self._unit)
            self._text(canvas, f"{seat}: empty", place, 0.55, MIDDLE)

    def message(self, canvas: Array, text: str) -> None:
        """Write a line in the middle of the canvas."""
        width, height = self._size
        self._text(canvas, text, (width / 2, height / 2), 0.9, MIDDLE, centred=True)

    def _uncertainty(self, canvas: Array, drawn: Drawn) -> None:
        """Fill the 90 % ellipses, lightly; one beyond a sixth of the image is drawn that large."""
        shown = drawn.state == Visibility.COMPLETED
        if drawn.covariance is None or not shown.any():
            return
        shown &= np.isfinite(drawn.covariance).all(axis=(-1, -2))
        rings = _ellipses(drawn.points[shown], drawn.covariance[shown], min(self._size) / 6)
        if not len(rings):
            return
        low = np.clip(np.floor(rings.min(axis=(0, 1))) - 1, 0, self._size).astype(int)
        high = np.clip(np.ceil(rings.max(axis=(0, 1))) + 2, 0, self._size).astype(int)
        if (high <= low).any():
            return
        view = canvas[low[1] : high[1], low[0] : high[0]]
        layer = view.copy()
        sides = self._sides[shown]
        for ring, side in zip(_fixed(rings - low), sides, strict=True):  # cv2 fills one at a time
            cv2.fillConvexPoly(layer, ring, _COLOURS[side], cv2.LINE_AA, _SHIFT)
        cv2.addWeighted(layer, 0.22, view, 0.78, 0, dst=view)
        for side, colour in _COLOURS.items():
            _lines(canvas, rings[sides == side], colour, 1, closed=True)

    def _glow(self, canvas: Array, drawn: Drawn) -> None:
        """Put a halo behind joints, the larger the more they carry a decision."""
        if drawn.glow is None:
            return
        shown = (drawn.glow > FAINT) & np.isfinite(drawn.points).all(axis=-1)
        for reach in (1.0, 0.6):  # denser in the middle
            layer = canvas.copy()
            for point, share in zip(drawn.points[shown], drawn.glow[shown], strict=True):
                radius = reach * self._unit * (10 + 26 * float(share)) * (1 << _SHIFT)
                x, y = _fixed(point).tolist()
                cv2.circle(layer, (x, y), round(radius), CARRIES, -1, cv2.LINE_AA, _SHIFT)
            cv2.addWeighted(layer, 0.4, canvas, 0.6, 0, dst=canvas)

    def _lines_of(self, canvas: Array, drawn: Drawn) -> None:
        known = drawn.state > 0
        places = drawn.points[known & self._shoulders if known[self._shoulders].any() else known]
        if not len(places):
            return
        x, y = places.mean(axis=0).tolist()
        for row, (text, colour) in enumerate(drawn.lines, 1):
            place = (x, y + row * max(22 * self._unit, 15))
            self._text(canvas, text, place, 0.55, colour, centred=True)

    def _bones_of(self, canvas: Array, drawn: Drawn) -> None:
        state = drawn.state[self._bones].min(axis=1)
        segments = drawn.points[self._bones]  # [bones, 2, 2]
        seen, filled = state == Visibility.OBSERVED, state == Visibility.COMPLETED
        _lines(canvas, segments[seen], DARK, self._line + self._edge)
        dash = max(7, 9 * self._unit)
        for side, colour in _COLOURS.items():
            mine = self._bone_sides == side
            _lines(canvas, segments[seen & mine], colour, self._line)
            dashes = _dashed(segments[filled & mine], dash)
            _lines(canvas, dashes, colour, self._line)

    def _joints_of(self, canvas: Array, drawn: Drawn) -> None:
        seen = drawn.state == Visibility.OBSERVED
        filled = drawn.state == Visibility.COMPLETED
        size = max(5, round(8 * self._unit))
        if drawn.raw is not None:
            raw = drawn.raw[filled & np.isfinite(drawn.raw).all(axis=-1)]
            _lines(canvas, _crosses(raw, 4 * self._unit), RAW, 1)
        _dots(canvas, drawn.points[seen], DARK, size + self._edge)
        rings = drawn.points[filled, None] + _CIRCLE[::2] * (0.8 * size + 1)
        _lines(canvas, rings, DARK, self._line + 1, closed=True)
        for side, colour in _COLOURS.items():
            mine = self._sides == side
            _dots(canvas, drawn.points[seen & mine], colour, size)
            _lines(canvas, rings[mine[filled]], colour, max(1, self._line - 1), closed=True)

    def _name(self, canvas: Array, name: str, drawn: Drawn) -> None:
        known = drawn.state > 0
        if not known.any():
            return
        head = known & self._head
        points = drawn.points[head if head.any() else known]
        above = 0.9 * np.ptp(points, axis=0).max() if head.any() else 0  # the rest of the head
        top = points[:, 1].min() - max(above, 14 * self._unit)
        place = (float(points[:, 0].mean()), float(top))
        self._text(canvas, name, place, 0.65, MIDDLE, centred=True)

    def _text(
        self,
        canvas: Array,
        text: str,
        place: tuple[float, float],
        size: float,
        colour: Colour,
        *,
        centred: bool = False,
    ) -> None:
        """Write a line within the canvas, outlined so that it is legible on any image."""
        font, size = cv2.FONT_HERSHEY_SIMPLEX, max(0.35, size * self._unit)
        thick = max(1, round(1.2 * self._unit))
        (width, height), below = cv2.getTextSize(text, font, size, thick)
        x = place[0] - width / 2 if centred else place[0]
        x = int(np.clip(x, 2, max(2, canvas.shape[1] - width - 2)))
        y = int(np.clip(place[1], height + 2, max(height + 2, canvas.shape[0] - below)))
        cv2.putText(canvas, text, (x, y), font, size, DARK, thick + 2, cv2.LINE_AA)
        cv2.putText(canvas, text, (x, y), font, size, colour, thick, cv2.LINE_AA)

    def _make_legend(self) -> Array | None:
        """Return the strip in the lower left, or None where the canvas is too small for it."""
        size, font = max(0.35, 0.5 * self._unit), cv2.FONT_HERSHEY_SIMPLEX
        words = ("seen", "completed, 90 % within", "left", "right")
        widths = [cv2.getTextSize(word, font, size, 1)[0][0] for word in words]
        height, dot = round(60 * size), max(5, round(8 * self._unit))
        spots = np.full((4, 2), height / 2, dtype=np.float32)
        spots[:, 0] = np.cumsum([0, *widths[:3]]) + height * (0.5 + 1.1 * np.arange(4))
        width = int(spots[-1, 0] + widths[-1] + height)
        if width > self._size[0] or height > self._size[1] / 4:
            return None
        strip = np.full((height, width, 3), 30, dtype=np.uint8)
        ring = spots[1:2, None] + _CIRCLE[::2] * (0.8 * dot + 1)
        _lines(strip, ring, MIDDLE, max(1, self._line - 1), closed=True)
        for i, colour in ((0, MIDDLE), (2, LEFT), (3, RIGHT)):
            _dots(strip, spots[i : i + 1], colour, dot)
        for (x, y), word in zip(spots, words, strict=True):
            self._text(strip, word, (x + 0.45 * height, y + 10 * size), 0.5, MIDDLE)
        return strip

    def _paste_legend(self, canvas: Array) -> None:
        if self._legend is not None:
            height, width = self._legend.shape[:2]
            view = canvas[-height:, :width]
            cv2.addWeighted(self._legend, 0.75, view, 0.25, 0, dst=view)


_COLOURS = {0: MIDDLE, 1: LEFT, 2: RIGHT}


def _side(joint: str) -> int:
    parts = joint.split("_")
    return 1 if "left" in parts else 2 if "right" in parts else 0


def _fixed(points: Array) -> Array:
    """Return points as cv2's fixed-point numbers; those far outside are brought near."""
    fixed: Array = np.rint(np.clip(points, -8000, 8000) * (1 << _SHIFT)).astype(np.int32)
    return fixed


def _lines(
    canvas: Array, paths: Array, colour: Colour, width: int, *, closed: bool = False
) -> None:
    """Draw many paths ``[N, P, 2]`` in one call."""
    if len(paths):
        cv2.polylines(canvas, list(_fixed(paths)), closed, colour, width, cv2.LINE_AA, _SHIFT)


def _dots(canvas: Array, points: Array, colour: Colour, diameter: int) -> None:
    """Draw many dots ``[N, 2]`` in one call: strokes without length have round ends."""
    _lines(canvas, np.repeat(points[:, None], 2, axis=1), colour, diameter)


def _crosses(points: Array, reach: float) -> Array:
    arms = np.array([[[-1, -1], [1, 1]], [[-1, 1], [1, -1]]], dtype=np.float32) * reach
    crosses: Array = (points[:, None, None] + arms).reshape(-1, 2, 2)
    return crosses


def _dashed(segments: Array, dash: float) -> Array:
    """Cut segments ``[N, 2, 2]`` into dashes ``[M, 2, 2]`` as long as the gaps between them."""
    if not len(segments):
        return segments
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = np.maximum(np.linalg.norm(along, axis=-1), 1e-6)
    count = np.clip(np.ceil((length / dash - 1) / 2), 0, 60) + 1  # dashes of each segment
    step = np.arange(int(count.max()))[None]
    begin = 2 * step / (2 * count[:, None] - 1)
    end = (2 * step + 1) / (2 * count[:, None] - 1)
    cuts = np.stack([begin, end], axis=-1)[step < count[:, None]]  # [M, 2]
    owner = np.repeat(np.arange(len(segments)), count.astype(int))
    dashes: Array = start[owner, None] + cuts[..., None] * along[owner, None]
    return dashes


def _ellipses(points: Array, covariance: Array, limit: float) -> Array:
    """Return the outlines ``[N, 24, 2]`` that hold 90 %, none reaching further than ``limit``."""
    a, b, c = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    root = np.sqrt(np.maximum(a, 1e-6))
    cross = b / root
    factor = np.zeros_like(covariance)  # Cholesky, in closed form
    factor[:, 0, 0], factor[:, 1, 0] = root, cross
    factor[:, 1, 1] = np.sqrt(np.maximum(c - cross**2, 1e-6))
    outline = ELLIPSE * np.einsum("nij,kj->nki", factor, _CIRCLE)
    reach = np.linalg.norm(outline, axis=-1, keepdims=True).max(axis=1, keepdims=True)
    outlines: Array = points[:, None] + outline * np.minimum(1, limit / np.maximum(reach, 1e-6))
    return outlines
