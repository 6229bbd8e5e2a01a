"""The head frame by frame: the encoder sees each frame once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
from torch import nn

from kpcomplete.head.describing import described, shares, summed
from kpcomplete.head.several import Several
from kpcomplete.head.trees import Trees, forest
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
        self._between = np.array(network.between, np.int64)
        heads = list(network.heads.values())
        trees = [head for head in heads if isinstance(head, Trees)]
        self._forest = forest(trees) if len(trees) == len(heads) else None
        self._inner: list[tuple[Array, Array]] = []
        if self._forest is None:
            self._inner, self._last = _joined(heads)
        ends = np.cumsum([0, *self._sizes.values()])
        self._own = {task: slice(*at) for task, at in zip(self._sizes, pairwise(ends), strict=True)}
        self._ends, self._temperature = ends[1:], numpy(network.temperature)
        self._ready: tuple[Mapping[str, PoseSequence], _Shown | None] | None = None

    @staticmethod
    def can(network: Several) -> bool:
        """Whether there is a form frame by frame: none of encoders that were not made for it.

        Nor is there one where trees decide some of the tasks and layers others.
        """
        if network.completed and not isinstance(network.encoder, Temporal):
            return False
        return len({isinstance(head, Trees) for head in network.heads.values()}) == 1

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
        features, enough = described(
            shown.points, shown.observed, shown.centre, shown.scale, mean, known, code,
            self._rows["kept"], self._rows["frames"], self._now, self._enough, self._middle,
            self._width, self._between,
        )  # fmt: skip
        for weight, bias in self._inner:
            features = bent(features, weight, bias)
        logits = summed(features, *self._forest) if self._forest else dense(features, *self._last)
        said = shares(logits, self._ends, self._temperature, enough)
        return {task: said[:, own] for task, own in self._own.items()}


def _joined(
    heads: Sequence[nn.Module],
) -> tuple[list[tuple[Array, Array]], tuple[Array, Array]]:
    """Return layers of all tasks together: first ones side by side, later ones as blocks.

    Returns:
        The inner layers, and the last one.
    """
    layers = [
        [linear(layer) for layer in head if isinstance(layer, nn.Linear)]
        for head in heads
        if isinstance(head, nn.Sequential)
    ]
    first, *later = zip(*layers, strict=True)
    joined = [(np.concatenate([weight for weight, _ in first], axis=1), _row(first))]
    joined += [(_diagonal([weight for weight, _ in same]), _row(same)) for same in later]
    joined[1:] = [(after_gelu(weight), bias) for weight, bias in joined[1:]]
    return [before_gelu(weight, bias) for weight, bias in joined[:-1]], joined[-1]


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
