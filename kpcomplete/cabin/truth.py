"""What is really in each frame of a simulated clip, as a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.visibility import VISIBLE

Array = NDArray[np.float64]

_WORD = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("seat", _WORD),
        ("joint", _WORD),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("x3d", pa.float32()),
        ("y3d", pa.float32()),
        ("z3d", pa.float32()),
        ("visible", pa.bool_()),
        ("cause", _WORD),
    ]
)
#: Key of the table's metadata that says how it was made, as JSON.
KEY = b"kpcomplete"


@dataclass
class Truth:
    """Collects the true joints frame by frame.

    Attributes:
        camera: that took the clip.
        fps: frames a second.
        seed: of what the people do.
        zones: seat -> box that holds the person throughout, x0, y0, x1, y1 as shares of the image;
            grows with every frame.
    """

    camera: Camera
    fps: float
    seed: int
    zones: dict[str, list[float]] = field(default_factory=dict)
    _rows: list[pa.RecordBatch] = field(default_factory=list)

    def add(self, frame: int, seat: str, landmarks: Array, causes: Sequence[str]) -> None:
        """Add one person in one frame.

        Args:
            frame: number from 0.
            seat: "driver" or "passenger".
            landmarks: the 33 of `NAMES` in the vehicle frame, metres, shape (33, 3).
            causes: why each is seen or not, shape (33,).
        """
        seen = self.camera.view(landmarks).astype(np.float32)
        image = self.camera.project(seen.astype(np.float64)).astype(np.float32)
        count = len(NAMES)
        columns = [
            np.full(count, frame, np.int32),
            np.full(count, frame / self.fps),
            pa.array([seat] * count).dictionary_encode(),
            pa.array(NAMES).dictionary_encode(),
            *image.T,
            *seen.T,
            np.array([cause == VISIBLE for cause in causes]),
            pa.array(causes).dictionary_encode(),
        ]
        arrays = [pa.array(column) for column in columns]
        self._rows.append(pa.record_batch(arrays, schema=SCHEMA))

    def grow(self, seat: str, surface: Array, margin: float = 0.02) -> None:
        """Make a seat's zone hold a body's surface, metres in the vehicle frame, shape (V, 3)."""
        seen = self.camera.view(surface)
        image = self.camera.project(seen[seen[:, 2] > 0.1])
        share = image / [self.camera.width, self.camera.height]
        low, high = (share.min(axis=0) - margin), (share.max(axis=0) + margin)
        old = self.zones.get(seat, [1.0, 1.0, 0.0, 0.0])
        box = [*np.minimum(low, old[:2]), *np.maximum(high, old[2:])]
        self.zones[seat] = [round(float(np.clip(value, 0.0, 1.0)), 4) for value in box]

    def about(self) -> dict[str, object]:
        """How the clip was made."""
        camera = {key: float(value) for key, value in asdict(self.camera).items() if key in _INNER}
        return {
            "fps": self.fps,
            "image_size": [self.camera.width, self.camera.height],
            "camera": camera,
            "skeleton": "blazepose33",
            "seed": self.seed,
            "zones": self.zones,
        }

    def write(self, path: Path) -> None:
        """Write the table as Parquet."""
        table = pa.Table.from_batches(self._rows, SCHEMA).unify_dictionaries()
        table = table.replace_schema_metadata({KEY: json.dumps(self.about()).encode()})
        pq.write_table(table, path, compression="zstd", compression_level=19)


_INNER = ("fx", "fy", "cx", "cy")
