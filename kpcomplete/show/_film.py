"""The images of a recording, by the numbers of its frames, in any order."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.frame import Frame
from kpcomplete.pose import Array
from kpcomplete.privacy import Anonymize, Faces, checked, coarsen, cover
from kpcomplete.recording import Recording
from kpcomplete.result import Person, Result
from kpcomplete.source import Source
from kpcomplete.source.auto import open_source

_WIDTH = 480  # pixels of what is kept
_KEPT = 12_000  # images, some 15 kB each; of longer recordings every second one, every fourth, ...
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]


class Film:
    """Reads on to a frame that was not seen yet, and remembers small copies of all before it.

    Args:
        source: With images. None: there is none of any frame.
        recording: What was found in them.
        anonymize: True covers heads, as far as the recording tells where they are; ``all`` makes
            images coarse.
    """

    def __init__(
        self,
        source: Source | None,
        recording: Recording | None = None,
        anonymize: Anonymize = False,
    ) -> None:
        self._source = source
        self._level, self._faces = checked(anonymize), Faces()
        if recording is not None and anonymize is True:
            self._faces.learn(result(recording))
        self._frames: Iterator[Frame] | None = None
        self._read = -1
        self._kept: dict[int, bytes] = {}
        self._step = 1

    @classmethod
    def of(
        cls,
        path: str | Path | None,
        recording: Recording | None = None,
        anonymize: Anonymize = False,
    ) -> "Film":
        """Return the film of a recording; one without images if it is not there any more."""
        if path is None:
            return cls(None)
        try:
            return cls(open_source(str(path)), recording, anonymize)
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
                self._keep(frame.index, self._covered(frame.image, frame.time))
            if frame.index >= index:
                return
        self._read = 2**62  # there are no more

    def _covered(self, image: Array, time: float) -> Array:
        if not self._level:
            return image
        image = image.copy()
        if self._level == "all":
            coarsen(image)
        else:
            cover(image, self._faces.at(time))
        return image

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


def result(recording: Recording) -> Result:
    """Return the people of a whole recording as one result."""
    times, numbers = recording.times.tolist(), recording.frames.tolist()
    return Result(
        frames=tuple(Frame(index=i, time=t) for i, t in zip(numbers, times, strict=True)),
        people={
            seat: Person(observed=raw, completed=recording.completed[seat])
            for seat, raw in recording.raw.items()
        },
    )
