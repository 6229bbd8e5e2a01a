"""What a user knows of a camera: a calibration file, a focal length, or nothing."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kpcomplete.calibration import read
from kpcomplete.camera import Camera
from kpcomplete.car import facing
from kpcomplete.errors import SettingError

log = logging.getLogger(__name__)
_PADDING = 16  # pixels; encoders pad images to multiples of it, and players cut that off again
_STEEP = 0.01  # metres aside below which a camera looks straight up or down
_ASPECT = 0.01  # by which width over height may differ for images of another resolution


@dataclass(frozen=True, kw_only=True)
class Lens:
    """What is known of the camera before its images are; all in pixels, None where it is not known.

    Args:
        calibration: File of OpenCV (YAML, JSON), Pose2Sim (TOML) or Qualisys (``.qca.txt``).
        name: Of the camera, if the file has several.
        fx: Focal length across; instead of a file.
        fy: Focal length down; None: as ``fx``.
        cx: Principal point across; None: the middle of the image.
        cy: Principal point down; None: the middle of the image.
        distortion: As OpenCV counts it, see `Camera`.
        field_of_view: Degrees along the longer side of the image: assumed if nothing else is given,
            and then said to be so.
        in_car: The world of the file is the car, see `Camera.in_car`.
        position: Where in the car the camera is, metres, instead of that.
        looks_at: A point in the car that it looks at, upright, likewise.

    Raises:
        SettingError: If both a file and a focal length are given, or where the camera is in the
            car is said twice, or by halves.
    """

    calibration: str | None = None
    name: str | None = None
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    distortion: Sequence[float] = ()
    field_of_view: float = 70.0
    in_car: bool = False
    position: Sequence[float] | None = None
    looks_at: Sequence[float] | None = None

    def __post_init__(self) -> None:
        self._check_place()
        if self.calibration is not None and self.fx is not None:
            raise SettingError(
                f"the camera is given by calibration={self.calibration} or by fx={self.fx}, "
                "not by both"
            )
        rest = (self.fy, self.cx, self.cy)
        if self.fx is None and (any(v is not None for v in rest) or self.distortion):
            raise SettingError("fy, cx, cy and distortion of a camera need its fx")

    def camera(self, image_size: tuple[int, int]) -> Camera:
        """Return the camera of a recording, and where it is in the car if that is known.

        Args:
            image_size: Width, height in pixels.

        Raises:
            SettingError: If the intrinsics do not fit the image size, or the file has several
                cameras and none of this name.
            SourceError: If the file is no calibration.
        """
        found = self._inner(image_size)
        if self.position is not None and self.looks_at is not None:
            turn = facing(self.position, self.looks_at)
            shift = -turn @ np.asarray(self.position, np.float64)
            return replace(found, turn=turn, shift=shift, in_car=True)
        return replace(found, in_car=self.in_car)

    def _inner(self, image_size: tuple[int, int]) -> Camera:
        if self.calibration is not None:
            return fitted(choose(read(self.calibration), self.name, self.calibration), image_size)
        if self.fx is None:
            return Camera.from_field_of_view(image_size, self.field_of_view)
        width, height = image_size
        return Camera(
            width=width,
            height=height,
            fx=self.fx,
            fy=self.fx if self.fy is None else self.fy,
            cx=(width - 1) / 2 if self.cx is None else self.cx,
            cy=(height - 1) / 2 if self.cy is None else self.cy,
            distortion=tuple(self.distortion),
        )

    def _check_place(self) -> None:
        points = [p for p in (self.position, self.looks_at) if p is not None]
        if not points:
            return
        if len(points) == 1 or self.in_car:
            raise SettingError(
                "where the camera is in the car is said by position and looks_at together, or by a "
                f"calibration and in_car=true, but position is {self.position}, looks_at is "
                f"{self.looks_at} and in_car is {self.in_car}"
            )
        three = (
            all(len(p) == 3 for p in points) and np.isfinite(np.asarray(points, np.float64)).all()
        )
        if not three or math.dist(points[0][:2], points[1][:2]) < _STEEP:
            raise SettingError(
                "position and looks_at are three metres each (x left, y back, z up), neither "
                f"straight above the other, but are {list(points[0])} and {list(points[1])}"
            )


def choose(cameras: Mapping[str, Camera], name: str | None, path: str) -> Camera:
    """Return the camera of a name, or the only one there is.

    Raises:
        SettingError: If there is none of the name, or several and no name.
    """
    if name is None and len(cameras) == 1:
        return next(iter(cameras.values()))
    if name is None or name not in cameras:
        raise SettingError(
            f"{path} has the cameras {', '.join(cameras)}: name one of them with camera.name=NAME"
            + (f", not {name!r}" if name is not None else "")
        )
    return cameras[name]


def fitted(camera: Camera, image_size: tuple[int, int]) -> Camera:
    """Return a camera for images of its own size or shape, or without an encoder's border.

    Raises:
        SettingError: If the images cannot be this camera's.
    """
    width, height = image_size
    if (camera.width, camera.height) == (width, height):
        return camera
    across, down = width / camera.width, height / camera.height
    if abs(camera.width - width) < _PADDING and abs(camera.height - height) < _PADDING:
        log.warning(
            "%s was calibrated for %d x %d, the images are %d x %d: taken as cut off on the right "
            "and below", camera.name, camera.width, camera.height, width, height,
        )  # fmt: skip
        return replace(camera, width=width, height=height)
    if abs(across / down - 1) > _ASPECT:
        raise SettingError(
            f"{camera.name!r} was calibrated for images of {camera.width} x {camera.height}, which "
            f"are no larger or smaller form of {width} x {height}"
        )
    return replace(
        camera, width=width, height=height, fx=camera.fx * across, fy=camera.fy * down,
        cx=(camera.cx + 0.5) * across - 0.5, cy=(camera.cy + 0.5) * down - 0.5,
    )  # fmt: skip
