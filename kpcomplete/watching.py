"""Flags unusual stretches of recordings, seat by seat."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kpcomplete import picturing
from kpcomplete.anomaly import Anomaly
from kpcomplete.anomaly.normality import Limit, Normality, fuse, spans
from kpcomplete.archive import read_archive
from kpcomplete.errors import SettingError
from kpcomplete.output import whole
from kpcomplete.pose import PoseSequence
from kpcomplete.process import output_stems
from kpcomplete.recording import Recording

_CLIP = 300  # frames of normal driving, of which every second piece is kept to find thresholds


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """One unusual stretch.

    Attributes:
        file: Name of the recording; with its folders, if several have that name.
        seat: Of the person.
        start: First frame.
        end: Frame after the last.
        score: The highest, in standard deviations of normal driving.
    """

    file: str
    seat: str
    start: int
    end: int
    score: float


def watch(
    recordings: Sequence[str | Path],
    normal: Sequence[str | Path],
    parts: Mapping[str, Anomaly],
    output: str | Path,
    *,
    limit: Limit | None = None,
    min_confidence: float = 0.5,
    min_frames: int = 10,
) -> list[Flagged]:
    """Write ``<stem>.anomaly.png`` for each recording, and ``anomalies.csv``.

    Each seat is judged by the normal driving of the same seat, through the same camera; one that
    is empty all the time is left out.

    Args:
        recordings: Results of ``kpcomplete process``.
        normal: The same, of normal driving.
        parts: Name to score, not fitted; their mean counts.
        output: Folder, made if need be.
        limit: From which score on frames are flagged; by default the 0.99 quantile.
        min_confidence: Joints of which the detector was less sure count as missing.
        min_frames: Shorter stretches are not flagged.

    Raises:
        SettingError: If somebody is on a seat where nobody is in normal driving, or a limit cannot
            be.
    """
    limit = limit or Limit()
    stems = output_stems([str(path) for path in recordings])
    often = Counter(Path(path).name for path in stems)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    usual = [read_archive(path) for path in normal]
    known: dict[str, Normality] = {}
    found: list[Flagged] = []
    for path, stem in stems.items():
        recording = read_archive(path)
        file = Path(path).name if often[Path(path).name] == 1 else path
        scores, limits, flagged = {}, {}, {}
        for seat, poses in recording.raw.items():
            seen = _seen(poses, min_confidence)
            if not seen.isfinite().any():
                continue
            if seat not in known:
                known[seat] = normality(usual, seat, parts, min_confidence)
            score = fuse([known[seat](seen)])
            limits[seat] = limit.of(fuse([known[seat].normal]))
            flagged[seat] = [(a, b) for a, b in spans(score > limits[seat]) if b - a >= min_frames]
            scores[seat] = score.numpy()
            found += [
                Flagged(file=file, seat=seat, start=a, end=b, score=float(score[a:b].max()))
                for a, b in flagged[seat]
            ]  # fmt: skip
        if scores:
            picturing.timeline(
                folder / f"{stem}.anomaly.png", recording.times, scores, limits, flagged
            )
    _write(folder / "anomalies.csv", found)
    return found


def normality(
    usual: Sequence[Recording], seat: str, parts: Mapping[str, Anomaly], min_confidence: float
) -> Normality:
    """Return what is normal of a seat.

    Args:
        usual: Normal driving.
        seat: Of the person.
        parts: Name to score, not fitted.
        min_confidence: Joints of which the detector was less sure count as missing.

    Raises:
        SettingError: If no recording shows somebody there.
    """
    return Normality.fit(parts, [], _clips(usual, seat, min_confidence))


def _clips(usual: Sequence[Recording], seat: str, min_confidence: float) -> list[Tensor]:
    clips = [
        clip
        for recording in usual
        if seat in recording.raw
        for clip in torch.split(_seen(recording.raw[seat], min_confidence), _CLIP)
        if len(clip)
    ]
    if not any(clip.isfinite().any() for clip in clips):
        raise SettingError(
            f"normal driving must show the seat {seat!r} with somebody on it, but no recording does"
        )
    return clips if len(clips) > 1 else list(clips[0].chunk(2))


def _seen(poses: PoseSequence, min_confidence: float) -> Tensor:
    return torch.from_numpy(poses.hide(poses.confidence < min_confidence).keypoints)


def _write(path: Path, found: Sequence[Flagged]) -> None:
    with whole(path) as target, target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "seat", "from", "to", "score"])
        writer.writerows((x.file, x.seat, x.start, x.end, f"{x.score:.2f}") for x in found)
