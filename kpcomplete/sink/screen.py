"""A window in which people are watched as they are completed."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType

import cv2
import numpy as np

from kpcomplete.desk import Desk
from kpcomplete.display import require_display
from kpcomplete.frame import Frame
from kpcomplete.pose import Array, PoseSequence, Visibility
from kpcomplete.position import Position
from kpcomplete.privacy import Anonymize, Faces, checked
from kpcomplete.result import Person, Result
from kpcomplete.sink._canvas import Canvas
from kpcomplete.sink._panel import ALARM, HIDDEN, Panel
from kpcomplete.sink._solid import Solids
from kpcomplete.skeleton import CANONICAL, Skeleton

LAYERS = ("raw", "completed", "uncertainty", "names", "classes", "3D", "latency", "explanation")
HELP = {
    "space": "hold the picture; all else goes on",
    "r": "record, or end the recording",
    "s": "snapshot",
    "h": "hide the next limb of everybody",
    "mouse": "draw a box: joints in it are hidden",
    "x, right button": "hide nothing",
    "1 .. 8": "show or leave out: " + ", ".join(LAYERS),
    ", .": "turn the view in 3D",
    "q, Esc": "quit",
}
_LATEST = 0.4  # s after which the last picture is drawn again, if no image comes
_SHOWN = 2.0  # s for which a message stays


@dataclass(kw_only=True)
class Screen:
    """Shows results as they come, and lets whoever watches hide joints, record and stop.

    All is drawn on the frame that the results are of, so the picture is as late as its results,
    and says how late that is. Frames whose image was dropped are passed over.

    Args:
        desk: What is told and asked.
        warning: Says who sits out of position; None: nobody does.
        max_height: Pixels; larger images are scaled down.
        inset: Side of the view in 3D, as a share of the picture's height.
        anonymize: True covers heads, ``all`` makes the image coarse, in snapshots as well.

    Raises:
        RenderError: If no window can be opened.
    """

    desk: Desk = field(default_factory=Desk)
    warning: Position | None = None
    max_height: int = 720
    inset: float = 0.36
    anonymize: Anonymize = False

    def __post_init__(self) -> None:
        checked(self.anonymize)

    def __enter__(self) -> "Screen":
        require_display()
        os.environ.setdefault("QT_QPA_FONTDIR", "/usr/share/fonts")  # else Qt complains
        self.title = f"kpcomplete live: {self.desk.name}"
        cv2.namedWindow(self.title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
        cv2.setMouseCallback(self.title, self._mouse)
        self._skeleton = Skeleton.load(CANONICAL)
        self._canvas: Canvas | None = None
        self._faces = Faces()
        self._image: Array | None = None
        self._picture: Array | None = None
        self._layers = dict.fromkeys(LAYERS, True)
        self._held, self._helps, self._drawn = False, False, -np.inf
        self._message, self._until = "press ? for help", time.monotonic() + _SHOWN
        self._corner: tuple[int, int] | None = None
        self._cursor = (0, 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        cv2.destroyWindow(self.title)
        cv2.waitKey(1)

    def write(self, result: Result, /) -> None:
        """Show the newest of some frames, and do what was asked for meanwhile."""
        if self.anonymize is True:
            self._faces.learn(result)
        given = [i for i, frame in enumerate(result.frames) if frame.image is not None]
        if not given and time.monotonic() - self._drawn < _LATEST:
            return
        self._drawn = time.monotonic()
        if given:
            self._image = result.frames[given[-1]].image
        if not self._held:
            self._picture = self._draw(result, given[-1] if given else len(result.frames) - 1)
        if self._picture is not None:
            picture = self._picture
            if self._corner is not None:
                picture = picture.copy()
                cv2.rectangle(picture, self._corner, self._cursor, HIDDEN, 2)
            cv2.imshow(self.title, picture)
        self._key(cv2.pollKey())
        if cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1:  # it was closed
            self.desk.stop()

    def _draw(self, result: Result, i: int) -> Array:
        if self._canvas is None:
            size = (640, 360) if self._image is None else self._image.shape[1::-1]
            self._size = (int(size[0]), int(size[1]))
            self._canvas = Canvas(
                skeleton=self._skeleton, image_size=self._size, max_height=self.max_height
            )
            self._panel = Panel(self._canvas.size)
            side = round(self.inset * min(self._canvas.size))
            self._solids = Solids(skeleton=self._skeleton, size=side)
        shown = {seat: self._layered(p, i) for seat, p in result.people.items()}
        if not self._layers["names"]:
            shown = {" " * n: person for n, person in enumerate(shown.values(), 1)}
        picture = self._canvas.paint(
            self._image, shown, i,
            covers=self._faces.at(result.frames[i].time) if self.anonymize is True else None,
            coarse=self.anonymize == "all",
            tasks=result.tasks if self._layers["classes"] else None,
        )  # fmt: skip
        self._hidden(picture, result, i)
        if self._layers["3D"]:
            self._panel.inset(picture, self._solids.draw(_solid(result.people, i)))
        self._say(picture, result, i)
        return picture

    def _layered(self, person: Person, i: int) -> Person:
        """Return a person as far as the layers show it."""
        done = person.completed
        if not self._layers["uncertainty"]:
            done = replace(done, covariance=None)
        if not self._layers["completed"]:
            done = done.hide(done.visibility != Visibility.OBSERVED)
        raw = person.observed
        if not self._layers["raw"]:
            raw = raw.hide(np.ones_like(raw.is_missing))
        carried = person.carried if self._layers["explanation"] else None
        return replace(person, completed=done, observed=raw, carried=carried)

    @property
    def _scale(self) -> float:
        """Pixels of the picture in one of the image."""
        assert self._canvas is not None
        return min(self._canvas.size[0] / self._size[0], self._canvas.size[1] / self._size[1])

    def _hidden(self, picture: Array, result: Result, i: int) -> None:
        """Show what is hidden on purpose, where it really is, and how far off completion is."""
        hidden = self.desk.veil.hidden
        for box in hidden.boxes:
            self._panel.box(picture, [value * self._scale for value in box])
        away = []
        for seat, person in result.people.items():
            true, off = _behind(result.frames[i], seat, person.completed[i : i + 1])
            self._panel.crosses(picture, true * self._scale)
            away.append(off)
        apart = np.concatenate(away) if away else np.zeros(0)
        if hidden:
            text = f"hidden: {hidden.limb or 'box'}"
            if len(apart):
                text += f", {len(apart)} joints completed {apart.mean():.0f} px off (median " \
                        f"{np.median(apart):.0f})"  # fmt: skip
            self._panel.bar(picture, text, 1, (130, 60, 150))

    def _say(self, picture: Array, result: Result, i: int) -> None:
        desk, panel = self.desk, self._panel
        if self._layers["latency"]:
            late = desk.latency.recent
            lines = [f"capture to screen {late}" if late.frames else "capture to screen: not known",
                     f"dropped {desk.dropped()}   look ahead {desk.delay} frames "
                     f"({1e3 * desk.delay / desk.fps:.0f} ms)"]  # fmt: skip
            panel.lines(picture, lines, right=True)
        warnings = self.warning(result, i) if self.warning else {}
        text = "; ".join(f"{seat}: {text}" for seat, text in warnings.items())
        if text:
            panel.bar(picture, f"OUT OF POSITION  {text}", 0, ALARM)
        elif status := desk.status():
            panel.bar(picture, status, 0, ALARM)
        if (seconds := desk.recording()) is not None:
            panel.bar(picture, f"REC {int(seconds) // 60:02}:{int(seconds) % 60:02}", 2, ALARM)
        if time.monotonic() < self._until:
            panel.bar(picture, self._message, 3, (90, 90, 90))
        if self._helps:
            panel.sheet(picture, HELP)

    def _note(self, text: str) -> None:
        self._message, self._until = text, time.monotonic() + _SHOWN

    def _key(self, code: int) -> None:
        key = chr(code & 0xFF) if code >= 0 else ""
        if key in ("q", "\x1b"):
            self.desk.stop()
        elif key == " ":
            self._held = not self._held
            if self._held and self._picture is not None:
                self._panel.bar(self._picture, "held; space goes on", 3, (90, 90, 90))
        elif key == "s":
            self._snapshot()
        elif key == "r":
            self.desk.record()
            on = self.desk.recording() is not None
            self._note("recording" if on else "recording ended, see the folder of recordings")
        elif key == "h":
            self._note(f"hidden: {self.desk.veil.next_limb() or 'no limb'}")
        elif key == "x":
            self.desk.veil.clear()
        elif key == "?":
            self._helps = not self._helps
        elif key and key in "12345678":
            layer = LAYERS[int(key) - 1]
            self._layers[layer] = not self._layers[layer]
            self._note(f"{layer} {'on' if self._layers[layer] else 'off'}")
        elif key and key in ",." and self._canvas is not None:
            self._solids.yaw += np.radians(10) * (1 if key == "." else -1)

    def _snapshot(self) -> None:
        if self._picture is not None:
            path = self.desk.snapshot(self._picture)
            self._note(f"written: {path}")

    def _mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        self._cursor = (x, y)
        if event == cv2.EVENT_LBUTTONDOWN:
            self._corner = (x, y)
        elif event == cv2.EVENT_RBUTTONDOWN:
            self.desk.veil.clear()
        elif event == cv2.EVENT_LBUTTONUP and self._corner is not None:
            (left, top), self._corner = self._corner, None
            if self._canvas is not None and min(abs(x - left), abs(y - top)) >= 4:
                scale = self._scale
                self.desk.veil.add((left / scale, top / scale, x / scale, y / scale))


def _behind(frame: Frame, seat: str, done: PoseSequence) -> tuple[Array, Array]:
    """Return where joints are that were hidden on purpose ``[N, 2]``, and how far off they are."""
    if frame.truth is None or seat not in frame.truth:
        return np.zeros((0, 2)), np.zeros(0)
    true = frame.truth[seat]
    now = frame.people.get(seat)
    gone = np.ones(len(true.keypoints), bool) if now is None else np.isnan(now.keypoints[:, 0])
    known = gone & (true.confidence >= 0.5) & np.isfinite(true.keypoints).all(axis=-1)
    off = np.linalg.norm(done.keypoints[0] - true.keypoints, axis=-1)[known]
    return true.keypoints[known], off[np.isfinite(off)]


def _solid(people: Mapping[str, Person], i: int) -> dict[str, tuple[Array, Array]]:
    return {
        seat: (person.joints3d[i], person.completed.visibility[i])
        for seat, person in people.items()
        if person.joints3d is not None
    }
