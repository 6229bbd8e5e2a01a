"""What a live network keeps of the frames that passed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.model.features import STEPS
from kpcomplete.model.habit import HABITS, LAGS, RESTING
from kpcomplete.pose import Array
from kpcomplete.whereabouts import MEASURES

_LAGS = np.array(LAGS)


@dataclass(kw_only=True, eq=False)
class State:
    """What is kept of P people over the last L frames; pixels and seconds, float64.

    Attributes:
        frames: ``[P]`` since each came.
        keypoints: ``[P, L, J, 2]``, 0 where not observed; a ring, as all that has L.
        observed: ``[P, L, J]``.
        count: ``[P, J]`` frames of the L that show the joint.
        total: ``[P, J, 2]`` sum over them.
        squares: ``[P, J]`` sum of x² + y².
        pairs: ``[P, S, J]`` pairs of frames of the L, some `LAGS` apart, that show the joint.
        paced: ``[P, S, J]`` sum of the speeds between them.
        rests: ``[P, L, J]`` how much the joint rested since the frame before, 0..1; a ring.
        rested: ``[P, J]`` sum over them.
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
    squares: Array
    pairs: Array
    paced: Array
    rests: Array
    rested: Array
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
            squares=np.zeros((people, joints)),
            pairs=np.zeros((people, len(LAGS), joints), np.int64),
            paced=np.zeros((people, len(LAGS), joints)),
            rests=np.zeros((people, window, joints)),
            rested=np.zeros((people, joints)),
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

    def observe(self, points: Array, observed: Array, now: int, times: Array) -> None:
        """Take the next frame.

        Args:
            points: ``[P, J, 2]`` float32; of no meaning where not observed.
            observed: ``[P, J]``.
            now: Number of the frame.
            times: ``[L + 1]`` of the frame and those before, by number modulo L + 1.
        """
        _observe(
            points, observed, now, times, _LAGS, self.scale, self.keypoints, self.observed,
            self.count, self.total, self.squares, self.pairs, self.paced, self.rests, self.rested,
            self.before, self.then, self.velocity,
        )  # fmt: skip

    def habits(self) -> Array:
        """Return how joints move ``[P, J, 4]``, see `kpcomplete.model.habit.habits`."""
        found: Array = _habits(self.count, self.total, self.squares, self.pairs, self.paced,
                               self.rested, self.scale)  # fmt: skip
        return found

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


@compiled("void(f4[:, :, ::1], b1[:, ::1], i8, f8[::1], i8[::1], f8[::1], f8[:, :, :, ::1],"
          " b1[:, :, ::1], i8[:, ::1], f8[:, :, ::1], f8[:, ::1], i8[:, :, ::1], f8[:, :, ::1],"
          " f8[:, :, ::1], f8[:, ::1], f8[:, :, ::1], f8[:, ::1], f8[:, :, ::1])")  # fmt: skip
def _observe(
    points: Array, observed: Array, now: int, times: Array, lags: Array, scale: Array,
    keypoints: Array, kept: Array, count: Array, total: Array, squares: Array, pairs: Array,
    paced: Array, rests: Array, rested: Array, before: Array, then: Array, velocity: Array,
) -> None:  # fmt: skip
    people, window, joints = kept.shape
    place, seconds = now % window, times[now % (window + 1)]
    for person in range(people):
        for joint in range(joints):
            ring, shown = keypoints[person, :, joint], kept[person, :, joint]
            pair, pace = pairs[person, :, joint], paced[person, :, joint]
            rest = rests[person, :, joint]
            here = observed[person, joint]
            rested[person, joint] -= _forget(ring, shown, now, times, lags, pair, pace, rest)
            count[person, joint] += int(here) - int(shown[place])
            shown[place] = here
            for axis in range(2):
                value = 1.0 * points[person, joint, axis] if here else 0.0
                old = ring[place, axis]
                total[person, joint, axis] += value - old
                squares[person, joint] += value * value - old * old
                ring[place, axis] = value
                if here:
                    before[person, joint, axis] = value
            if here:
                then[person, joint] = seconds
                rested[person, joint] += _compare(
                    ring, shown, now, times, lags, RESTING * scale[person], pair, pace, rest,
                    velocity[person, joint],
                )  # fmt: skip


@compiled()
def _forget(
    ring: Array, shown: Array, now: int, times: Array, lags: Array, pairs: Array, paced: Array,
    rests: Array,
) -> float:  # fmt: skip
    """Take out pairs of a joint's frames with the one that leaves; return how much it rested."""
    window, rested = len(shown), 0.0
    for number in range(len(lags)):
        later = (now + lags[number]) % window
        if lags[number] < window and shown[now % window] and shown[later]:
            passed = _passed(times, now - window, now - window + lags[number])
            paced[number] -= _far(ring[later], ring[now % window]) / passed
            pairs[number] -= 1
        if lags[number] == 1:
            rested += rests[later]
            rests[later] = 0.0
    return rested


@compiled()
def _compare(
    ring: Array, shown: Array, now: int, times: Array, lags: Array, slow: float, pairs: Array,
    paced: Array, rests: Array, velocity: Array,
) -> float:  # fmt: skip
    """Add pairs of a joint's frames with the newest one; return how much it rests.

    Writes its velocity over the first of the lags. At the speed ``slow`` it rests by half.
    """
    window, place, rested = len(shown), now % len(shown), 0.0
    velocity[:] = 0.0
    for number in range(len(lags)):
        lag = lags[number]
        earlier = (now - lag) % window
        if lag >= window or not shown[earlier]:
            continue
        passed = _passed(times, now - lag, now)
        speed = _far(ring[place], ring[earlier]) / passed
        paced[number] += speed
        pairs[number] += 1
        if number == 0:
            for axis in range(2):
                velocity[axis] = (ring[place, axis] - ring[earlier, axis]) / passed
        if lag == 1:
            rested = 1 / (1 + (speed / slow) ** 2)
            rests[place] = rested
    return rested


@compiled()
def _passed(times: Array, first: int, last: int) -> float:
    """Return the seconds between two frames."""
    passed: float = times[last % len(times)] - times[first % len(times)]
    return max(passed, 1e-6)


@compiled()
def _far(one: Array, other: Array) -> float:
    """Return the distance of two points."""
    return math.sqrt((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2)


@compiled("f8[:, :, ::1](i8[:, ::1], f8[:, :, ::1], f8[:, ::1], i8[:, :, ::1], f8[:, :, ::1],"
          " f8[:, ::1], f8[::1])")  # fmt: skip
def _habits(
    count: Array, total: Array, squares: Array, pairs: Array, paced: Array, rested: Array,
    scale: Array,
) -> Array:  # fmt: skip
    people, joints = count.shape
    out = np.zeros((people, joints, HABITS))
    for person in range(people):
        for joint in range(joints):
            row, unit = out[person, joint], scale[person]
            shown = max(count[person, joint], 1)
            variance = squares[person, joint] / shown
            for axis in range(2):
                variance -= (total[person, joint, axis] / shown) ** 2
            row[0] = math.sqrt(max(variance, 0.0) / unit**2 + 1e-9)
            for number in range(pairs.shape[1]):
                known = max(pairs[person, number, joint], 1)
                row[1 + number] = paced[person, number, joint] / (known * unit)
                row[-1] = rested[person, joint] / known  # the last pairs are of single frames
    return out
