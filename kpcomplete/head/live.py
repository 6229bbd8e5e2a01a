"""The head frame by frame: the encoder sees each frame once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
import torch
from torch import nn

from kpcomplete.batch import PoseBatch
from kpcomplete.head.several import Several
from kpcomplete.model.engine import Engine
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal
from kpcomplete.normalize import Placement
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.rows import Rows, Visits
from kpcomplete.single import gelu, linear, numpy, squared
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
        # sums over the window: of points that are known, of their squares, of frames that show a
        # joint, or where it is known, and of latents
        ends = np.cumsum([0, 2 * joints, joints, joints, joints, width])
        self._parts = [slice(*ends) for ends in pairwise(ends)]
        self._rows = Rows(frames=np.zeros((), np.int64), kept=np.zeros((network.past, ends[-1])))
        self._ones = np.ones(network.past)
        self._middle, self._width = numpy(network.middle), numpy(network.width)
        self._tasks = list(network.tasks)
        layers = [
            [linear(layer) for layer in head if isinstance(layer, nn.Linear)]
            for head in network.heads.values()
            if isinstance(head, nn.Sequential)
        ]
        # of all tasks together: first layers side by side, later ones as blocks
        first, *later = zip(*layers, strict=True)
        self._layers = [(np.concatenate([weight for weight, _ in first], axis=1), _row(first))]
        self._layers += [(_diagonal([weight for weight, _ in same]), _row(same)) for same in later]
        ends = np.cumsum([0, *(size - 1 for size in self._sizes.values())])
        self._starts = ends[:-1]
        self._own = [slice(*ends) for ends in pairwise(ends)]
        self._which = np.repeat(np.arange(len(self._tasks)), np.diff(ends))
        self._temperature = numpy(network.temperature)[self._which]
        self._ready: tuple[Mapping[str, PoseSequence], _Shown | None] | None = None

    @staticmethod
    def can(network: Several) -> bool:
        """Whether there is a form frame by frame: none of encoders that were not made for it."""
        return not network.completed or isinstance(network.encoder, Temporal)

    def join(self, engine: Engine) -> None:
        """Let the encoder run together with a completer's network, if it is the same."""
        if self._stream is not None:
            self._stream.join(engine)

    def prepare(self, people: Mapping[str, PoseSequence], /) -> None:
        """Take the next frame before it is asked for, so that a pass of the network can be shared.

        Args:
            people: Of the next call, one frame each.
        """
        if all(len(poses) == 1 for poses in people.values()):
            self._ready = people, self._look(people)

    @torch.inference_mode()
    def __call__(self, people: Mapping[str, PoseSequence], /) -> dict[str, dict[str, Array]]:
        """Return seat and task to probabilities ``[T, C]`` of the next frames."""
        ready, self._ready = self._ready, None
        if ready is not None and ready[0] is people:
            return self._step(people, ready[1])
        if people and all(len(poses) == 1 for poses in people.values()):
            return self._step(people, self._look(people))
        frames = [
            [poses[t : t + 1] for t in range(len(poses))] for poses in people.values() if len(poses)
        ]
        out: dict[str, list[dict[str, Array]]] = {seat: [] for seat in people}
        for step in zip_longest(*frames):
            now = {poses.person: poses for poses in step if poses is not None}
            for seat, found in self._step(now, self._look(now)).items():
                out[seat].append(found)
        return {
            seat: {
                task: np.concatenate([np.zeros((0, size), np.float32), *(f[task] for f in found)])
                for task, size in self._sizes.items()
            }
            for seat, found in out.items()
        }

    def _step(
        self, people: Mapping[str, PoseSequence], shown: "_Shown | None"
    ) -> dict[str, dict[str, Array]]:
        nobody = self._unknown(1)
        out = dict.fromkeys(people, nobody)
        if shown is not None:
            found = self._seated(shown)
            for row, seat in enumerate(shown.seats):
                out[seat] = {task: values[row : row + 1] for task, values in found.items()}
        return out

    def _unknown(self, people: int) -> dict[str, Array]:
        out = {task: np.zeros((people, size), np.float32) for task, size in self._sizes.items()}
        for values in out.values():
            values[:, -1] = 1.0
        return out

    def _look(self, people: Mapping[str, PoseSequence]) -> "_Shown | None":
        """Return people of one frame, of whom the encoder has taken what it needs."""
        seen = {seat: poses.is_observed for seat, poses in people.items()}
        seats = self._visits({seat: bool(shown.any()) for seat, shown in seen.items()})
        if not seats:
            return None
        self._now += 1
        names, some = list(seats.values()), [people[seat] for seat in seats]
        observed = np.concatenate([seen[seat] for seat in seats])
        width = [[[np.float32(poses.image_size[0])]] for poses in some]
        points = np.concatenate([poses.keypoints for poses in some]) / np.array(width, np.float32)
        points[~observed] = 0.0
        centre, scale = self._places(points, observed, names)
        self._rows.follow(names)
        if self._stream is not None:
            self._show(points, observed, centre, scale, names, some[0].fps)
        return _Shown(tuple(seats), points, observed, centre, scale)

    def _show(
        self, points: Array, observed: Array, centre: Array, scale: Array, names: list[str],
        fps: float,
    ) -> None:  # fmt: skip
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
        self._stream.look(batch, self._now / fps, placement)

    def _seated(self, shown: "_Shown") -> dict[str, Array]:
        """Return task to probabilities ``[P, C]`` of people of one frame."""
        points, observed = shown.points.astype(np.float64), shown.observed
        known, code = observed, None
        if self._stream is not None:
            found, code = self._stream.decide(), self._stream.code
            known = observed | found.known
            body = found.mean * shown.scale[:, None, None] + shown.centre[:, None]
            np.copyto(points, body, where=~observed[..., None])
        sums = self._summed(code, points, known, observed)
        features = self._features(sums, code, points, known, shown)
        features -= self._middle
        features /= self._width
        return self._decide(features, sums)

    def _summed(
        self, code: Array | None, points: Array, known: Array, observed: Array
    ) -> list[Array]:
        """Return sums over the window, of all that is kept."""
        rows = self._rows
        kept, people = rows["kept"], len(points)
        now = kept[:, self._now % self._past]
        weighted = points * known[..., None]
        places, squares, sure, seen, codes = (now[:, part] for part in self._parts)
        places[:], squares[:] = weighted.reshape(people, -1), squared(weighted)
        sure[:], seen[:] = known, observed
        if code is not None:
            codes[:] = code
        rows["frames"][:] += 1
        sums = self._ones @ kept
        return [sums[:, part] for part in self._parts]

    def _features(
        self, sums: list[Array], code: Array | None, points: Array, known: Array, shown: "_Shown"
    ) -> Array:
        """Return what `Several.features` does ``[P, F]``."""
        places, squares, sure, seen, codes = sums
        people, unit = len(points), shown.scale[:, None].astype(np.float64)
        frames = np.minimum(self._rows["frames"], self._past)[:, None]
        count, centre = np.maximum(sure, 1), shown.centre[:, None]
        mean = places.reshape(points.shape) / count[..., None]
        spread = squares / count - squared(mean)
        moved = np.sqrt(np.maximum(spread, 0) / np.square(unit) + 1e-6)
        middle = (mean - centre) / unit[..., None] * (sure > 0)[..., None]
        last = np.where(known[..., None], (points - centre) / unit[..., None], middle)
        parts = [] if code is None else [code, codes / frames]
        parts += [last.reshape(people, -1), middle.reshape(people, -1), moved, seen / frames,
                  shown.centre, np.log(unit)]  # fmt: skip
        features: Array = np.concatenate(parts, axis=1, dtype=np.float32, casting="same_kind")
        return features

    def _decide(self, features: Array, sums: list[Array]) -> dict[str, Array]:
        enough = np.count_nonzero(sums[3], axis=1) >= self._enough
        found = features
        for number, (weight, bias) in enumerate(self._layers):
            found = np.dot(gelu(found) if number else found, weight)
            found += bias
        found /= self._temperature
        found -= np.maximum.reduceat(found, self._starts, axis=1).take(self._which, axis=1)
        np.exp(found, out=found)
        share = enough[:, None] / np.add.reduceat(found, self._starts, axis=1)
        found *= share.take(self._which, axis=1)
        out = {}
        for task, own in zip(self._tasks, self._own, strict=True):
            out[task] = np.empty((len(found), self._sizes[task]), np.float32)
            out[task][:, :-1], out[task][:, -1] = found[:, own], ~enough
        return out


def _row(layers: Sequence[tuple[Array, Array]]) -> Array:
    return np.concatenate([bias for _, bias in layers])


def _diagonal(blocks: Sequence[Array]) -> Array:
    """Return a matrix of blocks on its diagonal, 0 elsewhere."""
    out = np.zeros(np.sum([block.shape for block in blocks], axis=0), np.float32)
    row = column = 0
    for block in blocks:
        rows, columns = block.shape
        out[row : row + rows, column : column + columns] = block
        row, column = row + rows, column + columns
    return out


@dataclass(frozen=True, eq=False)
class _Shown:
    """People of one frame, in image widths.

    Attributes:
        seats: Of the P people who are there, or were of late.
        points: ``[P, J, 2]``, 0 where not observed.
        observed: ``[P, J]``.
        centre: ``[P, 2]`` see `Placement`.
        scale: ``[P]``.
    """

    seats: tuple[str, ...]
    points: Array
    observed: Array
    centre: Array
    scale: Array
