"""Gates on sequences in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.gate import Gate, Stream, Streaming
from kpcomplete.gate.signs import TRUSTED
from kpcomplete.pose import Array, PoseSequence


class Guard:
    """Has a gate judge the people of a recording, each frame once, whatever the window shows.

    Args:
        gate: That judges.
        past: Frames before those to be judged that it may see.
    """

    def __init__(self, gate: Gate, past: int = 45) -> None:
        self.gate, self.past = gate, past
        self._seen: dict[str, PoseSequence] = {}  # the last frames that were judged
        self._hidden: dict[str, dict[float, Array]] = {}  # what was distrusted, by time
        self._stream: Stream | None = None

    def __call__(self, raw: PoseSequence) -> Array:
        """Return which joints of a person are distrusted, ``[T, J]`` bool.

        Args:
            raw: All that was reported, in frames of which only the last may be new; times rise.
        """
        known = self._hidden.setdefault(raw.person, {})
        fresh = raw[sum(time in known for time in raw.times) :]
        if len(fresh):
            seen = self._seen.get(raw.person)
            shown = fresh if seen is None else _joined(seen, fresh)
            hidden = self._judge(shown, len(fresh))
            known.update(zip(fresh.times.tolist(), hidden, strict=True))
            self._seen[raw.person] = shown[max(0, len(shown) - self.past) :]
        self._hidden[raw.person] = {time: known[time] for time in raw.times.tolist()}
        return np.array([*self._hidden[raw.person].values()]).reshape(raw.confidence.shape)

    def follow(self, raw: Mapping[str, PoseSequence]) -> dict[str, Array]:
        """Return seat to distrusted joints ``[1, J]`` of the next frame, when live.

        Args:
            raw: Seat to all that was reported in that frame, of everyone who is followed.
        """
        if not isinstance(self.gate, Streaming):
            return {seat: self(poses) for seat, poses in raw.items()}
        people = list(raw.values())
        if not people:
            return {}
        if self._stream is None:
            self._stream = self.gate.stream(self.past + 1)
        observed = np.concatenate([poses.is_observed for poses in people])
        doubt = self._stream(
            PoseBatch.of_frame(people, observed), [poses.image_size for poses in people],
            list(raw), float(people[0].times[0]),
        )  # fmt: skip
        return dict(zip(raw, (doubt > self.gate.distrust)[:, None], strict=True))

    def _judge(self, shown: PoseSequence, last: int) -> Array:
        if not shown.is_observed.any():
            return np.zeros((last, len(shown.skeleton)), dtype=bool)
        (found,) = doubts([shown], self.gate, last)
        hidden: Array = found > self.gate.distrust
        return hidden


@torch.inference_mode()
def doubts(sequences: Sequence[PoseSequence], gate: Gate, last: int | None = None) -> Array:
    """Return how likely reported joints are not there, ``[P, T, J]``; 0 where none is reported.

    Args:
        sequences: P people over the same frames, canonical skeleton, all that was reported.
        gate: That judges.
        last: Ask only about the last so many frames; None: about all.
    """
    found: Array = gate(*placed(sequences), last).numpy()
    return found


def _joined(before: PoseSequence, after: PoseSequence) -> PoseSequence:
    return PoseSequence.observed(
        np.concatenate([before.keypoints, after.keypoints]),
        np.concatenate([before.confidence, after.confidence]),
        skeleton=after.skeleton,
        fps=after.fps,
        image_size=after.image_size,
        person=after.person,
        times=np.concatenate([before.times, after.times]),
    )


def placed(sequences: Sequence[PoseSequence]) -> tuple[PoseBatch, Tensor]:
    """Return what a gate takes: windows in body units, and where their images end.

    Bodies are placed by the joints of which the detector is sure.
    """
    pixels = PoseBatch.from_sequences(sequences)
    placement = normalize.fit(pixels.hide(pixels.confidence < TRUSTED))
    image = torch.tensor([(0, 0, *poses.image_size) for poses in sequences]).to(pixels.keypoints)
    edges = (image - placement.centre.repeat(1, 2)) / placement.scale[:, None]
    return placement.into_body(pixels), edges


def mirrored(batch: PoseBatch, edges: Tensor, mirror: Tensor) -> tuple[PoseBatch, Tensor]:
    """Return people and images as in a mirror.

    Args:
        batch: Body units.
        edges: ``[B, 4]``.
        mirror: ``[J]`` the joint of the other side.
    """
    flip = batch.keypoints.new_tensor([-1.0, 1.0])
    left, top, right, bottom = edges.unbind(dim=-1)
    swapped = replace(
        batch,
        keypoints=batch.keypoints[:, :, mirror] * flip,
        confidence=batch.confidence[:, :, mirror],
        observed=batch.observed[:, :, mirror],
    )
    return swapped, torch.stack([-right, top, -left, bottom], dim=-1)
