"""One frame as the shipped network sees it live, compiled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from kpcomplete.compiled import compiled
from kpcomplete.model.features import STEPS
from kpcomplete.model.fused import FEATURES
from kpcomplete.model.kept import State
from kpcomplete.model.timeline import NEVER
from kpcomplete.pose import Array

_STEPS = np.array(STEPS)


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
        habit: ``[P, J, 4]`` how it moves, see `habits`.
        remembered: ``[P, J]`` whether it is known where the person usually has it.
        root: ``[P, 3, J]`` factor of the covariance of what the mixture says: 00, 10 and 11.
        shift: ``[P, 2]`` how far head and shoulders are from where they usually are.
        steps: ``[P, S, J, 2]`` how far the last observation, or else the guess, is from what it
            was `STEPS` frames ago.
    """

    observed: Array
    seen: Array
    since: Array
    places: Array
    velocity: Array
    habit: Array
    remembered: Array
    root: Array
    shift: Array
    steps: Array

    @classmethod
    def of(
        cls, state: State, observed: Array, memory: Array, remembered: Array, anchors: Array,
        seconds: float, now: int,
    ) -> "Moment":  # fmt: skip
        """Return a frame that was observed, and keep where joints are for later steps.

        Args:
            state: All that is kept, pixels.
            observed: ``[P, J]``.
            memory: ``[P, J, 2]`` float32 pixels, where people usually have joints.
            remembered: ``[P, J]`` where that is known.
            anchors: Numbers of head and shoulders.
            seconds: Of the frame.
            now: Number of the frame.
        """
        seen, since, places, velocity, root, shift, steps = _shown(
            state.frames, state.count, state.total, state.before, state.then, state.velocity,
            state.imagined, state.root, state.bases, state.centre, state.scale, memory, remembered,
            anchors, _STEPS, seconds, now,
        )  # fmt: skip
        return cls(observed=observed, seen=seen, since=since, places=places, velocity=velocity,
                   habit=state.habits(), remembered=remembered, root=root, shift=shift,
                   steps=steps)  # fmt: skip

    @classmethod
    def concatenate(cls, moments: Sequence["Moment"]) -> "Moment":
        """Put people of the same frame one behind the other."""
        return cls(
            **{f.name: np.concatenate([getattr(m, f.name) for m in moments]) for f in fields(cls)}
        )

    def features(self, middle: Array, spread: Array) -> Array:
        """Return what `kpcomplete.model.features` does, but for what is constant or twice in it.

        Args:
            middle: ``[J, 2]`` where joints usually are.
            spread: ``[J, 1]`` and how far around.
        """
        found: Array = _features(
            self.observed, self.seen, self.since, self.places, self.velocity, self.habit,
            self.remembered, self.shift, self.steps, middle, spread,
        )  # fmt: skip
        return found


@compiled("Tuple((b1[:, ::1], f8[:, ::1], f8[:, :, :, ::1], f8[:, :, ::1], f8[:, :, ::1],"
          " f8[:, ::1], f8[:, :, :, ::1]))(i8[::1], i8[:, ::1], f8[:, :, ::1], f8[:, :, ::1],"
          " f8[:, ::1], f8[:, :, ::1], f8[:, :, :, ::1], f8[:, :, ::1], f8[:, :, :, ::1],"
          " f8[:, ::1], f8[::1], f4[:, :, ::1], b1[:, ::1], i8[::1], i8[::1], f8, i8)")  # fmt: skip
def _shown(
    frames: Array, count: Array, total: Array, before: Array, then: Array, velocity: Array,
    imagined: Array, root: Array, bases: Array, centre: Array, scale: Array, memory: Array,
    remembered: Array, anchors: Array, steps: Array, seconds: float, now: int,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    people, joints = count.shape
    seen, since = np.empty((people, joints), np.bool_), np.empty((people, joints))
    places, speed = np.zeros((people, 5, joints, 2)), np.zeros((people, joints, 2))
    spread, shift = np.empty(root.shape), np.zeros((people, 2))
    moved, base = np.empty((people, len(steps), joints, 2)), np.empty(2)
    for person in range(people):
        unit = scale[person]
        for joint in range(joints):
            known = count[person, joint] > 0
            seen[person, joint] = known
            since[person, joint] = min(seconds - then[person, joint], NEVER) if known else NEVER
            for part in range(3):
                spread[person, part, joint] = root[person, part, joint] / unit
            for axis in range(2):
                middle = centre[person, axis]
                base[axis] = imagined[person, 0, joint, axis]
                if known:
                    base[axis] = before[person, joint, axis]
                    mean = total[person, joint, axis] / count[person, joint]
                    places[person, 0, joint, axis] = (base[axis] - middle) / unit
                    places[person, 1, joint, axis] = (mean - middle) / unit
                    speed[person, joint, axis] = velocity[person, joint, axis] / unit
                if remembered[person, joint]:
                    usual = memory[person, joint, axis]
                    places[person, 2, joint, axis] = (usual - middle) / unit
                for doubt in range(2):
                    guess = imagined[person, doubt, joint, axis]
                    places[person, 3 + doubt, joint, axis] = (guess - middle) / unit
            _step(bases, person, joint, base, frames[person] == 0, now, steps, unit, moved)
        _shift(person, places, seen, remembered, anchors, shift)
    return seen, since, places, speed, spread, shift, moved


@compiled()
def _step(
    bases: Array, person: int, joint: int, base: Array, fresh: bool, now: int, steps: Array,
    unit: float, moved: Array,
) -> None:  # fmt: skip
    """Keep where a joint is, and say how far it moved in some numbers of frames."""
    length = bases.shape[1]
    for axis in range(2):
        if fresh:
            for place in range(length):
                bases[person, place, joint, axis] = base[axis]
        bases[person, now % length, joint, axis] = base[axis]
        for number in range(len(steps)):
            earlier = bases[person, (now - steps[number]) % length, joint, axis]
            moved[person, number, joint, axis] = (base[axis] - earlier) / unit


@compiled()
def _shift(
    person: int, places: Array, seen: Array, remembered: Array, anchors: Array, out: Array
) -> None:
    """Write how far the anchors that are known are from where they usually are."""
    count = 0
    for joint in anchors:
        count += int(seen[person, joint] and remembered[person, joint])
    for joint in anchors:
        if seen[person, joint] and remembered[person, joint]:
            for axis in range(2):
                apart = places[person, 0, joint, axis] - places[person, 2, joint, axis]
                out[person, axis] += apart / count


@compiled("f4[:, :, ::1](b1[:, ::1], b1[:, ::1], f8[:, ::1], f8[:, :, :, ::1], f8[:, :, ::1],"
          " f8[:, :, ::1], b1[:, ::1], f8[:, ::1], f8[:, :, :, ::1], f8[:, ::1],"
          " f8[:, ::1])")  # fmt: skip
def _features(
    observed: Array, seen: Array, since: Array, places: Array, velocity: Array, habit: Array,
    remembered: Array, shift: Array, steps: Array, middle: Array, spread: Array,
) -> Array:  # fmt: skip
    people, joints = seen.shape
    out, apart = np.zeros((people, joints, FEATURES), np.float32), np.zeros((7, 2))
    for person in range(people):
        for joint in range(joints):
            row = out[person, joint]
            known, had = seen[person, joint], remembered[person, joint]
            for axis in range(2):
                usual, width = middle[joint, axis], spread[joint, 0]
                last, mean = places[person, 0, joint, axis], places[person, 1, joint, axis]
                own, guess = places[person, 2, joint, axis], places[person, 3, joint, axis]
                base = last if known else guess
                row[axis] = (base - usual) / width
                row[2 + axis] = (mean - usual) / width if known else 0.0
                row[4 + axis] = (own - usual) / width if had else 0.0
                apart[0, axis] = last - mean
                apart[1, axis] = 0.4 * velocity[person, joint, axis]
                apart[2, axis] = last - own if known and had else 0.0
                apart[3, axis] = 4 * steps[person, 0, joint, axis]
                apart[4, axis] = 4 * steps[person, 1, joint, axis]
                apart[5, axis] = shift[person, axis] if had else 0.0
                apart[6, axis] = base - guess
            _bent(apart, row)
            row[25], row[26], row[27] = observed[person, joint], known, had
            row[28] = min(0.25 * math.log1p(20 * since[person, joint]), 2.0)
            row[29] = math.log1p(20 * habit[person, joint, 0]) / 3
            row[30] = math.log1p(5 * habit[person, joint, 1]) / 3
            row[31] = math.log1p(5 * habit[person, joint, 2]) / 3
            row[32] = habit[person, joint, 3]
    return out


@compiled()
def _bent(apart: Array, row: Array) -> None:
    """Write differences with their large values bent down, and lengths of the first five."""
    for number in range(7):
        x, y = apart[number, 0], apart[number, 1]
        row[6 + 2 * number] = 0.5 * _asinh(4 * x)
        row[7 + 2 * number] = 0.5 * _asinh(4 * y)
        if number < 5:
            row[20 + number] = math.log(1 + 20 * math.sqrt(x * x + y * y + 1e-9)) / 3


@compiled()
def _asinh(x: float) -> float:
    """Return what `math.asinh` does, exact enough for float32, in a third of the time."""
    size = abs(x)
    return math.copysign(math.log(size + math.sqrt(size * size + 1)), x)
