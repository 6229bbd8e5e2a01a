"""Where in the image each seat is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kpcomplete.errors import SettingError

Array = npt.NDArray[Any]
Shape: TypeAlias = Sequence[float] | Sequence[Sequence[float]]

# Shares of the image's width and height, origin top left, for a LEFT-hand-drive car whose image
# is not mirrored. A box is [x0, y0, x1, y1], a polygon [[x, y], ...].
PRESETS: dict[str, dict[str, Shape]] = {
    # At the rear-view mirror, looking back at the front seats: the car's left is the image's right.
    "mirror2": {
        "driver": [0.5, 0.0, 1.0, 1.0],
        "passenger": [0.0, 0.0, 0.5, 1.0],
    },
    # The same place with a wider view: heads of the rear seats between those of the front seats.
    "mirror5": {
        "driver": [[0.66, 0.0], [1.0, 0.0], [1.0, 1.0], [0.54, 1.0], [0.54, 0.75], [0.66, 0.6]],
        "passenger": [[0.34, 0.0], [0.0, 0.0], [0.0, 1.0], [0.46, 1.0], [0.46, 0.75], [0.34, 0.6]],
        "rear_left": [[0.55, 0.0], [0.66, 0.0], [0.66, 0.6], [0.55, 0.73]],
        "rear_middle": [0.45, 0.0, 0.55, 0.75],
        "rear_right": [[0.45, 0.0], [0.34, 0.0], [0.34, 0.6], [0.45, 0.73]],
    },
    # At the passenger's A-pillar, looking across at the driver. The passenger is near the camera,
    # at the image's left edge, and mostly cut off.
    "side": {
        "driver": [0.18, 0.0, 1.0, 1.0],
        "passenger": [0.0, 0.0, 0.18, 1.0],
    },
    # On the dash or the steering column, looking at the driver alone.
    "dash": {"driver": [0.0, 0.0, 1.0, 1.0]},
}


@dataclass(frozen=True, eq=False)
class Zone:
    """The part of the image where the occupant of one seat has head and shoulders.

    Attributes:
        name: Of the seat.
        corners: ``[N, 2]`` x, y of a polygon, shares of the image's width and height.
    """

    name: str
    corners: Array

    def depth(self, points: Array) -> Array:
        """Return how deep points lie inside, as a share of half the zone's smaller extent.

        Args:
            points: ``[..., 2]`` shares of the image.

        Returns:
            ``[...]``: 1 in the middle of a square, 0 on the edge, negative outside.
        """
        start, end = self.corners, np.roll(self.corners, -1, axis=0)
        edge = end - start
        offset = points[..., None, :] - start
        along = (offset * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-12)
        nearest = offset - np.clip(along, 0, 1)[..., None] * edge
        away = np.linalg.norm(nearest, axis=-1).min(axis=-1)
        spans = (start[:, 1] > points[..., None, 1]) != (end[:, 1] > points[..., None, 1])
        rise = np.where(edge[:, 1] == 0, 1.0, edge[:, 1])
        crossing = start[:, 0] + offset[..., 1] / rise * edge[:, 0]
        inside = (spans & (points[..., None, 0] < crossing)).sum(axis=-1) % 2 == 1
        half = np.ptp(self.corners, axis=0).min() / 2
        depth: Array = np.where(inside, away, -away) / half
        return depth

    def window(self, image_size: tuple[int, int], margin: float) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom in pixels of the zone's box and a margin around it.

        Args:
            image_size: Width, height in pixels.
            margin: Share of the box' width and height added on every side.
        """
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        reach = margin * (high - low)
        (left, top) = np.floor(np.clip(low - reach, 0, 1) * image_size).astype(int)
        (right, bottom) = np.ceil(np.clip(high + reach, 0, 1) * image_size).astype(int)
        left, top = min(left, image_size[0] - 1), min(top, image_size[1] - 1)
        return int(left), int(top), int(max(right, left + 1)), int(max(bottom, top + 1))


def preset(name: str, *, right_hand_drive: bool = False) -> list[Zone]:
    """Return the zones of a preset, mirrored for a right-hand-drive car.

    Rear seats keep their names: ``rear_left`` is the car's left in every car.

    Raises:
        SettingError: If there is no such preset.
    """
    if name not in PRESETS:
        raise SettingError(
            f"zones must be one of {', '.join(PRESETS)}, auto, none, or a mapping of seats to "
            f"boxes or polygons, but got {name!r}"
        )
    zones = [zone(seat, shape) for seat, shape in PRESETS[name].items()]
    if not right_hand_drive:
        return zones
    other = {"rear_left": "rear_right", "rear_right": "rear_left"}
    flip = np.array([1.0, 0.0]), np.array([-1.0, 1.0])
    mirrored = {z.name: flip[0] + z.corners * flip[1] for z in zones}
    return [Zone(z.name, mirrored[other.get(z.name, z.name)]) for z in zones]


def custom(shapes: Mapping[str, Shape]) -> list[Zone]:
    """Return the zones of a mapping of seats to boxes or polygons.

    Raises:
        SettingError: If there is none, or one is no box or polygon inside the image; names it.
    """
    if not shapes:
        raise SettingError("zones must name at least one seat, but the mapping is empty")
    return [zone(str(seat), shape) for seat, shape in shapes.items()]


def zone(seat: str, shape: Shape) -> Zone:
    """Return a zone from ``[x0, y0, x1, y1]`` or ``[[x, y], ...]``.

    Raises:
        SettingError: If it is neither, reaches beyond 0..1, or has no area.
    """
    wanted = f"zone of seat {seat!r} must be [x0, y0, x1, y1] or at least three [x, y], in 0..1"
    try:
        values = np.asarray(shape, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SettingError(f"{wanted}, but got {shape}") from error
    if values.shape == (4,):
        x0, y0, x1, y1 = values
        if not (x0 < x1 and y0 < y1):
            raise SettingError(f"{wanted}, with x0 < x1 and y0 < y1, but got {list(shape)}")
        values = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if values.ndim != 2 or values.shape[1] != 2 or len(values) < 3:
        raise SettingError(f"{wanted}, but got {shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise SettingError(f"{wanted}, but got {shape}")
    if _area(values) < 1e-4:
        raise SettingError(f"{wanted}, with an area of at least 0.0001, but got {shape}")
    return Zone(seat, values)


def _area(corners: Array) -> float:
    x, y = corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
