"""Frames from single images."""

import glob
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.frame import Array, Frame, StreamInfo

_log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    (".bmp", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff",
     ".webp")
)  # fmt: skip
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


class Images:
    """The images of a folder, in natural order (2 before 10), as the frames of one recording.

    Grey images, palettes and alpha become BGR; of 16 bits the upper 8 are kept; what a camera
    says of its orientation is followed. An image that cannot be read becomes a frame without one.

    Args:
        path: A folder, a pattern such as ``frames/*.png``, or a list of files, which are taken
            in the order given.
        fps: Frames per second.

    Attributes:
        info: Frame rate, size and number of images.
        problem: Which images could not be read, as far as is known by now; None if all could.

    Raises:
        SourceError: If there is no image, none can be read, or their sizes differ.
        SettingError: If ``fps`` is not positive.
    """

    def __init__(self, path: str | Path | Sequence[str | Path], fps: float = 30.0) -> None:
        if not 0 < fps < float("inf"):
            raise SettingError(f"fps of images must be positive, but is {fps}")
        name = str(path) if isinstance(path, str | Path) else f"{len(path)} images"
        self.files = _files(path)
        if not self.files:
            raise SourceError(f"{name!r} holds no image ({', '.join(sorted(SUFFIXES))})")
        self.problem: str | None = None
        self.info = StreamInfo(
            name=name, fps=fps, image_size=_common_size(self.files), length=len(self.files)
        )

    def __iter__(self) -> Iterator[Frame]:
        broken = []
        for index, file in enumerate(self.files):
            image = None
            try:
                image = _read(file)
                found = (image.shape[1], image.shape[0])
                if found != self.info.image_size:  # replaced since it was looked at
                    raise SourceError(_sizes_differ(file, found, self.info.image_size))
            except SourceError:
                raise
            except _BROKEN as error:
                broken.append(f"{file.name}: {error}")
                _log.warning("%s cannot be read: %s", file, error)
                self.problem = (
                    f"{len(broken)} of {len(self.files)} images could not be read ({broken[0]})"
                )
            yield Frame(index=index, time=index / self.info.fps, image=image)


def natural(path: Path) -> tuple[Any, ...]:
    """Return a key that sorts ``2.png`` before ``10.png``.

    Example:
        >>> [p.name for p in sorted(map(Path, ["a10.png", "a2.png"]), key=natural)]
        ['a2.png', 'a10.png']
    """
    parts = re.split(r"(\d+)", path.name)
    key = tuple((int(p), "") if p.isascii() and p.isdigit() else (-1, p.lower()) for p in parts)
    return (str(path.parent), key, path.name)


def is_image(path: Path) -> bool:
    """Whether a file's ending says that it is an image; hidden files are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _files(path: str | Path | Sequence[str | Path]) -> list[Path]:
    if not isinstance(path, str | Path):
        files = [Path(p) for p in path]
    elif Path(path).is_dir():
        return sorted(filter(is_image, Path(path).iterdir()), key=natural)
    elif Path(path).exists():
        files = [Path(path)]
    elif glob.has_magic(str(path)):
        files = sorted(map(Path, glob.glob(str(path), recursive=True)), key=natural)
        return [file for file in files if is_image(file)]
    else:
        raise SourceError(f"there is no folder or pattern of images {str(path)!r}")
    for file in files:
        if not file.is_file():
            raise SourceError(f"there is no image {str(file)!r}")
    return files


def _common_size(files: list[Path]) -> tuple[int, int]:
    """Return the size of all images, from their headers alone."""
    first, size, reason = files[0], None, ""
    for file in files:
        try:
            found = _size(file)
        except _BROKEN as error:
            reason = reason or f"{file.name}: {error}"
            continue
        if size is None:
            first, size = file, found
        elif found != size:
            raise SourceError(_sizes_differ(file, found, size, first))
    if size is None:
        raise SourceError(f"none of {len(files)} images can be read ({reason})")
    return size


def _sizes_differ(
    file: Path, found: tuple[int, int], size: tuple[int, int], first: Path | None = None
) -> str:
    of = f" of {first.name}" if first else ""
    return (
        f"images of one recording must all have one size, but {str(file)!r} is "
        f"{found[0]}x{found[1]}, not {size[0]}x{size[1]} as{of or ' the others'}"
    )


def _size(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        width, height = image.size
        sideways = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # orientation
        return (height, width) if sideways else (width, height)


def _read(file: Path) -> Array:
    with Image.open(file) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith(("I", "F")):  # 16 bits and more, one channel
            values = np.asarray(image)
            if image.mode == "F":
                grey = values * (255 if values.max(initial=0) <= 1 else 1)
            else:
                grey = values >> 8
            grey = np.clip(np.nan_to_num(grey), 0, 255).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=-1)
        return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])
