"""What the heads of the shipped network mean for one frame, in numpy."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit

from kpcomplete.model import CAUSAL, Prediction
from kpcomplete.model.moment import Moment
from kpcomplete.model.places import KEEPS, LEAST
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import EDGES, REGIONS, region
from kpcomplete.pose import Array
from kpcomplete.single import squared


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
        self.spread, self.trust, self.calibration = (
            x.detach().double().cpu().numpy()
            for x in (network.spread[:, None], network.trust[CAUSAL],
                      network.calibration[CAUSAL])
        )  # fmt: skip
        self.growth, self.onset = float(network.growth.detach().abs()), network.onset
        ends = np.cumsum(network.parts)
        self.parts = [slice(end - n, end) for end, n in zip(ends, network.parts, strict=True)]
        self.region: Array = region().numpy()
        self.seen_kind = 2 * len(REGIONS) + (len(EDGES) + 1) * self.region
        self._edges = np.array(EDGES)
        # from exponents to the sums over places that count; most of `Temporal`'s places are there
        # when nothing comes after
        places, sources = network.parts[1], network.parts[4]
        self._places = _columns(places, [2], [3], [places - 2, places - 1], [places - 1])
        self._sources = _columns(sources, [0, 1], [1], [sources - 2, sources - 1], [sources - 1])

    def __call__(self, moment: Moment, heads: Array) -> Decided:
        """Return where joints are, for the heads' ``[P, J, O]``."""
        pull, place, offset, seen_shape, source, guess, shape = (
            heads[..., part] for part in self.parts
        )
        kind = self.region
        if moment.remembered is not None:
            kind = self.region + len(REGIONS) * moment.remembered
        waited = self.seen_kind + self._edges.searchsorted(moment.since)
        kind = np.where(moment.seen, waited, kind)
        trust, seen = self.trust.take(kind)[..., None], moment.seen[..., None]
        gone = _fading(moment.since)
        going = moment.velocity * gone
        off = moment.average - moment.before
        drawn = self._drawn(moment, place, off, going)
        drawn *= expit(pull)
        drawn += (0.2 * _reach(off, going))[..., None] * offset
        waiting = np.square(moment.since)
        waiting /= waiting + self.onset**2
        waiting *= self.supported
        drawn *= waiting[..., None]
        mean = np.where(seen, drawn, self._other(moment, source, guess))
        mean *= trust
        mean += np.where(seen, moment.before, moment.guess)
        given = moment.seen & self.supported
        known = moment.seen | (self.supported & given.any(axis=1, keepdims=True))
        mean *= known[..., None]
        factor = self._factor(moment, seen_shape, shape, kind)
        return Decided(mean=mean, factor=factor, known=known)

    def same_as(self, other: "Decide") -> bool:
        """Whether both decide alike."""
        return (self.growth, self.onset, self.parts) == (
            other.growth,
            other.onset,
            other.parts,
        ) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("supported", "spread", "trust", "calibration")
        )

    def _factor(self, moment: Moment, seen_shape: Array, shape: Array, kind: Array) -> Array:
        width = self.growth * np.sqrt(moment.since)
        width += 0.004
        raw = np.where(moment.seen[..., None], seen_shape, shape)
        first, second = np.exp(_between(raw[..., :2], -4, 4)).transpose(2, 0, 1)
        slant = _between(raw[..., 2], -50, 50)
        root = moment.root
        factor: Array = np.empty((len(raw), 3, raw.shape[1]))
        # of seen joints the shape times a width, of others times the factor of the mixture
        factor[:, 0] = np.where(moment.seen, width, root[:, 0]) * first
        factor[:, 1] = np.where(moment.seen, width * slant, root[:, 1] * first + root[:, 2] * slant)
        factor[:, 2] = np.where(moment.seen, width, root[:, 2]) * second
        factor *= self.calibration.take(kind)[:, None]
        return factor

    def _drawn(self, moment: Moment, place: Array, off: Array, going: Array) -> Array:
        """Return how far places draw a joint that was seen from where it was seen last."""
        weight = _weights(place, moment.remembered, self._places)
        drawn: Array = weight[..., 0:1] * off
        drawn += weight[..., 1:2] * going
        if moment.remembered is not None:
            drawn += weight[..., 2:3] * (moment.memory - moment.before)
            drawn += weight[..., 3:4] * moment.shift
        return drawn

    def _other(self, moment: Moment, source: Array, guess: Array) -> Array:
        """Return how far a joint that was never seen is from what the mixture says."""
        weight = _weights(source, moment.remembered, self._sources)
        out: Array = weight[..., 0:1] * (0.3 * self.spread) * guess
        out += weight[..., 1:2] * (moment.doubtful - moment.guess)
        if moment.remembered is not None:
            out += weight[..., 2:3] * (moment.memory - moment.guess)
            out += weight[..., 3:4] * moment.shift
        return out


def _reach(off: Array, going: Array) -> Array:
    """Return what `kpcomplete.model.places.reach` does when causal."""
    apart = squared(off)
    apart *= 0.5
    apart += squared(going)
    apart += 1e-9
    out: Array = np.sqrt(apart, out=apart)
    out += LEAST
    return out


def _fading(seconds: Array) -> Array:
    out: Array = np.expm1(np.minimum(seconds, 10.0) * (-1 / KEEPS))
    out *= -KEEPS
    return out[..., None]


def _columns(size: int, *sums: list[int]) -> Array:
    """Return the matrix that adds numbers up, the first column all of them."""
    out = np.zeros((size, 1 + len(sums)))
    out[:, 0] = 1.0
    for column, which in enumerate(sums, start=1):
        out[which, column] = 1.0
    return out


def _weights(logits: Array, remembered: Array | None, columns: Array) -> Array:
    """Return sums of the weights of places, the last two of which are of the memory."""
    exponents = np.exp(logits, dtype=np.float64)  # of which none is too large
    exponents[..., -2:] *= 0.0 if remembered is None else remembered[..., None]
    found = exponents @ columns
    out: Array = found[..., 1:] / found[..., :1]
    return out


def _between(values: Array, low: float, high: float) -> Array:
    return np.minimum(np.maximum(values, low), high)
