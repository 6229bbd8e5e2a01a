"""The head frame by frame: the encoder sees each frame once."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np
import torch
from torch import nn

from kpcomplete.batch import PoseBatch
from kpcomplete.head.several import Several
from kpcomplete.model import Prediction
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal
from kpcomplete.normalize import Placement
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.rows import Rows, Visits
from kpcomplete.single import gelu, linear, numpy
from kpcomplete.whereabouts import Whereabouts


class Live:
    """Classifies people as `Several` does, for the work of one frame.

    Equals the network on the window of all frames so far, as long as these are no more than
    ``network.past``. After that means are taken over so many frames, and the encoder forgets what
    was observed before them; but its latents know a little more than those of a window that starts
    there. A seat that was empty for so long is that of somebody new.

    Args:
        network: Trained, see `can`; copied.
        fused: See `kpcomplete.model.streaming.Stream`.
    """

    def __init__(self, network: Several, fused: Fused | None = None) -> None:
        self._past, self._now = network.past, -1
        self._enough, self._completed = network.enough, network.completed
        self._sizes = {task: len(classes) + 1 for task, classes in network.tasks.items()}
        self._visits, self._places = Visits(network.past), Whereabouts(network.past)
        self._people: list[str] = []
        joints, width = len(network.encoder.skeleton), 0
        self._stream: Stream | None = None
        if self._completed and isinstance(network.encoder, Temporal):
            self._stream = Stream(network.encoder, window=network.past, fused=fused)
            width = self._stream.width
        self._rows = Rows(
            frames=np.zeros((), np.int64),
            codes=np.zeros((network.past, width)),
            points=np.zeros((network.past, joints, 2)),
            known=np.zeros((network.past, joints)),
            observed=np.zeros((network.past, joints)),
        )
        self._middle, self._width = numpy(network.middle), numpy(network.width)
        self._heads = {
            task: [linear(layer) for layer in head if isinstance(layer, nn.Linear)]
            for (task, head) in network.heads.items()
            if isinstance(head, nn.Sequential)
        }
        self._temperature = numpy(network.temperature)

    @staticmethod
    def can(network: Several) -> bool:
        """Whether there is a form frame by frame: none of encoders that were not made for it."""
        return not network.completed or isinstance(network.encoder, Temporal)

    @torch.inference_mode()
    def __call__(self, people: Mapping[str, PoseSequence], /) -> dict[str, dict[str, Array]]:
        """Return seat and task to probabilities ``[T, C]`` of the next frames."""
        frames = [
            [poses[t : t + 1] for t in range(len(poses))] if len(poses) > 1 else [poses]
            for poses in people.values()
            if len(poses)
        ]
        out: dict[str, list[dict[str, Array]]] = {seat: [] for seat in people}
        for step in zip_longest(*frames):
            now = {poses.person: poses for poses in step if poses is not None}
            for seat, found in self._step(now).items():
                out[seat].append(found)
        return {
            seat: {
                task: np.concatenate([np.zeros((0, size), np.float32), *(f[task] for f in found)])
                for task, size in self._sizes.items()
            }
            for seat, found in out.items()
        }

    def _step(self, people: Mapping[str, PoseSequence]) -> dict[str, dict[str, Array]]:
        there = {seat: bool(poses.is_observed.any()) for seat, poses in people.items()}
        names = self._visits(there)
        found = self._unknown(len(names))
        if names:
            found = self._seated([people[seat] for seat in names], list(names.values()))
        nobody = self._unknown(1)
        rows = {seat: row for row, seat in enumerate(names)}
        return {
            seat: {task: values[rows[seat]][None] for task, values in found.items()}
            if seat in rows
            else nobody
            for seat in people
        }

    def _unknown(self, people: int) -> dict[str, Array]:
        out = {task: np.zeros((people, size), np.float32) for task, size in self._sizes.items()}
        for values in out.values():
            values[:, -1] = 1.0
        return out

    def _seated(self, people: Sequence[PoseSequence], names: list[str]) -> dict[str, Array]:
        """Return task to probabilities ``[P, C]`` of people of one frame."""
        self._now += 1
        observed = np.stack([poses.is_observed[0] for poses in people])
        points = np.stack(
            [poses.keypoints[0] / np.float32(poses.image_size[0]) for poses in people]
        )
        points[~observed] = 0.0
        centre, scale = self._places(points, observed, names)
        self._rows.follow(names)
        known, filled, code = observed, points.astype(np.float64), np.zeros((len(people), 0))
        if self._stream is not None:
            found = self._encode(points, observed, centre, scale, names, people[0].fps)
            known = observed | found.known[:, 0].numpy()
            body = found.mean[:, 0].numpy() * scale[:, None, None] + centre[:, None]
            filled, code = np.where(observed[..., None], points, body), self._stream.code
        self._keep(code, filled, known, observed)
        features = self._features(code, filled, known, centre, scale)
        return self._decide((features - self._middle) / self._width)

    def _encode(
        self, points: Array, observed: Array, centre: Array, scale: Array, names: list[str],
        fps: float,
    ) -> Prediction:  # fmt: skip
        assert self._stream is not None  # see __init__
        if names != self._people:
            rows = {name: row for row, name in enumerate(self._people)}
            self._stream.arrange([rows.get(name) for name in names])
            self._people = names
        batch = PoseBatch(
            keypoints=torch.from_numpy(points)[:, None],
            confidence=torch.from_numpy(observed.astype(np.float32))[:, None],
            observed=torch.from_numpy(observed)[:, None],
            times=torch.zeros(len(points), 1),
        )
        placement = Placement(centre=torch.from_numpy(centre), scale=torch.from_numpy(scale))
        found, _ = self._stream.step(batch, self._now / fps, placement)
        return found

    def _keep(self, code: Array, points: Array, known: Array, observed: Array) -> None:
        rows, place = self._rows, self._now % self._past
        rows["codes"][:, place], rows["points"][:, place] = code, points
        rows["known"][:, place], rows["observed"][:, place] = known, observed
        rows["frames"][:] += 1

    def _features(
        self, code: Array, points: Array, known: Array, centre: Array, scale: Array
    ) -> Array:
        """Return what `Several.features` does ``[P, F]``."""
        rows, unit = self._rows, scale[:, None].astype(np.float64)
        frames = np.minimum(rows["frames"], self._past)[:, None]
        weight = rows["known"][..., None]
        count = np.maximum(weight.sum(axis=1), 1)
        mean = (rows["points"] * weight).sum(axis=1) / count
        spread = (np.square(rows["points"] - mean[:, None]) * weight).sum(axis=1) / count
        moved = np.sqrt((spread[..., 0] + spread[..., 1]) / np.square(unit) + 1e-6)
        ever = weight.any(axis=1)
        middle = np.where(ever, (mean - centre[:, None]) / unit[..., None], 0.0)
        last = np.where(known[..., None], (points - centre[:, None]) / unit[..., None], middle)
        people = len(points)
        parts = [code, rows["codes"].sum(axis=1) / frames] if self._stream else []
        parts += [last.reshape(people, -1), middle.reshape(people, -1), moved]
        parts += [rows["observed"].sum(axis=1) / frames, centre, np.log(unit)]
        features: Array = np.concatenate(parts, axis=1).astype(np.float32)
        return features

    def _decide(self, features: Array) -> dict[str, Array]:
        seen = self._rows["observed"].any(axis=1).sum(axis=1) >= self._enough
        out = self._unknown(len(features))
        for (task, layers), temperature in zip(self._heads.items(), self._temperature, strict=True):
            found = features
            for number, (weight, bias) in enumerate(layers):
                found = (gelu(found) if number else found) @ weight + bias
            logits = found / temperature
            share = np.exp(logits - logits.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            out[task][:, :-1] = np.where(seen[:, None], share, 0.0)
            out[task][:, -1] = ~seen
        return out
