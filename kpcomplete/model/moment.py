"""One frame as the shipped network sees it live, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kpcomplete.model.fused import FEATURES
from kpcomplete.pose import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """What `Timeline` says of one frame of P people when causal; body units, seconds.

    Attributes:
        observed: ``[P, J]`` the joint is observed now.
        seen: ``[P, J]`` it was ever.
        since: ``[P, J]`` time since then; `NEVER` if not seen.
        before: ``[P, J, 2]`` where it was then.
        average: ``[P, J, 2]`` mean of what was seen.
        velocity: ``[P, J, 2]`` at the last observation.
        memory: ``[P, J, 2]`` where the person usually has the joint.
        remembered: ``[P, J]`` whether that is known.
        guess: ``[P, J, 2]`` what the mixture says.
        doubtful: ``[P, J, 2]`` the same in doubt.
        root: ``[P, J, 2, 2]`` factor of its covariance.
        shift: ``[P, 1, 2]`` how far head and shoulders are from where they usually are.
        steps: How far ``before``, or else ``guess``, is from what it was `STEPS` frames ago.
    """

    observed: Array
    seen: Array
    since: Array
    before: Array
    average: Array
    velocity: Array
    memory: Array
    remembered: Array
    guess: Array
    doubtful: Array
    root: Array
    shift: Array
    steps: Sequence[Array]

    def features(self, middle: Array, spread: Array) -> Array:
        """Return what `Temporal._features` does, without what is constant or twice in it.

        Args:
            middle: ``[J, 2]`` where joints usually are.
            spread: ``[J, 1]`` and how far around.
        """
        seen, had = self.seen[..., None], self.remembered[..., None]
        base = np.where(seen, self.before, self.guess)
        apart = np.empty((*self.seen.shape, 7, 2), np.float32)
        apart[:, :, 0] = self.before - self.average
        apart[:, :, 1] = 0.4 * self.velocity
        apart[:, :, 2] = (self.before - self.memory) * (had & seen)
        apart[:, :, 3], apart[:, :, 4] = (4 * step for step in self.steps)
        apart[:, :, 5] = self.shift * had
        apart[:, :, 6] = base - self.guess
        out = np.empty((*self.seen.shape, FEATURES), np.float32)
        out[..., 0:2] = (base - middle) / spread
        out[..., 2:4] = (self.average - middle) / spread * seen
        out[..., 4:6] = (self.memory - middle) / spread * had
        out[..., 6:20] = (np.arcsinh(4 * apart) / 2).reshape(*self.seen.shape, 14)
        long = np.square(apart[:, :, :5]).sum(axis=-1)
        out[..., 20:25] = np.log1p(20 * np.sqrt(long + np.float32(1e-9))) / 3
        out[..., 25], out[..., 26], out[..., 27] = self.observed, self.seen, self.remembered
        age = np.minimum(np.log1p(self.since / 0.05) / 4, 2.0)
        out[..., 28] = np.where(self.seen, age, 2.0)
        return out
