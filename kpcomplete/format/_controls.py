"""What keys and the mouse do to a show; knows no window."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.format import Look
from kpcomplete.pose import Array
from kpcomplete.scene import lettering
from kpcomplete.scene.parts import Scene
from kpcomplete.scene.view import View
from kpcomplete.show import Show

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
HELP = (
    "SPACE play | LEFT RIGHT step | UP DOWN chapter or 1 s | HOME END | [ ] speed | L loop | "
    "V variant | C view | R reset view",
    "1-9 seats | K car | I camera image | G ground | T trails | N names | X why | P picture | "
    "M mp4 | H help | Q quit | drag turn, right drag move, wheel zoom, click bar or point",
)
_LAYERS = {"K": "car", "I": "camera", "G": "ground", "T": "trails", "N": "names",
           "X": "explanation"}  # fmt: skip


class Controls:
    """Where a show is, and how it is looked at.

    Args:
        show: What is shown.
        look: How it begins.

    Attributes:
        moment: That is shown.
        playing: It goes on by itself.
        loop: From its end to its beginning.
        wanted: Actions that only a window can do, ``picture``, ``mp4`` or ``quit``, until taken.

    Raises:
        SettingError: If the show has no such variant, view or moment.
    """

    def __init__(self, show: Show, look: Look) -> None:
        check(show, look)
        self.show, self.look = show, look
        self.stop = min(look.stop or len(show), len(show))
        self.moment = min(look.start, self.stop - 1)
        self.playing, self.loop, self.help = False, True, True
        self.speed = SPEEDS.index(1.0)
        self.variant = look.variant or show.variants[0]
        self.hidden = set(look.hidden)
        self._view_name = look.view or next(iter(show.views))
        self.view: View = show.views[self._view_name]
        self.wanted: list[str] = []
        self._rest = 0.0
        self._drag: tuple[str, float, float] | None = None
        self._moved = False

    def scene(self) -> Scene:
        """Return what is to be seen now."""
        scene = without(self.show.scene(self.moment, self.variant), self.hidden)
        state = "playing" if self.playing else "paused"
        text = f"{scene.caption} | {state} x{SPEEDS[self.speed]:g} | {self._view_name}"
        return replace(scene, caption=text + (" | loop" if self.loop else ""))

    @property
    def help_lines(self) -> Sequence[str]:
        """What the keys do, unless hidden."""
        return HELP if self.help else ()

    def tick(self, seconds: float) -> None:
        """Let time go by."""
        if not self.playing:
            return
        self._rest += seconds * self.show.fps * SPEEDS[self.speed]
        steps, self._rest = int(self._rest), self._rest % 1
        self._go(self.moment + steps)

    def press(self, key: str) -> None:
        """Do what a key stands for: a capital letter, a digit, or a word such as ``SPACE``."""
        steps = {"LEFT": -1, "RIGHT": 1}
        turns = {"[": -1, "]": 1}
        if key in steps:
            self.playing = False
            self._go(self.moment + steps[key])
        elif key in ("UP", "DOWN"):
            self._chapter(1 if key == "UP" else -1)
        elif key in ("HOME", "END"):
            self.moment = self.look.start if key == "HOME" else self.stop - 1
        elif key in turns:
            self.speed = int(np.clip(self.speed + turns[key], 0, len(SPEEDS) - 1))
        elif key in _LAYERS:
            self.hidden ^= {_LAYERS[key]}
        elif key.isdigit():
            if 1 <= int(key) <= len(self.show.seats):
                self.hidden ^= {self.show.seats[int(key) - 1]}
        else:
            self._other(key)

    def _other(self, key: str) -> None:
        if key == "SPACE":
            self.playing = not self.playing
            if self.playing and self.moment == self.stop - 1:
                self.moment = self.look.start
        elif key == "L":
            self.loop = not self.loop
        elif key == "H":
            self.help = not self.help
        elif key == "V":
            at = self.show.variants.index(self.variant) + 1
            self.variant = self.show.variants[at % len(self.show.variants)]
        elif key == "C":
            names = list(self.show.views)
            self._view_name = names[(names.index(self._view_name) + 1) % len(names)]
            self.view = self.show.views[self._view_name]
        elif key == "R":
            self.view = self.show.views[self._view_name]
        elif key in ("P", "M", "Q"):
            self.wanted.append({"P": "picture", "M": "mp4", "Q": "quit"}[key])

    def _go(self, moment: int) -> None:
        first, count = self.look.start, self.stop - self.look.start
        if self.loop:
            self.moment = first + (moment - first) % count
            return
        self.moment = int(np.clip(moment, first, self.stop - 1))
        if moment >= self.stop:
            self.playing = False

    def _chapter(self, way: int) -> None:
        """Go to the same place of the next chapter; without any, a second further."""
        starts = [chapter.start for chapter in self.show.chapters]
        if not starts:
            self._go(self.moment + way * max(1, round(self.show.fps)))
            return
        at = int(np.searchsorted(starts, self.moment, side="right")) - 1
        wanted = int(np.clip(at + way, 0, len(starts) - 1))
        length = (starts[wanted + 1] if wanted + 1 < len(starts) else len(self.show)) - starts[
            wanted
        ]
        self.moment = starts[wanted] + min(self.moment - starts[at], length - 1)

    def hold(self, button: str, x: float, y: float, size: tuple[int, int]) -> None:
        """Begin to drag with the ``left`` or another mouse button; on the bar it scrubs."""
        unit = max(min(size) / 720, 0.5)
        bar = lettering.bar_height(unit, len(self.help_lines))
        kind = "bar" if y >= size[1] - bar else "turn" if button == "left" else "slide"
        self._drag, self._moved = (kind, x, y), False
        if kind == "bar":
            self._scrub(x, size)

    def move(self, x: float, y: float, size: tuple[int, int]) -> None:
        """Drag on, to a pixel."""
        if self._drag is None:
            return
        kind, before_x, before_y = self._drag
        right, down = x - before_x, y - before_y
        if not self._moved and abs(right) + abs(down) < 3:  # the hand trembles
            return
        self._drag, self._moved = (kind, x, y), True
        if kind == "bar":
            self._scrub(x, size)
        elif kind == "turn":
            self.view = self.view.orbited(3.0 * right / size[1], 3.0 * down / size[1])
        else:
            self.view = self.view.slid(-right / size[1], -down / size[1])

    def release(self, x: float, y: float, size: tuple[int, int]) -> None:
        """End to drag; where nothing was dragged, what is there was pointed at."""
        drag, self._drag = self._drag, None
        if drag is not None and drag[0] == "turn" and not self._moved:
            direction = ray(self.view, x, y, size)
            eye = np.asarray(self.view.eye)
            found = self.show.pick(eye, direction, self.moment, self.variant)
            if found is not None:
                self.playing, self.moment = False, found

    def scroll(self, steps: float) -> None:
        """Zoom in by steps of the wheel."""
        self.view = self.view.zoomed(0.9**steps)

    def _scrub(self, x: float, size: tuple[int, int]) -> None:
        self.playing = False
        share = float(np.clip(x / max(size[0] - 1, 1), 0, 1))
        first = self.look.start
        self.moment = first + round(share * (self.stop - 1 - first))


def ray(view: View, x: float, y: float, size: tuple[int, int]) -> Array:
    """Return the direction ``[3]`` in which a pixel looks."""
    flat = (np.array([x, y]) - (np.asarray(size) - 1) / 2) / view.focal(size[1])
    direction: Array = view.turn().T @ np.append(flat, 1.0)
    direction /= np.linalg.norm(direction)
    return direction


def without(scene: Scene, hidden: set[str] | frozenset[str]) -> Scene:
    """Return a scene without layers and what belongs to them, as ``driver raw`` to ``driver``."""
    every = [*scene.meshes, *scene.pictures]
    gone = {name for name in every if any(name == h or name.startswith(f"{h} ") for h in hidden)}
    labels = [label for label in scene.labels if (label.layer or label.text) not in hidden]
    return replace(scene, labels=labels).without(frozenset(gone | set(hidden)))


def check(show: Show, look: Look) -> None:
    """Refuse a look that a show does not have.

    Raises:
        SettingError: If the show has no such variant, view, layer or moment.
    """
    for what, name, known in (
        ("variant", look.variant, tuple(show.variants)),
        ("view", look.view, tuple(show.views)),
        *(("layer", layer, tuple(show.layers)) for layer in sorted(look.hidden)),
    ):
        if name is not None and name not in known:
            raise SettingError(f"there is no {what} {name!r}; there are {', '.join(known)}")
    stop = len(show) if look.stop is None else look.stop
    if not 0 <= look.start < min(stop, len(show)):
        raise SettingError(
            f"start and stop must be moments of 0..{len(show)}, but got {look.start} and "
            f"{look.stop}"
        )
