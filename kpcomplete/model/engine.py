"""One pass of a network for all who show it the same frame."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from kpcomplete.model.decide import Decide, Decided
from kpcomplete.model.fused import Fused
from kpcomplete.model.moment import Moment
from kpcomplete.model.temporal import Temporal
from kpcomplete.pose import Array


@dataclass(eq=False)
class Work:
    """Some people in one frame, and what the network says of them once somebody needed it.

    Attributes:
        moment: What is known of them.
        before: ``[P, 2 B, W]`` see `Fused`.
        decided: Where their joints are.
        code: ``[P, W]`` their latents.
        seen: ``[P, B, W]`` what later frames look back to.
    """

    moment: Moment
    before: Array
    decided: Decided | None = None
    code: Array | None = None
    seen: Array | None = None


class Engine:
    """Runs a network as late as can be, for all that was left to it until then.

    A completer and a head on the same weights look at the same frame: all is done once.

    Args:
        network: Trained; copied.
        fused: The same for single frames, if it is run elsewhere.
    """

    def __init__(self, network: Temporal, fused: Fused | None = None) -> None:
        self.fused, self.decide = fused or Fused(network), Decide(network)
        self.middle: Array = network.centre.detach().double().cpu().numpy()
        self._waiting: list[Work] = []

    def same_as(self, other: "Engine") -> bool:
        """Whether both are the same network, and run here."""
        return (
            self.fused.same_as(other.fused)
            and self.decide.same_as(other.decide)
            and np.array_equal(self.middle, other.middle)
        )

    def add(self, moment: Moment, before: Array) -> Work:
        """Return work that waits for the next pass."""
        work = Work(moment, before)
        self._waiting.append(work)
        return work

    def __call__(self, work: Work) -> Work:
        """Do some work unless it is done, and all that waits with it."""
        if work.decided is None:
            self._run()
        return work

    def _run(self) -> None:
        works, self._waiting = self._waiting, []
        together = len(works) > 1
        moment, before = works[0].moment, works[0].before
        if together:
            moment = Moment.concatenate([work.moment for work in works])
            before = np.concatenate([work.before for work in works])
        features = moment.features(self.middle, self.decide.spread)
        heads, code, seen = self.fused(features, before)
        decided = self.decide(moment, heads)
        end = 0
        for work in works:
            rows = slice(end, end := end + len(work.before))
            work.decided, work.code, work.seen = decided[rows], code[rows], seen[rows]


@runtime_checkable
class Runs(Protocol):
    """Something live that runs a network."""

    @property
    def engine(self) -> Engine: ...


@runtime_checkable
class Joins(Protocol):
    """Something live that may run its network together with another's, for the same frame."""

    def join(self, engine: Engine) -> None:
        """Use it from now on, if it runs the same network."""
