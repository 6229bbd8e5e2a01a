"""Recordings on which completers are tried, by the pipeline that is used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from kpcomplete import metric, sample
from kpcomplete.completer import Completer
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import reseed_all
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.gate import Gate
from kpcomplete.gate.belief import believed
from kpcomplete.material import Answer
from kpcomplete.pipeline import Pipeline
from kpcomplete.pose import Array
from kpcomplete.recording import sequence
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.source import Source
from kpcomplete.source.auto import open_source
from kpcomplete.source.corrupted import Corrupted
from kpcomplete.source.poses import Poses
from kpcomplete.window import Window


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded:
    """A recording, completed by the pipeline as ``process`` does it.

    Args:
        poses: Whoever is in it.
        known: Seat to true joints ``[T, 33, 2]`` in pixels; seats may be absent.
        alone: Nobody in another recording is the same person, even with the same seat's name.
    """

    poses: Poses
    known: Mapping[str, Array] = field(default_factory=dict)
    alone: bool = True

    @property
    def name(self) -> str:
        """That of the file."""
        return self.poses.info.name

    @property
    def people(self) -> tuple[str, ...]:
        """Seats, of this recording unless people are the same in all."""
        return tuple(f"{self.name}:{s}" if self.alone else s for s in self.poses.people)

    @cached_property
    def given(self) -> Array:
        """``[N, T, J, 2]`` pixels."""
        return np.stack([pose.keypoints for pose in self.poses.people.values()])

    @cached_property
    def truth(self) -> Array:
        """``[N, T, J, 2]`` pixels."""
        truth = self.given.copy()
        for row, seat in enumerate(self.poses.people):
            if seat in self.known:
                truth[row] = np.nan
                frames = min(len(truth[row]), len(self.known[seat]))
                truth[row, :frames] = self.known[seat][:frames]
        return truth

    @cached_property
    def unit(self) -> Array:
        """``[N]`` pixels."""
        skeleton = Skeleton.load(CANONICAL)
        return np.array([metric.body_unit(truth, skeleton) for truth in self.truth])

    def spoil(self, corruption: Corruption) -> "SpoiltRecording":
        """Return the recording without some joints."""
        reseed_all([corruption], 0)
        source = Corrupted(source=self.poses, corruption=corruption)
        spoilt = SpoiltRecording(source=source, people=tuple(self.poses.people))
        assert len(spoilt.seen)  # drawn now, before the corruption starts anew elsewhere
        return spoilt


@dataclass(frozen=True, kw_only=True, eq=False)
class SpoiltRecording:
    """A recording that has lost joints.

    Args:
        source: Of its frames.
        people: Who was there before.
    """

    source: Corrupted
    people: tuple[str, ...]

    @cached_property
    def seen(self) -> Array:
        """``[N, T, J, 2]`` pixels."""
        frames = list(self.source)
        return np.stack([sequence(frames, p, self.source.info).keypoints for p in self.people])

    def complete(self, completer: Completer, window: Window) -> Answer:
        """Return what the pipeline makes of it."""
        pipeline = Pipeline(
            detector=Stored(),
            window=window,
            completer=completer,
            min_confidence=0.0,
            max_absence=np.inf,
        )
        keypoints = np.full_like(self.seen, np.nan)
        covariance = np.full((*self.seen.shape, 2), np.nan, dtype=np.float32)
        start = 0
        for result in pipeline.run(self.source):
            frames = slice(start, start + len(result.frames))
            for row, person in enumerate(self.people):
                if person in result.people:
                    done = result.people[person].completed
                    keypoints[row, frames] = done.keypoints
                    if done.covariance is not None:
                        covariance[row, frames] = done.covariance
            start = frames.stop
        return Answer(keypoints=keypoints, covariance=covariance)


def stored(
    source: Source,
    *,
    limit: int | None = None,
    min_confidence: float = 0.0,
    gate: Gate | None = None,
) -> Poses:
    """Return the first frames of a recording of poses, as far as they are trusted.

    Args:
        source: The recording.
        limit: Frames; None for all.
        min_confidence: Joints of which the detector is less sure count as not detected.
        gate: Nor do those count that it distrusts.

    Raises:
        SettingError: If ``limit`` is below 1.
        SourceError: If the source is no file of poses, or nobody is in it.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"limit must be at least 1 frame, or null, but is {limit}")
    if not isinstance(source, Poses):
        raise SourceError(
            f"{source.info.name} must be a file of poses, but has images; find the people first "
            f"with: kpcomplete process source={source.info.name}"
        )
    cut = [pose[:limit] for pose in source.people.values()]
    people = [believed(pose, min_confidence, gate) for pose in cut]
    people = [pose for pose in people if pose.is_observed.any()]
    if not people:
        raise SourceError(
            f"nobody is in {source.info.name} with a confidence of at least {min_confidence}"
        )
    return Poses.from_sequences(people, name=source.info.name)


def true_joints(poses: Poses, path: str | None) -> Mapping[str, Array]:
    """Return seat to true joints ``[T, 33, 2]`` in pixels.

    Args:
        poses: The recording.
        path: Poses of the same frames and seats, or the truth of a drawn clip; ``sample`` is that
            of the bundled one. None: ``<stem>.truth.parquet`` beside the recording, if it is there.

    Raises:
        SettingError: If nobody in it is in the recording.
        SourceError: If the file cannot be read.
    """
    if path is None:
        beside = Path(poses.info.name).with_suffix(".truth.parquet")
        if not beside.is_file():
            return {}
        path = str(beside)
    if path == "sample" or path.endswith(".truth.parquet"):
        drawn = sample.read_truth(sample.TRUTH if path == "sample" else path)
        known = {seat: one.keypoints for seat, one in drawn.items()}
    else:
        known = {seat: pose.keypoints for seat, pose in stored(open_source(path)).people.items()}
    if len(known) == len(poses.people) == 1:
        known = dict.fromkeys(poses.people, *known.values())
    if not set(known) & set(poses.people):
        raise SettingError(
            f"{path} must tell the truth of {', '.join(poses.people)}, but speaks of "
            f"{', '.join(known)}"
        )
    return known
