"""Half-automatic labelling: propose, show, ask, write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kpcomplete import picturing
from kpcomplete.archive import archives_in, read_archive
from kpcomplete.batch import PoseBatch
from kpcomplete.data.labels import Label, read_labels, write_labels
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.frontal import seen_from_ahead
from kpcomplete.head.learned import Learned
from kpcomplete.head.several import Several
from kpcomplete.normalize import fit
from kpcomplete.output import whole
from kpcomplete.pose import PoseSequence
from kpcomplete.proposing import Segment, answered, entropy, propose

SKIP, STOP = "s", "q"
KEYS = "1234567890abcdefghijklmnoprtuvwxyz"  # all but those of SKIP and STOP


@dataclass(kw_only=True)
class Labelling:
    """Asks about stretches of recordings, the most telling first, and keeps a label file.

    What is in the label file already is not asked again, so that one can stop at any time.

    Args:
        folder: Of results of ``kpcomplete process``.
        labels: CSV file to read and write.
        task: Name of the task.
        classes: Names of its classes.
        length: Frames of a stretch.
        head: That was trained on the labels so far; None: only variety counts.
        picture: PNG that shows the stretch that is asked about.

    Raises:
        SettingError: If there are too many classes for keys, or too few, or one twice; if
            ``length`` is below 1; or if ``labels`` is to be Parquet.
        SourceError: If the folder has no results, or the label file has problems.
    """

    folder: str | Path
    labels: str | Path
    task: str
    classes: Sequence[str]
    length: int = 64
    head: str | Path | None = None
    picture: str | Path | None = None
    segments: list[Segment] = field(init=False, repr=False)
    _people: dict[tuple[str, str], PoseSequence] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 2 <= len(set(self.classes)) == len(self.classes) <= len(KEYS):
            raise SettingError(
                f"a task needs 2 to {len(KEYS)} different classes, but got {self.classes}"
            )
        if self.length < 1:
            raise SettingError(f"stretches need length >= 1 frames, but got {self.length}")
        if Path(self.labels).suffix == ".parquet":
            raise SettingError(f"labels are written as CSV, but should become {self.labels}")
        self._recordings = {path.name: read_archive(path) for path in archives_in(self.folder)}
        self._people = {
            (name, seat): poses
            for name, recording in self._recordings.items()
            for seat, poses in recording.completed.items()
        }
        self.segments = [
            Segment(file=file, seat=seat, start=start, end=start + self.length)
            for (file, seat), poses in self._people.items()
            for start in range(0, len(poses) - self.length + 1, self.length)
            if not poses.is_missing[start : start + self.length].all()
        ]
        if not self.segments:
            raise SourceError(
                f"{self.folder} should hold results of `kpcomplete process` of at least "
                f"{self.length} frames, but has none"
            )

    def __call__(self, ask: Callable[[Segment, Mapping[str, str]], str], count: int) -> int:
        """Ask until ``count`` answers are given, and return how many were.

        Args:
            ask: Returns a key for a stretch; is given the keys and what they mean.
            count: At most.
        """
        found = self._known()
        keys = dict(zip(KEYS, self.classes, strict=False))
        features, unsure = self._features()
        given, skipped = 0, list[int]()
        while given < count:
            known = [*answered(self.segments, found, self.task), *skipped]
            if not (chosen := propose(features, unsure, known, 1)):
                break
            segment = self.segments[chosen[0]]
            self._show(segment)
            key = ask(segment, {**keys, SKIP: "skip", STOP: "stop"})
            if key == STOP:
                break
            if key == SKIP:
                skipped.append(chosen[0])
                continue
            if key not in keys:
                raise SettingError(f"{key!r} is no answer; there are {', '.join(keys)}")
            found.append(Label(file=segment.file, seat=segment.seat, start=segment.start,
                               end=segment.end, task=self.task, answer=keys[key]))  # fmt: skip
            with whole(self.labels) as path:  # after each answer: nothing is ever lost
                write_labels(path, found)
            given += 1
        return given

    def _known(self) -> list[Label]:
        if not Path(self.labels).is_file():
            return []
        frames: dict[str, dict[str, int]] = {}
        for (file, seat), poses in self._people.items():
            frames.setdefault(file, {})[seat] = len(poses)
        return read_labels(self.labels, {self.task: self.classes}, frames)

    def _batch(self, frontal: bool = False) -> PoseBatch:
        """Return the stretches in image widths, or as `kpcomplete.frontal` sees them."""
        cut = [self._poses(segment) for segment in self.segments]
        if frontal:
            eyes = [self._recordings[segment.file].eye() for segment in self.segments]
            cut = [seen_from_ahead(p, eye) for p, eye in zip(cut, eyes, strict=True)]
        width = torch.tensor([float(poses.image_size[0]) for poses in cut])
        batch = PoseBatch.from_sequences(cut)
        return replace(batch, keypoints=batch.keypoints / width[:, None, None, None])

    def _poses(self, segment: Segment) -> PoseSequence:
        return self._people[segment.file, segment.seat][segment.start : segment.end]

    @torch.inference_mode()
    def _features(self) -> tuple[Tensor, Tensor]:
        """Return what tells stretches apart, and how unsure the head is of them."""
        batch = self._batch()
        body = fit(batch).into_body(batch)
        seen = body.observed[..., None]
        mean = (body.keypoints * seen).sum(dim=1) / seen.sum(dim=1).clamp_min(1)
        away = torch.where(seen, body.keypoints - mean[:, None], 0.0)
        features = torch.cat([mean.flatten(1), away.square().mean(dim=1).flatten(1).sqrt()], dim=1)
        if self.head is None:
            return features, torch.ones(len(features))
        network: Several = Learned(weights=self.head).network
        if self.task not in network.tasks:
            raise SettingError(f"{self.head} has no task {self.task!r}; it has "
                               f"{', '.join(network.tasks)}")  # fmt: skip
        asked = self._batch(frontal=True) if network.frontal else batch
        last = asked.frames(slice(-network.past, None))
        return features, entropy(network.probabilities(last)[self.task][:, :-1])

    def _show(self, segment: Segment) -> None:
        if self.picture is None:
            return
        poses = self._poses(segment)
        batch = PoseBatch.from_sequences([poses])
        body = fit(batch).into_body(batch)
        places = np.linspace(0, len(poses) - 1, 6).astype(int)
        points = torch.where(body.observed[..., None], body.keypoints, torch.nan)[0, places]
        picturing.poses(self.picture, points.numpy(), [f"{poses.times[i]:.1f} s" for i in places])
