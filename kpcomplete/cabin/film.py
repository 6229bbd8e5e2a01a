"""A camera's film: sensor noise, exposure, and H.264 files."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def develop(image: Image, time: float, noise: float, rng: Generator) -> Image:
    """What a sensor makes of a picture: it breathes in exposure and is noisy.

    Args:
        image: red, green, blue, shape (height, width, 3).
        time: seconds.
        noise: standard deviation, grey levels.
        rng: draws the noise.
    """
    gain = (
        1.0 + 0.03 * np.sin(2.0 * np.pi * 0.11 * time) + 0.015 * np.sin(2.0 * np.pi * 0.31 * time)
    )
    grain = noise * rng.standard_normal((*image.shape[:2], 1), np.float32)
    shot: Image = np.clip(np.rint(image * np.float32(gain) + grain), 0, 255).astype(np.uint8)
    return shot


@dataclass(frozen=True)
class Sensor:
    """What is between a lens and a picture.

    Attributes:
        noise: standard deviation, grey levels.
        infrared: the picture is grey.
        blur: length of the movement while the shutter is open, pixels; 0 = sharp.
        way: direction of that movement, radians.
    """

    noise: float = 1.5
    infrared: bool = False
    blur: float = 0.0
    way: float = 0.0

    def expose(self, image: Image, time: float, rng: Generator) -> Image:
        """What it makes of a picture: blurred, grey, noisy, and breathing in exposure.

        Args:
            image: red, green, blue, shape (height, width, 3).
            time: seconds.
            rng: draws the noise.
        """
        if self.blur > 1.0:
            image = self._blurred(image)
        if self.infrared:
            grey = image @ np.array([0.45, 0.35, 0.20])  # cloth is pale in infrared, and skin
            image = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
        return develop(image, time, self.noise, rng)

    def _blurred(self, image: Image) -> Image:
        import cv2

        half = int(np.ceil(self.blur / 2.0))
        kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        for share in np.linspace(-0.5, 0.5, 8 * half):
            x, y = share * self.blur * np.cos(self.way), share * self.blur * np.sin(self.way)
            kernel[round(half + y), round(half + x)] += 1.0
        blurred: Image = cv2.filter2D(image, -1, kernel / kernel.sum())
        return blurred


def draw_sensor(infrared: bool, rng: Generator) -> Sensor:
    """A usual sensor: one in four is moved while the shutter is open."""
    blur = float(rng.uniform(1.5, 6.0)) if rng.random() < 0.25 else 0.0
    noise = float(rng.uniform(2.0, 9.0) if infrared else rng.uniform(1.0, 6.0))
    return Sensor(noise, infrared, blur, float(rng.uniform(0.0, np.pi)))


class Film:
    """An H.264 file, written frame by frame.

    Args:
        path: of the file to write; its ending says the container.
        size: width and height, pixels, even.
        fps: frames a second.
        quality: x264's constant rate factor, lower is better and larger.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: int, quality: float) -> None:
        import av

        self._frame = av.VideoFrame.from_ndarray
        self._file: Any = av.open(str(path), "w", options={"movflags": "+faststart"})
        self._stream: Any = self._file.add_stream("libx264", rate=fps)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, fps)
        # One thread: the same pictures give the same file on every machine.
        self._stream.options = {"crf": str(quality), "preset": "slow", "threads": "1"}
        self._count = 0

    def __enter__(self) -> "Film":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            for packet in self._stream.encode():
                self._file.mux(packet)
        self._file.close()

    def add(self, image: Image) -> None:
        """Write the next frame: red, green, blue, shape (height, width, 3)."""
        frame = self._frame(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = self._count, self._stream.codec_context.time_base
        self._count += 1
        for packet in self._stream.encode(frame):
            self._file.mux(packet)
