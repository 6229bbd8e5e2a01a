"""A video of a show."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from tqdm import tqdm

from kpcomplete.format import Look
from kpcomplete.format._controls import check, without
from kpcomplete.format._hidden import Hidden
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.show import Show
from kpcomplete.sink._encoder import Encoder


@dataclass(kw_only=True)
class Mp4:
    """Writes H.264, without a screen.

    Args:
        width: Pixels, even.
        height: Pixels, even.
        finer: Pixels drawn for each pixel shown, each way; 2 takes four times as long.
        every: Of the moments every so many are shown; as long as they last.
        speed: 1 is as it was, 0.5 half as fast.
        orbit: Degrees by which the view turns about its target from beginning to end.
        crf: Quality of x264, 0 (lossless) .. 51.

    Raises:
        RenderError: If this machine cannot draw.
        OutputError: If the file cannot be written.
    """

    width: int = 1280
    height: int = 720
    finer: int = 1
    every: int = 1
    speed: float = 1.0
    orbit: float = 0.0
    crf: int = 20
    ending: ClassVar[str] = ".view.mp4"

    def __call__(self, show: Show, look: Look, path: Path, /) -> tuple[Path, ...]:
        check(show, look)
        variant = look.variant or show.variants[0]
        view = show.views[look.view or next(iter(show.views))]
        moments = range(look.start, min(look.stop or len(show), len(show)), self.every)
        size = (self.width - self.width % 2, self.height - self.height % 2)

        def pictures(stage: Hidden) -> Iterable[Array]:
            for i, moment in enumerate(tqdm(moments, unit="frame", disable=None)):
                turn = np.radians(self.orbit) * i / max(len(moments) - 1, 1)
                scene = without(show.scene(moment, variant), look.hidden)
                yield stage.draw(scene, view.orbited(turn, 0.0) if turn else view)

        with Hidden(size, self.finer) as stage:
            write(path, pictures(stage), show.fps * self.speed / self.every, show.title, self.crf)
        return (path,)


def write(path: Path, pictures: Iterable[Array], rate: float, comment: str, crf: int = 20) -> None:
    """Write pictures ``[H, W, 3]`` blue, green, red, one after the other.

    Args:
        path: The file.
        pictures: Of one size; an odd last row or column is cut off, as H.264 wants.
        rate: Pictures a second.
        comment: Kept in the file.
        crf: Quality of x264.

    Raises:
        OutputError: If it cannot be written.
    """
    with whole(path) as target:
        encoder = Encoder(
            path=path, target=target, rate=rate, crf=crf, preset="veryfast", threads=1,
            comment=comment,
        )  # fmt: skip
        try:
            for i, picture in enumerate(pictures):
                height, width = (length - length % 2 for length in picture.shape[:2])
                encoder.write(np.ascontiguousarray(picture[:height, :width]), i / rate)
            encoder.finish()
        finally:
            encoder.abandon()
