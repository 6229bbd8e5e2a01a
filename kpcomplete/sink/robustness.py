"""Measure how far completed joints are from the truth that was hidden on purpose."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from kpcomplete import metric
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.result import Result
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source import Source


@dataclass(kw_only=True)
class Robustness:
    """Compares results with `Frame.truth`, at the joints that were hidden or moved.

    Writes a CSV with a row for each person and joint, and one ``all`` a person: ``person, joint,
    hidden, missing, error, pck, coverage90``: how many were hidden; the share that stayed
    missing; the mean distance of the others in body units; the share of all within 0.2 torso
    lengths; the share inside their 90 % ellipse.

    Args:
        path: The CSV file, or None to keep the figures only.
        source: The recording; frames must have a truth.
        provenance: Unused; sinks are made alike.

    Attributes:
        figures: After leaving, the columns of the table.
    """

    path: str | os.PathLike[str] | None = None
    source: Source | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __enter__(self) -> "Robustness":
        self._parts: dict[str, list[tuple[Array, ...]]] = defaultdict(list)
        self.figures: dict[str, list[Any]] = {}
        return self

    def write(self, result: Result, /) -> None:
        """Keep what there is to compare."""
        joints = len(Skeleton.load(CANONICAL))
        for seat, person in result.people.items():
            done = person.completed
            truth = np.full((len(result.frames), joints, 2), np.nan, dtype=np.float32)
            for t, frame in enumerate(result.frames):
                if frame.truth is not None and seat in frame.truth:
                    truth[t] = frame.truth[seat].keypoints
            spoilt = ~(done.is_observed & (person.observed.keypoints == truth).all(axis=-1))
            counted = spoilt & np.isfinite(truth).all(axis=-1)
            covariance = done.covariance
            if covariance is None:
                covariance = np.full((*truth.shape, 2), np.nan, dtype=np.float32)
            self._parts[seat].append((truth, done.keypoints, covariance, counted))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if kind is not None:
            return
        rows = [row for seat in self._parts for row in self._rows(seat)]
        names = ("person", "joint", "hidden", "missing", "error", "pck", "coverage90")
        self.figures = {name: [row[i] for row in rows] for i, name in enumerate(names)}
        if self.path is not None:
            with whole(self.path) as temporary:
                pc.write_csv(pa.table(self.figures), temporary)

    def _rows(self, seat: str) -> list[tuple[Any, ...]]:
        parts = zip(*self._parts[seat], strict=True)
        truth, done, covariance, counted = (np.concatenate(part) for part in parts)
        skeleton = Skeleton.load(CANONICAL)
        unit = metric.body_unit(truth, skeleton)

        def row(name: str, joints: slice | int) -> tuple[Any, ...]:
            t, d, c, n = (x[:, joints] for x in (truth, done, covariance, counted))
            lost = np.isnan(d).any(axis=-1)
            number = int(n.sum())
            return (
                seat,
                name,
                number,
                float((lost & n).sum() / number) if number else float("nan"),
                metric.mean_error(d, t, n, unit),
                metric.pck(d, t, metric.radius(unit), n),
                metric.coverage(d, t, c, 0.9, n),
            )

        return [row("all", slice(None))] + [
            row(joint, j) for j, joint in enumerate(skeleton.joints) if counted[:, j].any()
        ]
