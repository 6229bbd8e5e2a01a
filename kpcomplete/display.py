"""Whether this machine has a screen that windows can open on."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from kpcomplete.errors import RenderError

_RUNTIME_DIR = "XDG_RUNTIME_DIR"


def require_display() -> None:
    """Return if a window can be opened.

    The library that opens windows ends the whole program where it cannot, so it is asked first.

    Raises:
        RenderError: If there is no display, or none that answers.
    """
    advice = "watch without one: sink=[archive]"
    name = os.environ.get("DISPLAY")
    if not name:
        raise RenderError(f"there is no display for a window (DISPLAY is not set); {advice}")
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError as error:
        raise RenderError(
            f"a window needs Debian's libx11-6, but {error}; install it, or {advice}"
        ) from error
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        raise RenderError(f"the display {name!r} does not answer, or lets nobody in; {advice}")
    x11.XCloseDisplay(ctypes.c_void_p(display))


@contextmanager
def runtime_dir() -> Iterator[None]:
    """Name a private folder for a display's sockets while a window is made, where there is none.

    Else a library that asks for Wayland prints an error, also where nobody wants a screen.
    """
    if os.environ.get(_RUNTIME_DIR):
        yield
        return
    with TemporaryDirectory(prefix="kpcomplete-") as folder:
        os.environ[_RUNTIME_DIR] = folder
        try:
            yield
        finally:
            del os.environ[_RUNTIME_DIR]
