"""What the heads of the shipped network mean for one frame, in numpy."""

import numpy as np
import torch
from scipy.special import expit

from kpcomplete.model import CAUSAL, Prediction
from kpcomplete.model.moment import Moment
from kpcomplete.model.places import KEEPS, LEAST
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import EDGES, REGIONS, region
from kpcomplete.pose import Array


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

    def __call__(self, moment: Moment, heads: Array) -> Prediction:
        """Return where joints are, for the heads' ``[P, J, O]``."""
        pull, place, offset, seen_shape, source, guess, shape = (
            heads[..., part] for part in self.parts
        )
        waited = self.seen_kind + np.searchsorted(EDGES, moment.since)
        unseen = self.region + len(REGIONS) * moment.remembered
        kind = np.where(moment.seen, waited, unseen)
        trust, seen = self.trust[kind][..., None], moment.seen[..., None]
        drawn = self._drawn(moment, pull, place) + 0.2 * _reach(moment)[..., None] * offset
        squared = np.square(moment.since)
        gate = (squared / (squared + self.onset**2) * self.supported)[..., None]
        corrected = moment.before + trust * gate * drawn
        other = moment.guess + trust * self._other(moment, source, guess)
        known = self.supported & (moment.seen & self.supported).any(axis=1, keepdims=True)
        known |= moment.seen
        width = (0.004 + self.growth * np.sqrt(moment.since))[..., None, None]
        factor = np.where(
            seen[..., None], _factors(seen_shape) * width, moment.root @ _factors(shape)
        )
        factor *= self.calibration[kind][..., None, None]
        mean = np.where(seen, corrected, other) * known[..., None]
        return Prediction(
            mean=torch.from_numpy(mean).float()[:, None],
            factor=torch.from_numpy(factor).float()[:, None],
            known=torch.from_numpy(known)[:, None],
        )

    def _drawn(self, moment: Moment, pull: Array, place: Array) -> Array:
        """Return how far the pull draws a joint that was seen from where it was seen last.

        Most of `Temporal`'s places are there when nothing comes after.
        """
        weight = _softmax(place, moment.remembered)
        gone = _fading(moment.since)
        memory = moment.memory - moment.before
        drawn = weight[..., 2:3] * (moment.average - moment.before)
        drawn += weight[..., 3:4] * moment.velocity * gone
        drawn += (weight[..., -2:-1] + weight[..., -1:]) * memory + weight[..., -1:] * moment.shift
        out: Array = drawn * expit(pull)
        return out

    def _other(self, moment: Moment, source: Array, guess: Array) -> Array:
        """Return how far a joint that was never seen is from what the mixture says."""
        weight = _softmax(source, moment.remembered)
        memory = moment.memory - moment.guess
        out: Array = (weight[..., :1] + weight[..., 1:2]) * 0.3 * self.spread * guess
        out += weight[..., 1:2] * (moment.doubtful - moment.guess)
        out += (weight[..., -2:-1] + weight[..., -1:]) * memory + weight[..., -1:] * moment.shift
        return out


def _reach(moment: Moment) -> Array:
    """Return what `kpcomplete.model.places.reach` does when causal."""
    apart = np.square(moment.before - moment.average).sum(axis=-1) / 2
    going = np.square(moment.velocity * _fading(moment.since)).sum(axis=-1)
    out: Array = LEAST + np.sqrt(apart + going + 1e-9)
    return out


def _fading(seconds: Array) -> Array:
    out: Array = (KEEPS * -np.expm1(-np.minimum(seconds, 10.0) / KEEPS))[..., None]
    return out


def _softmax(logits: Array, remembered: Array) -> Array:
    """Return weights of places, the last two of which are of the memory."""
    logits = logits.copy()
    logits[..., -2:][~remembered] = -1e4
    logits -= logits.max(axis=-1, keepdims=True)
    weight: Array = np.exp(logits, out=logits)
    weight /= weight.sum(axis=-1, keepdims=True)
    return weight


def _factors(raw: Array) -> Array:
    """Return what `kpcomplete.model.layers.factors` does for width 1."""
    out = np.zeros((*raw.shape[:-1], 2, 2))
    diagonal = np.exp(np.minimum(np.maximum(raw[..., :2], -4), 4))
    out[..., 0, 0], out[..., 1, 1] = diagonal[..., 0], diagonal[..., 1]
    out[..., 1, 0] = np.minimum(np.maximum(raw[..., 2], -50), 50)
    return out
