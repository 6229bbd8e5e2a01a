"""What the heads of the shipped network mean for one frame, compiled."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from kpcomplete.compiled import compiled
from kpcomplete.model import CAUSAL, Prediction
from kpcomplete.model.moment import Moment
from kpcomplete.model.places import KEEPS, LEAST
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import EDGES, REGIONS, RESTS, region
from kpcomplete.pose import Array

_REGIONS = len(REGIONS)
_EDGES = np.array(EDGES)


@dataclass(kw_only=True, eq=False)
class Decided:
    """Where the joints of one frame of P people are; body units.

    Attributes:
        mean: ``[P, J, 2]``, 0 where not known.
        factor: ``[P, 3, J]`` lower triangular factor of the covariance: 00, 10 and 11.
        known: ``[P, J]`` where there is something to say.
    """

    mean: Array
    factor: Array
    known: Array

    def __getitem__(self, people: slice) -> "Decided":
        """Return some of the people."""
        return Decided(mean=self.mean[people], factor=self.factor[people], known=self.known[people])

    @property
    def prediction(self) -> Prediction:
        """The same as networks say it."""
        first, slant, second = self.factor.swapaxes(0, 1)
        rows = np.stack([first, np.zeros_like(first), slant, second], axis=-1)
        return Prediction(
            mean=torch.from_numpy(self.mean).float()[:, None],
            factor=torch.from_numpy(rows.reshape(*first.shape, 2, 2)).float()[:, None],
            known=torch.from_numpy(self.known)[:, None],
        )


class Decide:
    """Does what `Temporal.decode` does when causal, and calibrates."""

    def __init__(self, network: Temporal) -> None:
        self.supported: Array = network.supported.cpu().numpy()
        self.spread, self.choice, self.trust, self.calibration = (
            x.detach().double().cpu().numpy()
            for x in (network.spread[:, None], network.choice[CAUSAL], network.trust[CAUSAL],
                      network.calibration[CAUSAL])
        )  # fmt: skip
        self.growth, self.onset = float(network.growth.detach().abs()), network.onset
        self.parts = np.cumsum([0, *network.parts])[:-1]
        self.region: Array = region().numpy()

    def __call__(self, moment: Moment, heads: Array) -> Decided:
        """Return where joints are, for the heads' ``[P, J, O]``."""
        mean, factor, known = _decided(
            heads, self.parts, moment.seen, moment.since, moment.places, moment.velocity,
            moment.remembered, moment.root, moment.shift, self.supported, self.spread, self.choice,
            self.trust, self.calibration, self.region, self.growth, self.onset,
        )  # fmt: skip
        return Decided(mean=mean, factor=factor, known=known)

    def same_as(self, other: "Decide") -> bool:
        """Whether both decide alike."""
        return (self.growth, self.onset) == (other.growth, other.onset) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("parts", "supported", "spread", "choice", "trust", "calibration")
        )


@compiled("Tuple((f8[:, :, ::1], f8[:, :, ::1], b1[:, ::1]))(f4[:, :, ::1], i8[::1], b1[:, ::1],"
          " f8[:, ::1], f8[:, :, :, ::1], f8[:, :, ::1], b1[:, ::1], f8[:, :, ::1], f8[:, ::1],"
          " b1[::1], f8[:, ::1], f8[::1], f8[::1], f8[::1], i8[::1], f8, f8)")  # fmt: skip
def _decided(
    heads: Array, parts: Array, seen: Array, since: Array, places: Array, velocity: Array,
    remembered: Array, root: Array, shift: Array, supported: Array, spread: Array, choice: Array,
    trust: Array, calibration: Array, regions: Array, growth: float, onset: float,
) -> tuple[Array, Array, Array]:  # fmt: skip
    people, joints = seen.shape
    mean, factor = np.zeros((people, joints, 2)), np.empty((people, 3, joints))
    known, weight, to = np.empty_like(seen), np.empty(4), np.empty(2)
    for person in range(people):
        given = False
        for joint in range(joints):
            given = given or (seen[person, joint] and supported[joint])
        for joint in range(joints):
            waited, had = since[person, joint], remembered[person, joint]
            at, head = places[person, :, joint], heads[person, joint]  # times 1.0: as doubles
            kind = _kind(seen[person, joint], had, waited, regions[joint], velocity[person, joint])
            if seen[person, joint]:
                _drawn(head, parts, at, velocity[person, joint], shift[person], had, waited,
                       choice[kind], trust[kind], weight, to)  # fmt: skip
                share = waited * waited / (waited * waited + onset * onset) * supported[joint]
                start = at[0]
                shape, width = head[parts[3] : parts[4]], 0.004 + growth * math.sqrt(waited)
                a, b, c = width, 0.0, width
            else:
                _other(head, parts, at, shift[person], had, 0.3 * spread[joint, 0], weight, to)
                share, start, shape = trust[kind], at[3], head[parts[6] :]
                a, b, c = root[person, 0, joint], root[person, 1, joint], root[person, 2, joint]
            known[person, joint] = seen[person, joint] or (supported[joint] and given)
            if known[person, joint]:
                for axis in range(2):
                    mean[person, joint, axis] = to[axis] * share + start[axis]
            first = math.exp(min(max(1.0 * shape[0], -4.0), 4.0))
            second = math.exp(min(max(1.0 * shape[1], -4.0), 4.0))
            slant = min(max(1.0 * shape[2], -50.0), 50.0)
            factor[person, 0, joint] = a * first * calibration[kind]
            factor[person, 1, joint] = (b * first + c * slant) * calibration[kind]
            factor[person, 2, joint] = c * second * calibration[kind]
    return mean, factor, known


@compiled()
def _kind(seen: bool, remembered: bool, waited: float, region: int, velocity: Array) -> int:
    """Return the number of what `Timeline.kind` calls it."""
    if not seen:
        return region + _REGIONS * int(remembered)
    longer = 0
    for edge in _EDGES:
        longer += int(edge < waited)
    moves = velocity[0] * velocity[0] + velocity[1] * velocity[1] > RESTS * RESTS
    return 2 * _REGIONS + (len(_EDGES) + 1) * (2 * region + int(moves)) + longer


@compiled()
def _drawn(
    head: Array, parts: Array, at: Array, velocity: Array, shift: Array, remembered: bool,
    waited: float, choice: float, trust: float, weight: Array, out: Array,
) -> None:  # fmt: skip
    """Write how far a joint that was seen is drawn from where it was seen last."""
    _weights(head[parts[1] : parts[2]], 2, 3, remembered, weight)
    gone = -KEEPS * math.expm1(-min(waited, 10.0) / KEEPS)
    pull = 1 / (1 + math.exp(-1.0 * head[0]))
    apart = 1e-9
    for axis in range(2):
        off, going = at[1, axis] - at[0, axis], velocity[axis] * gone
        apart += 0.5 * off * off + going * going
        to = weight[0] * off + weight[1] * going
        to += weight[2] * (at[2, axis] - at[0, axis]) + weight[3] * shift[axis]
        out[axis] = choice * pull * to
    reach = math.sqrt(apart) + LEAST  # see `kpcomplete.model.places.reach`
    for axis in range(2):
        out[axis] += trust * 0.2 * reach * head[parts[2] + axis]


@compiled()
def _other(
    head: Array, parts: Array, at: Array, shift: Array, remembered: bool, width: float,
    weight: Array, out: Array,
) -> None:  # fmt: skip
    """Write how far a joint that was never seen is from what the mixture says."""
    _weights(head[parts[4] : parts[5]], 0, 1, remembered, weight)
    for axis in range(2):
        to = (weight[0] + weight[1]) * width * head[parts[5] + axis]
        to += weight[1] * (at[4, axis] - at[3, axis])
        to += weight[2] * (at[2, axis] - at[3, axis]) + weight[3] * shift[axis]
        out[axis] = to


@compiled()
def _weights(logits: Array, first: int, second: int, remembered: bool, out: Array) -> None:
    """Write shares of places: of two of them, of both of the memory, and of its last.

    Most of `Temporal`'s places are where others are, when nothing comes after.
    """
    total, last = 0.0, len(logits) - 2
    for number in range(len(out)):
        out[number] = 0
    for number in range(len(logits)):
        if number >= last and not remembered:
            continue
        share = math.exp(1.0 * logits[number])  # none is too large
        total += share
        out[0] += share * (number == first)
        out[1] += share * (number == second)
        out[2] += share * (number >= last)
        out[3] += share * (number > last)
    for number in range(len(out)):
        out[number] /= total
