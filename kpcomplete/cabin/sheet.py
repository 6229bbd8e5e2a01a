"""Contact sheets: many small pictures with true joints, coloured by what hides them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.film import Image
from kpcomplete.errors import OutputError
from kpcomplete.output import whole

Array = NDArray[np.float64]

#: Of `visibility.CAUSES`, in their order, red, green, blue; joints outside are not drawn.
COLORS = ((40, 220, 60), (250, 210, 40), (240, 60, 50), (200, 70, 230), (60, 150, 250))
ACROSS, WIDTH = 6, 320  # pictures in a row; pixels


def mark(image: Image, people: Mapping[str, tuple[Array, Array]], lines: Sequence[str]) -> Image:
    """A picture with the joints of everybody in it.

    Args:
        image: red, green, blue, shape (height, width, 3).
        people: name -> pixels of the joints, (33, 2), and index of their cause, (33,).
        lines: written into the corner, one below the other.
    """
    import cv2

    drawn = np.ascontiguousarray(image)
    for pixels, causes in people.values():
        for (x, y), cause in zip(pixels, causes, strict=True):
            if cause < len(COLORS):
                cv2.circle(drawn, (round(float(x)), round(float(y))), 4, COLORS[cause], -1)
    for i, line in enumerate(lines):
        for color, thick in ((0, 4), (255, 2)):  # readable on any ground
            cv2.putText(drawn, line, (8, 24 + 24 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.65, (color,) * 3,
                        thick)  # fmt: skip
    return drawn


def read(path: str | Path) -> Image:
    """A picture that `write` wrote.

    Raises:
        OutputError: If it cannot be read.
    """
    import cv2

    found = cv2.imread(str(path))
    if found is None:
        raise OutputError(f"{path} should be a picture that was just written, but is not")
    return np.asarray(found[..., ::-1])


def write(pictures: Sequence[Image], path: str | Path, across: int = ACROSS) -> None:
    """Write pictures as one, row by row.

    Args:
        pictures: red, green, blue, shape (height, width, 3) each, all of one size.
        path: where to, ``.png``.
        across: how many in a row.

    Raises:
        OutputError: If the file cannot be written.
    """
    import cv2

    height = round(WIDTH * pictures[0].shape[0] / pictures[0].shape[1])
    small = [cv2.resize(p, (WIDTH, height), interpolation=cv2.INTER_AREA) for p in pictures]
    small += [np.zeros_like(small[0])] * (-len(small) % across)
    rows = [np.hstack(small[i : i + across]) for i in range(0, len(small), across)]
    with whole(path) as temporary:
        _, packed = cv2.imencode(".png", np.vstack(rows)[..., ::-1])
        Path(temporary).write_bytes(packed.tobytes())
