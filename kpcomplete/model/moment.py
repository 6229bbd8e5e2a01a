"""One frame as the shipped network sees it live, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kpcomplete.model.fused import FEATURES
from kpcomplete.pose import Array
from kpcomplete.single import squared


@dataclass(kw_only=True, eq=False)
class Moment:
    """What `Timeline` says of one frame of P people when causal; body units, seconds.

    Attributes:
        observed: ``[P, J]`` the joint is observed now.
        seen: ``[P, J]`` it was ever.
        since: ``[P, J]`` time since then; `NEVER` if not seen.
        places: ``[P, 5, J, 2]`` of each joint: where it was then, the mean of what was seen, where
            the person usually has it, what the mixture says, and the same in doubt; 0 where the
            first three are not known.
        velocity: ``[P, J, 2]`` at the last observation.
        remembered: ``[P, J]`` whether it is known where the person usually has it; None: of none.
        root: ``[P, 3, J]`` factor of the covariance of what the mixture says: 00, 10 and 11.
        shift: ``[P, 1, 2]`` how far head and shoulders are from where they usually are.
        steps: How far the last observation, or else the guess, is from what it was `STEPS` frames
            ago.
    """

    observed: Array
    seen: Array
    since: Array
    places: Array
    velocity: Array
    remembered: Array | None
    root: Array
    shift: Array
    steps: Sequence[Array]

    @classmethod
    def concatenate(cls, moments: Sequence["Moment"]) -> "Moment":
        """Put people of the same frame one behind the other."""
        remembered = None
        if any(moment.remembered is not None for moment in moments):
            remembered = np.concatenate([
                np.zeros_like(moment.seen) if moment.remembered is None else moment.remembered
                for moment in moments
            ])  # fmt: skip
        return cls(
            observed=np.concatenate([moment.observed for moment in moments]),
            seen=np.concatenate([moment.seen for moment in moments]),
            since=np.concatenate([moment.since for moment in moments]),
            places=np.concatenate([moment.places for moment in moments]),
            velocity=np.concatenate([moment.velocity for moment in moments]),
            remembered=remembered,
            root=np.concatenate([moment.root for moment in moments]),
            shift=np.concatenate([moment.shift for moment in moments]),
            steps=[np.concatenate(step) for step in zip(*(m.steps for m in moments), strict=True)],
        )

    @property
    def before(self) -> Array:
        """Where joints were seen last."""
        return self.places[:, 0]

    @property
    def average(self) -> Array:
        """Mean of what was seen."""
        return self.places[:, 1]

    @property
    def memory(self) -> Array:
        """Where the person usually has joints."""
        return self.places[:, 2]

    @property
    def guess(self) -> Array:
        """What the mixture says."""
        return self.places[:, 3]

    @property
    def doubtful(self) -> Array:
        """The same in doubt."""
        return self.places[:, 4]

    def features(self, middle: Array, spread: Array) -> Array:
        """Return what `Temporal._features` does, without what is constant or twice in it.

        Args:
            middle: ``[J, 2]`` where joints usually are.
            spread: ``[J, 1]`` and how far around.
        """
        people, joints = self.seen.shape
        seen, had = self.seen[..., None], self.remembered
        places = self.places
        where = places[:, :3] - middle
        base = np.where(seen, places[:, 0], places[:, 3])
        np.subtract(base, middle, out=where[:, 0])
        where /= spread
        where[:, 1] *= seen
        apart = np.zeros((people, 7, joints, 2), np.float32)
        np.subtract(places[:, 0], places[:, 1], out=apart[:, 0], casting="same_kind")
        np.multiply(self.velocity, 0.4, out=apart[:, 1], casting="same_kind")
        if had is None:
            where[:, 2] = 0.0
        else:
            known = had[..., None]
            where[:, 2] *= known
            apart[:, 2] = (places[:, 0] - places[:, 2]) * (known & seen)
            apart[:, 5] = self.shift * known
        for number, step in enumerate(self.steps):
            np.multiply(step, 4, out=apart[:, 3 + number], casting="same_kind")
        np.subtract(base, places[:, 3], out=apart[:, 6], casting="same_kind")
        out = np.zeros((people, joints, FEATURES), np.float32)
        pairs = out[..., :20].reshape(people, joints, 10, 2).transpose(0, 2, 1, 3)
        pairs[:, :3] = where
        long = squared(apart[:, :5])
        apart *= np.float32(4)
        bent = np.arcsinh(apart, out=apart)
        bent *= np.float32(0.5)
        pairs[:, 3:] = bent
        long += np.float32(1e-9)
        long = np.log1p(np.float32(20) * np.sqrt(long, out=long))
        long *= np.float32(1 / 3)
        out[..., 20:25] = long.swapaxes(1, 2)
        out[..., 25], out[..., 26] = self.observed, self.seen
        if had is not None:
            out[..., 27] = had
        age = np.log1p(self.since * 20.0)
        age *= 0.25
        np.minimum(age, 2.0, out=out[..., 28], casting="same_kind")  # of what was never seen, too
        return out
