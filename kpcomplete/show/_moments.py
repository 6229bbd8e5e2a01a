"""Moments of recordings or data sets, and what an encoder makes of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.archive import Recording, read_archive
from kpcomplete.batch import PoseBatch
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.model import Autoencoder
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

_ENOUGH = 4  # joints that make somebody present
_PIECE = 256  # windows encoded at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """One person in one frame.

    Attributes:
        seat: Who.
        place: Which of the recordings, or which clip of a data set.
        frame: Number within it.
        time: Seconds within it.
        keypoints: ``[33, 2]`` pixels, completed where that is known.
        state: ``[33]``, values of `kpcomplete.pose.Visibility`.
        image_size: Width, height in pixels; of a data set how far its joints reach.
        classes: Task to the number of the likeliest class.
        window: ``[L, 33, 2]`` pixels, what was seen in the frames up to this one.
        fps: Frames per second of the window.
    """

    seat: str
    place: int
    frame: int
    time: float
    keypoints: Array
    state: Array
    image_size: tuple[int, int]
    window: Tensor
    fps: float
    classes: dict[str, int] = field(default_factory=dict)


def of_recordings(
    paths: Sequence[str | Path], *, count: int, length: int, min_confidence: float
) -> list[Moment]:
    """Return moments spread evenly over everybody in results of ``kpcomplete process``.

    Args:
        paths: The Parquet files.
        count: Of moments, at most.
        length: Frames of a window.
        min_confidence: Joints of which the detector was less sure count as missing.

    Raises:
        SettingError: If nobody is in them for as long as a window.
    """
    skeleton = Skeleton.load(CANONICAL)
    found = []
    for place, path in enumerate(paths):
        recording = read_archive(path).to(skeleton)
        for seat in recording.raw:
            found += list(_of_seat(recording, place, seat, length, min_confidence))
    return _some(found, count, length)


def of_data(poses: PoseSet, *, count: int, length: int) -> list[Moment]:
    """Return moments spread evenly over a data set; each person is called by name and view."""
    starts = poses.starts(length, 1)
    rows = np.linspace(0, len(starts) - 1, min(count, len(starts))).round().astype(int)
    clips = torch.searchsorted(poses.clips[:, 0].contiguous(), starts[rows], right=True) - 1
    span = poses.keypoints[torch.isfinite(poses.keypoints).all(dim=-1)]
    size = (max(1, int(span[:, 0].max())), max(1, int(span[:, 1].max())))
    found = []
    for start, clip in zip(starts[rows].tolist(), clips.tolist(), strict=True):
        window = poses.keypoints[start : start + length]
        last = window[-1].numpy()
        frame = start + length - 1 - int(poses.clips[clip, 0])
        found.append(
            Moment(
                seat=f"{poses.people[clip]} {poses.views[clip]}", place=clip, frame=frame,
                time=frame / poses.fps, keypoints=last, image_size=size, window=window,
                state=np.where(np.isfinite(last).all(axis=-1), 2, 0), fps=poses.fps,
            )
        )  # fmt: skip
    return _some(found, count, length)


def encode(network: Autoencoder, moments: Sequence[Moment]) -> Tensor:
    """Return the latents ``[N, D]`` of the last frames of windows, from the past alone."""
    codes = []
    for first in range(0, len(moments), _PIECE):
        piece = moments[first : first + _PIECE]
        batch = PoseBatch.from_keypoints(torch.stack([m.window for m in piece]), fps=1.0)
        batch = replace(batch, times=batch.times / torch.tensor([[m.fps] for m in piece]))
        with torch.inference_mode():
            body = normalize.fit(batch).into_body(batch)
            codes.append(network.encode(body, causal=True).code[:, -1].clone())
    return torch.cat(codes)


def _of_seat(
    recording: Recording, place: int, seat: str, length: int, min_confidence: float
) -> Iterator[Moment]:
    raw, completed = recording.raw[seat], recording.completed[seat]
    seen = torch.from_numpy(raw.hide(raw.confidence < min_confidence).keypoints)
    present = (seen.isfinite().all(dim=-1).sum(dim=-1) >= _ENOUGH).numpy()
    classes = recording.classes.get(seat, {})
    for i in np.flatnonzero(present):
        if i + 1 >= length:
            yield Moment(
                seat=seat, place=place, frame=int(recording.frames[i]),
                time=float(recording.times[i]), keypoints=completed.keypoints[i],
                state=completed.visibility[i], image_size=recording.image_size,
                window=seen[i + 1 - length : i + 1], fps=recording.fps,
                classes={task: int(np.argmax(np.nan_to_num(p[i]))) for task, p in classes.items()},
            )  # fmt: skip


def _some(moments: list[Moment], count: int, length: int) -> list[Moment]:
    if len(moments) < 2:
        raise SettingError(
            f"latents need two moments at least with {_ENOUGH} joints and {length - 1} frames "
            f"before them, but got {len(moments)}"
        )
    rows = np.linspace(0, len(moments) - 1, min(count, len(moments))).round().astype(int)
    return [replace(moments[i], window=moments[i].window.clone()) for i in rows]
