"""Which source somebody means who wants to watch live."""

import os
from collections.abc import Sequence
from pathlib import Path

from kpcomplete.address import is_address
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.source import Source


def open_live(
    path: int | str | Path,
    *,
    pace: bool = False,
    loop: bool = False,
    size: Sequence[int] | None = None,
    fps: float | None = None,
    patience: float | None = None,
) -> Source:
    """Return a camera, a stream, or a video that is played at its own speed.

    Args:
        path: Number of a camera, its path in ``/dev``, an address, or a video file.
        pace: Play a video file at its own speed; there is no other way to watch one live.
        loop: Begin the video again at its end.
        size: Width, height to ask the camera for.
        fps: Frames per second to ask the camera for.
        patience: Seconds for which a lost camera is looked for; None: for ever.

    Raises:
        SourceError: If there is no such camera or file; lists the cameras that there are.
        SettingError: If a file is not to be paced, or something else is.
    """
    text = os.path.expanduser(str(path))
    device = text.isdigit() or is_address(text) or text.startswith("/dev/")
    if device:
        if pace or loop:
            raise SettingError(f"pace and loop are for video files, but the source is {text!r}")
        from kpcomplete.source.webcam import Webcam

        return Webcam(text, size=size, fps=fps, patience=patience)
    if not Path(text).exists():
        from kpcomplete.source.webcam import cameras

        raise SourceError(
            f"there is no camera and no file {text!r}; give a number, an address or a video file; "
            f"{cameras()}"
        )
    if not pace:
        raise SettingError(
            f"{text!r} is a recording: play it at its own speed with pace=true, or complete it "
            "with kpcomplete process"
        )
    if size is not None or fps is not None:
        raise SettingError("size and fps are asked of cameras; a video has its own")
    from kpcomplete.source.paced import Paced

    return Paced(text, loop=loop)
