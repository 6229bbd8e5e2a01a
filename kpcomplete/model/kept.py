"""What a live network keeps of the frames that passed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.model.temporal import STEPS
from kpcomplete.model.timeline import APART
from kpcomplete.pose import Array
from kpcomplete.whereabouts import MEASURES


@dataclass(kw_only=True, eq=False)
class State:
    """What is kept of P people over the last L frames; pixels and seconds, float64.

    Attributes:
        frames: ``[P]`` since each came.
        keypoints: ``[P, L, J, 2]``, 0 where not observed; a ring, as all that has L.
        observed: ``[P, L, J]``.
        count: ``[P, J]`` frames of the L that show the joint.
        total: ``[P, J, 2]`` sum over them.
        before: ``[P, J, 2]`` last observation.
        then: ``[P, J]`` its time.
        velocity: ``[P, J, 2]`` at it.
        measured: ``[P, L, M]`` float32, what placements follow from, see `measures`.
        fitted: ``[P, J]`` joints that the placement knows.
        centre: ``[P, 2]`` see `Placement`.
        scale: ``[P]``.
        imagined: ``[P, 2, J, 2]`` what the mixture says, and the same in doubt.
        root: ``[P, 3, J]`` lower triangular factor of its covariance: 00, 10 and 11.
        bases: ``[P, 9, J, 2]`` ring of last observations, or else guesses.
        looked: ``[P, R, W]`` float32, rings of what the convolutions have to look back to.
    """

    frames: Array
    keypoints: Array
    observed: Array
    count: Array
    total: Array
    before: Array
    then: Array
    velocity: Array
    measured: Array
    fitted: Array
    centre: Array
    scale: Array
    imagined: Array
    root: Array
    bases: Array
    looked: Array

    @classmethod
    def new(cls, people: int, window: int, joints: int, rings: Sequence[int]) -> "State":
        """Return what is kept of people of whom nothing was seen yet; ``rings`` are R and W."""
        pair = (people, joints, 2)
        return cls(
            frames=np.zeros(people, np.int64),
            keypoints=np.zeros((people, window, joints, 2)),
            observed=np.zeros((people, window, joints), bool),
            count=np.zeros((people, joints), np.int64),
            total=np.zeros(pair),
            before=np.zeros(pair),
            then=np.zeros((people, joints)),
            velocity=np.zeros(pair),
            measured=np.full((people, window, MEASURES), np.nan, np.float32),
            fitted=np.zeros((people, joints), bool),
            centre=np.zeros((people, 2)),
            scale=np.ones(people),
            imagined=np.zeros((people, 2, joints, 2)),
            root=np.zeros((people, 3, joints)),
            bases=np.zeros((people, max(STEPS) + 1, joints, 2)),
            looked=np.zeros((people, *rings), np.float32),
        )

    def observe(
        self, points: Array, observed: Array, now: int, seconds: float, passed: float
    ) -> None:
        """Take the next frame.

        Args:
            points: ``[P, J, 2]`` float32; of no meaning where not observed.
            observed: ``[P, J]``.
            now: Number of the frame.
            seconds: Its time.
            passed: Seconds since the frame `APART` before it; infinite if there is none in the
                window.
        """
        _observe(
            points, observed, now, seconds, passed, self.keypoints, self.observed, self.count,
            self.total, self.before, self.then, self.velocity,
        )  # fmt: skip

    def arrange(self, rows: Sequence[int | None]) -> "State":
        """Return the state of other people: of an earlier row each, or None for someone new."""
        _, window, joints, _ = self.keypoints.shape
        state = State.new(len(rows), window, joints, self.looked.shape[1:])
        kept = [(new, old) for new, old in enumerate(rows) if old is not None]
        if kept:
            new, old = (list(x) for x in zip(*kept, strict=True))
            for name in (f.name for f in fields(state)):
                getattr(state, name)[new] = getattr(self, name)[old]
        return state


@compiled("void(f4[:, :, ::1], b1[:, ::1], i8, f8, f8, f8[:, :, :, ::1], b1[:, :, ::1],"
          " i8[:, ::1], f8[:, :, ::1], f8[:, :, ::1], f8[:, ::1], f8[:, :, ::1])")  # fmt: skip
def _observe(
    points: Array, observed: Array, now: int, seconds: float, passed: float, keypoints: Array,
    kept: Array, count: Array, total: Array, before: Array, then: Array, velocity: Array,
) -> None:  # fmt: skip
    people, window, joints = kept.shape
    place, earlier = now % window, (now - APART) % window
    for person in range(people):
        for joint in range(joints):
            here = observed[person, joint]
            count[person, joint] += int(here) - int(kept[person, place, joint])
            kept[person, place, joint] = here
            for axis in range(2):
                value = 1.0 * points[person, joint, axis] if here else 0.0
                total[person, joint, axis] += value - keypoints[person, place, joint, axis]
                keypoints[person, place, joint, axis] = value
                if here:
                    before[person, joint, axis] = value
                    moved = value - keypoints[person, earlier, joint, axis]
                    known = kept[person, earlier, joint]
                    velocity[person, joint, axis] = moved / passed if known else 0.0
            if here:
                then[person, joint] = seconds
