"""The images of a recording, by the numbers of its frames, in any order."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.frame import Frame
from kpcomplete.pose import Array
from kpcomplete.source import Source
from kpcomplete.source.auto import open_source

_WIDTH = 480  # pixels of what is kept
_KEPT = 12_000  # images, some 15 kB each; of longer recordings every second one, every fourth, ...
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]


class Film:
    """Reads on to a frame that was not seen yet, and remembers small copies of all before it.

    Args:
        source: With images. None: there is none of any frame.
    """

    def __init__(self, source: Source | None) -> None:
        self._source = source
        self._frames: Iterator[Frame] | None = None
        self._read = -1
        self._kept: dict[int, bytes] = {}
        self._step = 1

    @classmethod
    def of(cls, path: str | Path | None) -> "Film":
        """Return the film of a recording; one without images if it is not there any more."""
        if path is None:
            return cls(None)
        try:
            return cls(open_source(str(path)))
        except SourceError:
            return cls(None)

    def at(self, index: int) -> Array | None:
        """Return the image ``[H, W, 3]`` of a frame, red, green, blue; None if there is none."""
        if index > self._read and self._source is not None:
            self._read_to(index)
        packed = self._kept.get(index - index % self._step)
        if packed is None:
            return None
        image: Array = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(image[..., ::-1])

    def _read_to(self, index: int) -> None:
        assert self._source is not None
        if self._frames is None:
            self._frames = iter(self._source)
        for frame in self._frames:
            self._read = frame.index
            if frame.image is not None:
                self._keep(frame.index, frame.image)
            if frame.index >= index:
                return
        self._read = 2**62  # there are no more

    def _keep(self, index: int, image: Array) -> None:
        if index % self._step:
            return
        height, width = image.shape[:2]
        if width > _WIDTH:
            size = (_WIDTH, max(1, round(height * _WIDTH / width)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        if len(self._kept) >= _KEPT:
            self._step *= 2
            self._kept = {i: one for i, one in self._kept.items() if i % self._step == 0}
        self._kept[index] = cv2.imencode(".jpg", image, _QUALITY)[1].tobytes()
