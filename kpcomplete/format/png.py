"""A picture of a moment."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2

from kpcomplete.errors import OutputError
from kpcomplete.format import Look
from kpcomplete.format._controls import check, without
from kpcomplete.format._hidden import Hidden
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.show import Show


@dataclass(kw_only=True)
class Png:
    """Writes the first moment that is asked for, without a screen.

    Args:
        width: Pixels.
        height: Pixels.
        finer: Pixels drawn for each pixel shown, each way, against jagged edges.

    Raises:
        RenderError: If this machine cannot draw.
        OutputError: If the file cannot be written.
    """

    width: int = 1280
    height: int = 720
    finer: int = 2
    ending: ClassVar[str] = ".view.png"

    def __call__(self, show: Show, look: Look, path: Path, /) -> tuple[Path, ...]:
        check(show, look)
        scene = show.scene(look.start, look.variant or show.variants[0])
        view = show.views[look.view or next(iter(show.views))]
        with Hidden((self.width, self.height), self.finer) as stage:
            write(path, stage.draw(without(scene, look.hidden), view))
        return (path,)


def write(path: Path, picture: Array) -> None:
    """Write a picture ``[H, W, 3]`` blue, green, red.

    Raises:
        OutputError: If it cannot be written.
    """
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise OutputError(f"cannot write {path}: the picture cannot be packed")
    with whole(path) as target:
        target.write_bytes(data.tobytes())
