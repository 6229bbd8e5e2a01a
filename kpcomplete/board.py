"""A camera's intrinsics from pictures of a chessboard or a ChArUco board."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError, SourceError

Array = npt.NDArray[Any]
_PICTURES = 5  # that must show the board
_CORNERS = 8  # of a ChArUco board that a picture must show
_UNSURE = 0.03  # share of the focal length that its standard deviation may have
_TILTED = 15.0  # degrees between two of the boards: parallel ones tell no focal length
_OFF = 2.0  # pixels that corners may be off, root mean square


@dataclass(frozen=True, kw_only=True)
class Board:
    """What is printed on the board.

    Args:
        columns: Inner corners of a chessboard across; squares of a ChArUco board.
        rows: Likewise, down.
        square: Side of a square, metres.
        marker: Side of a marker of a ChArUco board, metres; None: a plain chessboard.
        dictionary: Of the markers, as OpenCV calls it.

    Raises:
        SettingError: If there is no such board.
    """

    columns: int = 9
    rows: int = 6
    square: float = 0.025
    marker: float | None = None
    dictionary: str = "DICT_4X4_50"

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 3 or self.square <= 0:
            raise SettingError(
                f"a board needs at least 3 columns and rows and squares of some size, but has "
                f"{self.columns}, {self.rows} and {self.square} m"
            )
        if self.marker is not None and not 0 < self.marker < self.square:
            raise SettingError(
                f"markers must be smaller than squares of {self.square} m, but have {self.marker} m"
            )
        known = re.fullmatch(r"DICT_\w+", self.dictionary) and hasattr(cv2.aruco, self.dictionary)
        if not known:
            raise SettingError(
                f"dictionary must be one of OpenCV's, such as DICT_4X4_50 or DICT_5X5_100, but is "
                f"{self.dictionary!r}"
            )

    def find(self, image: Array) -> tuple[Array, Array] | None:
        """Return corners on the board ``[N, 3]`` metres and in the image ``[N, 2]`` pixels.

        Args:
            image: ``[H, W, 3]`` uint8 BGR.

        Returns:
            None if the picture does not show enough of it.
        """
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return self._chessboard(grey) if self.marker is None else self._charuco(grey, self.marker)

    def _chessboard(self, grey: Array) -> tuple[Array, Array] | None:
        size = (self.columns, self.rows)
        found, corners = cv2.findChessboardCornersSB(grey, size, flags=cv2.CALIB_CB_ACCURACY)
        if not found:
            return None
        grid = np.mgrid[: self.columns, : self.rows].T.reshape(-1, 2) * self.square
        solid = np.concatenate([grid, np.zeros((len(grid), 1))], axis=1)
        return solid.astype(np.float32), corners.reshape(-1, 2)

    def _charuco(self, grey: Array, marker: float) -> tuple[Array, Array] | None:
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        board = cv2.aruco.CharucoBoard((self.columns, self.rows), self.square, marker, dictionary)
        corners, numbers, _, _ = cv2.aruco.CharucoDetector(board).detectBoard(grey)
        if numbers is None or len(numbers) < _CORNERS:
            return None
        solid = board.getChessboardCorners()[numbers.ravel()]
        return np.asarray(solid, np.float32), corners.reshape(-1, 2)


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What came of a calibration.

    Attributes:
        camera: The intrinsics.
        error: Pixels that corners are off, root mean square.
        pictures: How many showed the board.
        unsure: Standard deviation of the focal length, share of it.
    """

    camera: Camera
    error: float
    pictures: int
    unsure: float


def calibrate(board: Board, images: Iterable[Array], *, name: str = "camera") -> Calibrated:
    """Find a camera's intrinsics and distortion (Zhang 2000, doi 10.1109/34.888718), by OpenCV.

    Args:
        board: That the pictures show, from several sides.
        images: ``[H, W, 3]`` uint8 BGR, of one size.
        name: Of the camera.

    Raises:
        SourceError: If too few pictures show the board, or pictures differ in size.
        SettingError: If they do not determine the camera.
    """
    solid, flat, sizes, count = [], [], set(), 0
    for image in images:
        count += 1
        sizes.add((image.shape[1], image.shape[0]))
        if (found := board.find(image)) is not None:
            solid.append(found[0])
            flat.append(found[1])
    if len(sizes) > 1:
        raise SourceError(f"pictures of one camera must have one size, but have {sorted(sizes)}")
    if len(flat) < _PICTURES:
        raise SourceError(
            f"at least {_PICTURES} pictures must show the whole board of {board.columns} x "
            f"{board.rows}, but {len(flat)} of {count} do; a chessboard counts inner corners, a "
            "ChArUco board squares"
        )
    width, height = sizes.pop()
    error, matrix, distortion, turns, _, spread, _, _ = cv2.calibrateCameraExtended(
        solid, flat, (width, height), np.eye(3), np.zeros(5)
    )
    unsure = float(max(spread[0, 0] / matrix[0, 0], spread[1, 0] / matrix[1, 1]))
    tilted = _tilt(turns)
    if not np.isfinite(unsure) or unsure > _UNSURE or error > _OFF or tilted < _TILTED:
        raise SettingError(
            f"these pictures do not determine the camera: corners are {error:.2f} pixels off, the "
            f"focal length is uncertain by {100 * unsure:.1f} %, and the board is tilted by "
            f"{tilted:.0f} degrees at most; show the board tilted in all "
            "directions, near and in the corners of the image, and do not bend it"
        )
    camera = Camera(
        name=name, width=width, height=height, fx=float(matrix[0, 0]), fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]), cy=float(matrix[1, 2]),
        distortion=tuple(float(v) for v in distortion.ravel()[:5]),
    )  # fmt: skip
    return Calibrated(camera=camera, error=float(error), pictures=len(flat), unsure=unsure)


def _tilt(turns: Iterable[Array]) -> float:
    """Return the largest angle between two boards, degrees."""
    facing = np.stack([cv2.Rodrigues(turn)[0][:, 2] for turn in turns])
    return float(np.degrees(np.arccos(np.clip(facing @ facing.T, -1, 1)).max()))
