"""Your own recordings with your own labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from kpcomplete.archive import archives_in, read_archive
from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import LabelledSet
from kpcomplete.data.labels import read_labels
from kpcomplete.errors import SettingError
from kpcomplete.frontal import seen_from_ahead
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import Recording

MIN_CONFIDENCE = 0.5  # as process believes the detector


@dataclass(frozen=True, kw_only=True)
class Own:
    """Results of ``kpcomplete process``, and a label file that names them.

    Args:
        labels: CSV or Parquet, see `kpcomplete.data.labels.read_labels`.
        folder: Where the recordings that it names are.
        tasks: Name of a task to names of its classes.
        frontal: See people as `kpcomplete.frontal` does. Where the camera is in the car stands in
            the archives then, of recordings that were lifted to 3D.
    """

    labels: str
    folder: str
    tasks: Mapping[str, Sequence[str]]
    frontal: bool = False

    def load(self) -> LabelledSet:
        """Return what the detector saw, a clip for each seat, and the classes.

        Raises:
            SourceError: If a file cannot be read, or with all problems of the label file.
            SettingError: If it has no label, frame rates differ, or nobody knows where in the car
                a camera is whose people are to be seen from ahead.
        """
        read = {path.name: read_archive(path) for path in archives_in(self.folder)}
        found = {name: recording.raw for name, recording in read.items()}
        frames = {name: {seat: len(p) for seat, p in s.items()} for name, s in found.items()}
        labels = read_labels(self.labels, self.tasks, frames)
        used = sorted({(label.file, label.seat) for label in labels})
        if not used:
            raise SettingError(f"{self.labels} must have labels to learn from, but has none")
        clips = [self._believed(read[name], seat) for name, seat in used]
        rates = {clip.fps for clip in clips}
        if len(rates) != 1:
            raise SettingError(
                f"labelled recordings must have one frame rate, but have {sorted(rates)}"
            )
        poses = PoseSet.from_clips(
            [torch.from_numpy(clip.keypoints / clip.image_size[0]) for clip in clips],
            people=[f"{name}:{seat}" for name, seat in used],
            views=["own"] * len(used),
            fps=rates.pop(),
        )
        return LabelledSet.from_labels(poses, self.tasks, labels, used, frontal=self.frontal)

    def _believed(self, recording: Recording, seat: str) -> PoseSequence:
        raw = recording.raw[seat]
        believed = raw.hide(raw.confidence < MIN_CONFIDENCE)
        return seen_from_ahead(believed, recording.eye()) if self.frontal else believed
