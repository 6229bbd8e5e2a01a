"""Write a video with the poses drawn on it."""

import json
import logging
import os
import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from kpcomplete.frame import Frame
from kpcomplete.journal import Pieces
from kpcomplete.output import Draft
from kpcomplete.pose import Array
from kpcomplete.privacy import AHEAD, Anonymize, Faces, checked
from kpcomplete.result import Result
from kpcomplete.sink._canvas import Canvas
from kpcomplete.sink._encoder import Encoder
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source import Source

log = logging.getLogger(__name__)
_END = object()
_NONE = Frame(index=2**62, time=0.0)  # behind the last


@dataclass(kw_only=True)
class Overlay:
    """Writes an H.264 video; a thread of its own reads the images again, draws and encodes.

    Images come with the results, or else from ``source``, matched by `Frame.index`; where there
    is none the poses stand on plain grey. Frames keep their times; sound is left out.

    Faces are known from joints. With ``anonymize`` pictures wait until half a second more is known,
    so that a face which the detector misses for a while is covered where it was before and after.
    A face that it never finds stays: ``all`` is for where that must not be.

    Args:
        path: The mp4 file to write.
        source: The recording that is processed. It is iterated once more, unless results bring
            their images.
        provenance: How it was made; goes into the file's comment.
        max_height: Pixels; larger images are scaled down. None keeps their size.
        crf: Quality of x264, 0 (lossless) .. 51.
        preset: Speed of x264, ``ultrafast`` .. ``veryslow``.
        threads: Threads of x264.
        queue_results: Results that may wait to be drawn before `write` does. Their images wait
            with them, where results bring them.
        anonymize: True covers heads with one colour, generously; ``all`` leaves 16 coarse cells of
            the image's longer side; False shows what the camera saw.
        fragments: Write pieces of a second that can be played without the next, into a file
            beside this one; left with an error, or by a program that is killed, they stay, and
            `kpcomplete.recovery` makes the file of them.

    Raises:
        OutputError: If the file cannot be written.
        SourceError: If the source cannot be read again.
    """

    path: str | os.PathLike[str]
    source: Source | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    max_height: int | None = 720
    crf: int = 23
    preset: str = "ultrafast"
    threads: int = 1
    queue_results: int = 8
    fragments: bool = False
    anonymize: Anonymize = False

    def __post_init__(self) -> None:
        checked(self.anonymize)

    def __enter__(self) -> "Overlay":
        self._draft = Pieces(self.path) if self.fragments else Draft(self.path)
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=self.queue_results)
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._images: Iterator[Frame] | None = None
        self._ahead: Frame | None = None
        self._short = False
        self._canvas: Canvas | None = None
        self._faces = Faces()
        self._held: deque[Result] = deque()
        self._worker = threading.Thread(target=self._work, name=f"overlay {self.path}", daemon=True)
        self._worker.start()
        return self

    def write(self, result: Result, /) -> None:
        """Hand some frames to the thread; waits while too many results are queued."""
        self._put(result)

    def _put(self, item: Any) -> None:
        while self._failure is None:
            try:
                return self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
        raise self._failure

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        try:
            if kind is None:
                self._put(_END)
                self._worker.join()
                if self._failure is not None:
                    raise self._failure
                self._draft.keep()
        finally:
            self._stop.set()
            self._worker.join()
            self._draft.discard()

    def _work(self) -> None:
        """Draw until the end; an error waits for the main thread."""
        encoder = Encoder(
            path=self.path,
            target=self._draft.temporary,
            rate=self.source.info.fps if self.source is not None else 30.0,
            crf=self.crf,
            preset=self.preset,
            threads=self.threads,
            comment=json.dumps(self.provenance, default=str),
            fragments=self.fragments,
        )
        try:
            self._draw_all(encoder)
            if not self._stop.is_set():
                encoder.finish()
        except BaseException as error:  # the boundary of the thread: write() raises it
            self._failure = error
        finally:
            encoder.abandon()
            if (close := getattr(self._images, "close", None)) is not None:
                close()  # a generator holds a decoder

    def _draw_all(self, encoder: Encoder) -> None:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if item is _END:
                self._draw_held(encoder, np.inf)
                if self._canvas is None:
                    self._draw_nothing(encoder)
                return
            self._held.append(item)
            if self.anonymize is True:
                self._faces.learn(item)
            self._draw_held(encoder, self._faces.until)

    def _draw_held(self, encoder: Encoder, until: float) -> None:
        """Draw the results of which enough is known."""
        ahead = AHEAD if self.anonymize is True else -np.inf
        while self._held and not self._stop.is_set():
            frames = self._held[0].frames
            if frames and frames[-1].time + ahead > until:
                return
            self._draw(encoder, self._held.popleft())

    def _draw(self, encoder: Encoder, result: Result) -> None:
        for i, frame in enumerate(result.frames):
            if self._stop.is_set():
                return
            image = frame.image if frame.image is not None else self._image(frame.index)
            if self._canvas is None:
                self._canvas = self._make_canvas(result, image)
            picture = self._canvas.paint(
                image, result.people, i,
                covers=self._faces.at(frame.time) if self.anonymize is True else None,
                coarse=self.anonymize == "all", tasks=result.tasks,
            )  # fmt: skip
            encoder.write(picture, frame.time)

    def _make_canvas(self, result: Result, image: Array | None) -> Canvas:
        person = next(iter(result.people.values()), None)
        if image is not None:
            size = (image.shape[1], image.shape[0])
        elif person is not None:
            size = person.completed.image_size
        else:
            size = self._source_size()
        skeleton = person.completed.skeleton if person else Skeleton.load(CANONICAL)
        return Canvas(skeleton=skeleton, image_size=size, max_height=self.max_height)

    def _source_size(self) -> tuple[int, int]:
        return self.source.info.image_size if self.source is not None else (640, 360)

    def _draw_nothing(self, encoder: Encoder) -> None:
        """Make the video of a recording without frames one that players can open."""
        canvas = Canvas(
            skeleton=Skeleton.load(CANONICAL),
            image_size=self._source_size(),
            max_height=self.max_height,
        )
        encoder.write(canvas.blank("no frames"), 0.0)

    def _image(self, index: int) -> Array | None:
        """Return the source's image of a frame, reading on up to it."""
        if self.source is None:
            return None
        if self._images is None:
            self._images = iter(self.source)
        while (self._ahead is None or self._ahead.index < index) and not self._stop.is_set():
            self._ahead = next(self._images, _NONE)
        if self._ahead is _NONE and not self._short:
            self._short = True
            log.warning(
                "%s ended before frame %d when it was read again; the rest of %s is plain",
                self.source.info.name,
                index,
                self.path,
            )
        ahead = self._ahead
        return ahead.image if ahead is not None and ahead.index == index else None
