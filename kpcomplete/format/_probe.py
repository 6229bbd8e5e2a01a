"""Whether this machine can draw, found out in a process that may crash."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from kpcomplete.cabin.render import PACKAGES
from kpcomplete.errors import RenderError

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
_SECONDS = 120.0
_NO_SCREEN = "EGL offscreen"  # what Open3D says when it could not open a window
_TRY = """
import numpy as np, open3d
window = open3d.visualization.Visualizer()
assert window.create_window(width=64, height=64, visible=False), "no window"
ball = open3d.geometry.TriangleMesh.create_sphere()
ball.paint_uniform_color([1.0, 1.0, 1.0])
window.add_geometry(ball)
window.get_render_option().background_color = np.zeros(3)
window.poll_events()
window.update_renderer()
assert np.asarray(window.capture_screen_float_buffer(True)).max() > 0.3, "the picture is empty"
window.destroy_window()
print("drawn")
"""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How this machine draws.

    Attributes:
        without: Variables of the environment that must go, so that it does.
        screen: A window can be seen.
    """

    without: tuple[str, ...]
    screen: bool


@cache
def working() -> Way:
    """Return how pictures can be drawn.

    It is tried with the display that the environment names, then without one.

    Raises:
        RenderError: If nothing can be drawn, with what was said and the packages that are needed.
    """
    said = []
    named = tuple(name for name in DISPLAYS if name in os.environ)
    for without in dict.fromkeys([(), named]):
        found, problem = _attempt(without)
        if found is not None:
            return found
        where = "on the display" if named and not without else "without a display"
        said.append(f"{where}: {problem}")
    raise RenderError(
        "Open3D cannot draw on this machine, neither in a window nor without one "
        f"({'; '.join(said)}): on Debian or Ubuntu run apt-get install -y {PACKAGES}, or take "
        "format=glb or format=rrd, which draw nothing"
    )


def _attempt(without: tuple[str, ...]) -> tuple[Way | None, str]:
    """Draw a ball in another process; return how, or what went wrong."""
    environment = {k: v for k, v in os.environ.items() if k not in without}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRY],
            env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, f"it did not finish within {_SECONDS:.0f} s"
    if done.returncode == 0 and "drawn" in done.stdout:
        # a display that does not answer is no error to Open3D: it draws without one
        named = any(environment.get(name) for name in DISPLAYS)
        return Way(without=without, screen=named and _NO_SCREEN not in done.stdout), ""
    if done.returncode < 0:
        return None, f"the driver ended the process by signal {-done.returncode}"
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return None, lines[-1].strip() if lines else f"exit code {done.returncode}"
