"""A window with a show in it, that keys and mouse play."""

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from kpcomplete.display import runtime_dir
from kpcomplete.errors import RenderError
from kpcomplete.format import Look, mp4, png
from kpcomplete.format._controls import HELP, Controls
from kpcomplete.format._probe import DISPLAYS, working
from kpcomplete.format._stage import Stage, open3d
from kpcomplete.show import Show

_KEYS = {
    32: "SPACE", 91: "[", 93: "]", 262: "RIGHT", 263: "LEFT", 264: "DOWN", 265: "UP",
    268: "HOME", 269: "END", 256: "Q",
    **{ord(letter): letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
}  # fmt: skip
_BUTTONS = {0: "left", 1: "right", 2: "middle"}
_RELEASE, _PRESS = 0, 1
_IDLE = 1 / 60  # seconds between looks at keys while nothing changes


@dataclass(kw_only=True)
class Window:
    """Opens a window and returns when it is closed; pictures and videos are made by its keys.

    Args:
        width: Pixels.
        height: Pixels.
        play: Start to play at once.
        loop: Begin anew at the end.

    Raises:
        RenderError: If there is no screen, or Open3D cannot draw on it.
    """

    width: int = 1280
    height: int = 720
    play: bool = True
    loop: bool = True
    ending: ClassVar[str] = ".view"

    def __call__(self, show: Show, look: Look, path: Path, /) -> tuple[Path, ...]:
        controls = Controls(show, look)
        controls.playing, controls.loop = self.play and len(show) > 1, self.loop
        if not any(os.environ.get(name) for name in DISPLAYS) or not working().screen:
            raise RenderError(
                "there is no screen to open a window on: take format=mp4 or format=png, which "
                "need none, or a virtual screen: xvfb-run -a kpcomplete view ..."
            )
        package = open3d()
        window: Any = package.visualization.VisualizerWithKeyCallback()
        title = f"kpcomplete: {show.title} (H: help)"
        with runtime_dir():
            made = window.create_window(title, width=self.width, height=self.height)
        if not made:
            raise RenderError(f"no window of {self.width} x {self.height} could be opened")
        try:
            print(*HELP, sep="\n", flush=True)
            return _Session(window, controls, path, (self.width, self.height)).run()
        finally:
            window.destroy_window()


class _Session:
    """A window that is open."""

    def __init__(self, window: Any, controls: Controls, path: Path, size: tuple[int, int]) -> None:
        self._window, self._controls, self._path = window, controls, path
        self._stage = Stage(window, size)
        self._mouse = (0.0, 0.0)
        self._written: list[Path] = []
        self._shown: Any = None
        for code, key in _KEYS.items():
            window.register_key_callback(code, partial(self._press, key))
        window.register_mouse_button_callback(self._button)
        window.register_mouse_move_callback(self._move)
        window.register_mouse_scroll_callback(self._scroll)

    def run(self) -> tuple[Path, ...]:
        """Play until the window is closed; return what was written."""
        before = time.monotonic()
        while True:
            now = time.monotonic()
            self._controls.tick(now - before)
            before = now
            changed = self._update()
            if not self._stage.draw() or not self._answer():
                return tuple(self._written)
            if not changed:
                time.sleep(_IDLE)

    def _update(self) -> bool:
        """Show what is to be seen, if that is something else than before."""
        c = self._controls
        state = (c.moment, c.playing, c.speed, c.loop, c.variant, frozenset(c.hidden), c.view,
                 c.help, self._stage.size)  # fmt: skip
        if state == self._shown:
            return False
        self._shown = state
        self._stage.show(c.scene(), c.view, c.help_lines)
        return True

    def _answer(self) -> bool:
        """Do what was asked for; false if that is to end."""
        wanted, self._controls.wanted = self._controls.wanted, []
        if "quit" in wanted:
            return False
        if "picture" in wanted:
            name = f"{self._path.name}.{self._controls.moment:06d}.png"
            self._write(self._path.with_name(name), partial(self._picture))
        if "mp4" in wanted:
            self._write(self._path.with_name(f"{self._path.name}.mp4"), self._video)
        return True

    def _write(self, path: Path, how: Any) -> None:
        how(path)
        self._written.append(path)
        print(f"wrote {path}", flush=True)

    def _picture(self, path: Path) -> None:
        png.write(path, self._blended())  # of what keys pressed just before this one made of it

    def _blended(self) -> Any:
        c, self._shown = self._controls, None  # the window has something else on it after that
        return self._stage.blended(c.scene(), c.view, c.help_lines)

    def _video(self, path: Path) -> None:
        """Show every moment once, as it is looked at now."""
        c = self._controls
        back, helped, c.help = c.moment, c.help, False

        def pictures() -> Any:
            for moment in range(c.look.start, c.stop):
                c.moment = moment
                self._stage.draw()
                yield self._blended()

        mp4.write(path, pictures(), c.show.fps, c.show.title)
        c.moment, c.help = back, helped

    def _press(self, key: str, _: Any) -> bool:
        self._controls.press(key)
        return False

    def _button(self, _: Any, button: int, action: int, modifiers: int) -> bool:
        if action == _PRESS:
            kind = _BUTTONS.get(button, "left")
            self._controls.hold(kind if not modifiers else "right", *self._mouse, self._stage.size)
        elif action == _RELEASE:
            self._controls.release(*self._mouse, self._stage.size)
        return False

    def _move(self, _: Any, x: float, y: float) -> bool:
        self._mouse = (x, y)
        self._controls.move(x, y, self._stage.size)
        return False

    def _scroll(self, _: Any, __: float, steps: float) -> bool:
        self._controls.scroll(steps)
        return False
