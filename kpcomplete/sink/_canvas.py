"""Pictures of results: the image of a frame, scaled, with everybody in it."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from kpcomplete.draw import CARRIES, Colour, Drawn, Painter
from kpcomplete.head import UNKNOWN
from kpcomplete.head.explanation import part, shares
from kpcomplete.pose import Array
from kpcomplete.privacy import coarsen, cover
from kpcomplete.result import Person
from kpcomplete.skeleton import Skeleton

GREY = 70
CALM: Colour = (170, 220, 170)
_MUCH = 0.3  # of what the first joint carries
LARGEST = 16_384  # pixels of a side; H.264 knows no larger ones


class Canvas:
    """Paints frames of one size; the picture returned is valid until the next one.

    Args:
        skeleton: Joints and bones of the people.
        image_size: Width, height of the recording in pixels.
        max_height: Larger images are scaled down to it; None keeps their size.

    Attributes:
        size: Width, height of the pictures: even, as H.264 wants them.
    """

    def __init__(
        self, *, skeleton: Skeleton, image_size: tuple[int, int], max_height: int | None
    ) -> None:
        width, height = image_size
        shrink = min(1.0, max_height / height) if max_height else 1.0
        shrink = min(shrink, LARGEST / max(width, height))
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
        self.size = (width + width % 2, height + height % 2)
        self._inner = (width, height)
        self._buffer = np.zeros((self.size[1], self.size[0], 3), dtype=np.uint8)
        self._joints = skeleton.joints
        self._painter = Painter(skeleton=skeleton, size=self.size)

    def paint(
        self,
        image: Array | None,
        people: Mapping[str, Person],
        frame: int,
        *,
        covers: Array | None = None,
        coarse: bool = False,
        tasks: Mapping[str, Sequence[str]] | None = None,
    ) -> Array:
        """Return the picture ``[H, W, 3]`` BGR of one frame of a result.

        Args:
            image: ``[h, w, 3]`` BGR of any size, or None for a plain background.
            people: Seat to occupant.
            frame: Number of the frame within the result.
            covers: Circles ``[N, 3]`` of the image (pixels of the recording) to cover.
            coarse: Leave little of the whole image.
            tasks: Those whose classes are written, with the names of these.
        """
        self._place(image)
        if image is not None and coarse:
            coarsen(self._buffer)
        person = next(iter(people.values()), None)
        if image is not None and covers is not None and person is not None:
            cover(self._buffer, covers * self._scale(person))
        shown: dict[str, Drawn] = {}
        empty = []
        for seat, person in people.items():
            if person.completed.visibility[frame].any():
                shown[seat] = self._drawn(person, frame, tasks or {})
            else:
                empty.append(seat)
        self._painter.draw(self._buffer, shown, empty)
        return self._buffer

    def blank(self, text: str) -> Array:
        """Return a picture that only says something."""
        self._buffer[:] = GREY
        self._painter.message(self._buffer, text)
        return self._buffer

    def _place(self, image: Array | None) -> None:
        """Put the image in the upper left, as large as it fits."""
        if image is None:
            self._buffer[:] = GREY
            return
        height, width = image.shape[:2]
        shrink = min(self._inner[0] / width, self._inner[1] / height)
        inner = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        if inner != self.size:
            self._buffer[inner[1] :] = 0
            self._buffer[:, inner[0] :] = 0
        view = self._buffer[: inner[1], : inner[0]]
        if inner == (width, height):
            view[:] = image
        else:
            view[:] = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)

    def _scale(self, person: Person) -> float:
        """Return the pixels of the picture in one of the recording."""
        width, height = person.completed.image_size
        return min(self._inner[0] / width, self._inner[1] / height)

    def _drawn(self, person: Person, frame: int, tasks: Mapping[str, Sequence[str]]) -> Drawn:
        scale = np.float32(self._scale(person))
        covariance = person.completed.covariance
        carried = None if person.carried is None else person.carried[frame]
        lines = [(text, CALM) for text in said(person, frame, tasks)]
        if tasks and carried is not None and (why := self._why(carried)):
            lines.append((f"why: {why}", CARRIES))
        return Drawn(
            points=person.completed.keypoints[frame] * scale,
            state=person.completed.visibility[frame],
            covariance=None if covariance is None else covariance[frame] * scale**2,
            raw=person.observed.keypoints[frame] * scale,
            glow=None if carried is None else shares(carried),
            lines=lines,
        )

    def _why(self, carried: Array) -> str:
        """Return the two parts of the body that carry most, if they carry anything."""
        share = shares(carried)
        first = [i for i in np.argsort(-share).tolist() if share[i] > _MUCH]
        return ", ".join(list(dict.fromkeys(part(self._joints[i]) for i in first))[:2])


def said(person: Person, frame: int, tasks: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each task: what was decided of somebody, or else what is likeliest.

    Args:
        person: With classes, or without.
        frame: Number of the frame within the result.
        tasks: Name to names of classes.
    """
    lines = []
    for task, names in tasks.items():
        values = person.classes[task][frame] if task in person.classes else np.array([np.nan])
        if np.isfinite(values).all():
            best = int(person.decisions[task][frame]) if task in person.decisions else -1
            best = int(values.argmax()) if best < 0 else best
            name = names[best].replace("_", " ")
            lines.append(
                f"{task} unknown" if name == UNKNOWN else f"{name} ({100 * values[best]:.0f} %)"
            )
    return lines
