"""A recording whose joints were hidden or moved on purpose."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.frame import Array, Detection, Frame, StreamInfo
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import sequence
from kpcomplete.source import Source


@dataclass(frozen=True, kw_only=True, eq=False)
class Corrupted:
    """Corrupts a whole recording at once, so that all who are tested on it see the same joints.

    Everybody is one row of the batch that is corrupted, in body units of the unspoilt recording.
    Frames lose their images, which would show what is hidden. What was there before stands in
    ``Frame.truth``, or the source's own truth if it has one. A joint that the corruption left
    alone keeps its value to the bit; somebody with no joint left in a frame is absent there.

    Args:
        source: Stored poses, or any source whose frames have people. It is read to its end.
        corruption: Hides joints or moves them.
    """

    source: Source
    corruption: Corruption

    @property
    def info(self) -> StreamInfo:
        """That of the source."""
        return self.source.info

    @cached_property
    def _frames(self) -> tuple[Frame, ...]:
        """The frames of the source, which are corrupted once only."""
        frames = [_without_image(frame) for frame in self.source]
        people = {name: None for frame in frames for name in frame.people}
        if not people:
            return tuple(frames)
        poses = [sequence(frames, name, self.info) for name in people]
        keypoints, confidence = self._corrupt(poses)
        there = np.isfinite(keypoints).all(axis=-1).any(axis=-1)
        out = []
        for t, frame in enumerate(frames):
            left = {
                name: Detection(keypoints=keypoints[i, t], confidence=confidence[i, t])
                for i, name in enumerate(people)
                if there[i, t]
            }
            truth = frame.people if frame.truth is None else frame.truth
            out.append(Frame(index=frame.index, time=frame.time, people=left, truth=truth))
        return tuple(out)

    @torch.inference_mode()
    def _corrupt(self, poses: list[PoseSequence]) -> tuple[Array, Array]:
        """Return ``[P, T, 33, 2]`` pixels, NaN where hidden, and ``[P, T, 33]`` confidences."""
        pixels = PoseBatch.from_sequences(poses)
        placement = normalize.fit(pixels)
        clean = placement.into_body(pixels)
        spoilt = self.corruption(clean)
        seen = (spoilt.observed & clean.observed).numpy()
        moved = (spoilt.keypoints != clean.keypoints).any(dim=-1).numpy()
        places = placement.into_pixels(spoilt).keypoints.numpy()
        own = np.stack([s.keypoints for s in poses])
        keypoints = np.where(moved[..., None], places, own)
        keypoints = np.where(seen[..., None], keypoints, np.nan).astype(np.float32)
        return keypoints, np.where(seen, spoilt.confidence.numpy(), 0).astype(np.float32)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)


def _without_image(frame: Frame) -> Frame:
    return Frame(index=frame.index, time=frame.time, people=frame.people, truth=frame.truth)
