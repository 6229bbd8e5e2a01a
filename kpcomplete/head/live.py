"""The head frame by frame: the encoder sees each frame once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
from torch import nn

from kpcomplete.compiled import compiled
from kpcomplete.head.several import Several
from kpcomplete.model.engine import Engine
from kpcomplete.model.fused import Fused
from kpcomplete.model.streaming import Stream
from kpcomplete.model.temporal import Temporal
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.rows import Rows, Visits
from kpcomplete.single import after_gelu, before_gelu, bent, dense, linear, numpy
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
        # of each frame: points that are known, their squares, which these are, which were observed,
        # and the latent
        self._rows = Rows(
            frames=np.zeros((), np.int64), kept=np.zeros((network.past, 5 * joints + width))
        )
        self._middle, self._width = numpy(network.middle), numpy(network.width)
        layers = [
            [linear(layer) for layer in head if isinstance(layer, nn.Linear)]
            for head in network.heads.values()
            if isinstance(head, nn.Sequential)
        ]
        # of all tasks together: first layers side by side, later ones as blocks
        first, *later = zip(*layers, strict=True)
        joined = [(np.concatenate([weight for weight, _ in first], axis=1), _row(first))]
        joined += [(_diagonal([weight for weight, _ in same]), _row(same)) for same in later]
        joined[1:] = [(after_gelu(weight), bias) for weight, bias in joined[1:]]
        self._inner = [before_gelu(weight, bias) for weight, bias in joined[:-1]]
        self._last = joined[-1]
        ends = np.cumsum([0, *self._sizes.values()])
        self._own = {task: slice(*at) for task, at in zip(self._sizes, pairwise(ends), strict=True)}
        self._ends, self._temperature = ends[1:], numpy(network.temperature)
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
        self._stream.look(points, observed, self._now / fps, placement=(centre, scale))

    def _seated(self, shown: "_Shown") -> dict[str, Array]:
        """Return task to probabilities ``[P, C]`` of people of one frame."""
        known, code = shown.observed, np.zeros((len(shown.points), 0), np.float32)
        mean = np.zeros((len(known), known.shape[1], 2))
        if self._stream is not None:
            found = self._stream.decide()
            known, mean, code = found.known, found.mean, self._stream.code
        features, enough = _features(
            shown.points, shown.observed, shown.centre, shown.scale, mean, known, code,
            self._rows["kept"], self._rows["frames"], self._now, self._enough, self._middle,
            self._width,
        )  # fmt: skip
        for weight, bias in self._inner:
            features = bent(features, weight, bias)
        logits = dense(features, *self._last)
        shares = _shares(logits, self._ends, self._temperature, enough)
        return {task: shares[:, own] for task, own in self._own.items()}


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


@compiled("Tuple((f4[:, ::1], b1[::1]))(f4[:, :, ::1], b1[:, ::1], f4[:, ::1], f4[::1],"
          " f8[:, :, ::1], b1[:, ::1], f4[:, ::1], f8[:, :, ::1], i8[::1], i8, i8, f4[::1],"
          " f4[::1])")  # fmt: skip
def _features(
    points: Array, observed: Array, centre: Array, scale: Array, mean: Array, known: Array,
    code: Array, kept: Array, frames: Array, now: int, least: int, usual: Array, width: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Keep a frame, and return what `Several` looks at, standardised, and who shows enough."""
    people, joints, codes = len(points), observed.shape[1], code.shape[1]
    out, enough = np.empty((people, len(usual)), np.float32), np.empty(people, np.bool_)
    sums, window = np.empty(kept.shape[2]), kept.shape[1]
    for person in range(people):
        row, unit = kept[person, now % window], 1.0 * scale[person]  # a double
        for joint in range(joints):
            seen = observed[person, joint]
            there, square = seen or known[person, joint], 0.0
            for axis in range(2):
                place = mean[person, joint, axis] * unit + centre[person, axis]
                if seen:
                    place = 1.0 * points[person, joint, axis]
                row[2 * joint + axis] = place if there else 0.0
                square += row[2 * joint + axis] ** 2
            row[2 * joints + joint], row[3 * joints + joint] = square, there
            row[4 * joints + joint] = seen
        for i in range(codes):
            row[5 * joints + i] = code[person, i]
        frames[person] += 1
        _sum(kept[person], sums)
        count = 0
        for joint in range(joints):
            count += int(sums[4 * joints + joint] > 0)
        enough[person] = count >= least
        _describe(row, sums, min(frames[person], window), joints, centre[person], unit, out[person])
        for i in range(len(usual)):
            out[person, i] = (out[person, i] - usual[i]) / width[i]
    return out, enough


@compiled()
def _sum(kept: Array, sums: Array) -> None:
    for i in range(len(sums)):
        sums[i] = 0.0
    for frame in range(len(kept)):
        for i in range(len(sums)):
            sums[i] += kept[frame, i]


@compiled()
def _describe(
    row: Array, sums: Array, frames: int, joints: int, centre: Array, unit: float, out: Array
) -> None:
    """Write the features of `Several.summed`, of this frame and of sums over the window."""
    codes = len(row) - 5 * joints
    for i in range(codes):
        out[i], out[codes + i] = row[5 * joints + i], sums[5 * joints + i] / frames
    last = 2 * codes
    middle, moved, share = last + 2 * joints, last + 4 * joints, last + 5 * joints
    for joint in range(joints):
        count, square = max(sums[3 * joints + joint], 1.0), 0.0
        for axis in range(2):
            at = 2 * joint + axis
            mean = sums[at] / count
            square += mean * mean
            out[middle + at] = (mean - centre[axis]) / unit if sums[3 * joints + joint] else 0.0
            out[last + at] = out[middle + at]
            if row[3 * joints + joint]:
                out[last + at] = (row[at] - centre[axis]) / unit
        spread = max(sums[2 * joints + joint] / count - square, 0.0)
        out[moved + joint] = math.sqrt(spread / (unit * unit) + 1e-6)
        out[share + joint] = sums[4 * joints + joint] / frames
    end = share + joints
    out[end], out[end + 1], out[end + 2] = centre[0], centre[1], math.log(unit)


@compiled("f4[:, ::1](f4[:, ::1], i8[::1], f4[::1], b1[::1])")
def _shares(logits: Array, ends: Array, temperature: Array, enough: Array) -> Array:
    """Return calibrated probabilities of all tasks ``[P, all]``; the last of each is unknown.

    Args:
        logits: ``[P, all]`` one fewer of each task.
        ends: ``[tasks]`` where each task's probabilities end.
        temperature: ``[tasks]``.
        enough: ``[P]`` who shows enough.
    """
    out = np.zeros((len(logits), logits.shape[1] + len(ends)), np.float32)
    for person in range(len(logits)):
        start = 0
        for task in range(len(ends)):
            end, total, most = ends[task] - 1, np.float32(0), np.float32(-np.inf)
            for i in range(start, end):  # of each task before this one, there is one logit fewer
                most = max(most, logits[person, i - task])
            for i in range(start, end):
                away = (logits[person, i - task] - most) / temperature[task]
                out[person, i] = math.exp(away)
                total += out[person, i]
            for i in range(start, end):
                out[person, i] = out[person, i] / total if enough[person] else np.float32(0)
            out[person, end] = not enough[person]
            start = ends[task]
    return out
