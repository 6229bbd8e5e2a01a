"""Real whole-body motion, worn by somebody who sits in a car."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kpcomplete.cabin.behaviour import Plan
from kpcomplete.cabin.clearance import clear
from kpcomplete.cabin.motion import Hand, Motion
from kpcomplete.cabin.puppet import Puppet
from kpcomplete.cabin.reach import dot, two_bone, unit
from kpcomplete.cabin.recorded import SIDES, forget, joined, row_at
from kpcomplete.cabin.rig import POLE
from kpcomplete.cabin.seating import Seated, Sitting
from kpcomplete.cabin.whole_body import LEGS, Columns, Whole, turned

Array = NDArray[np.float64]

#: Where hands are that hang in a standing person.
RESTS = ("thigh", "lap", "knee", "belly", "armrest")
#: From the shoulder to such a wrist, a share of the arm (x outwards, y back, z up), and heights of
#: a wrist between which the arm begins to hang and hangs.
HANGING, HANGS = np.array([0.10, -0.15, -0.95]), (-0.50, -0.90)
#: Wrists move no faster than this in a car, metres a second, trunk and head than that, radians a
#: second: while somebody runs or strikes, time passes more slowly.
HASTE, TURNS = 1.2, 2.0
_PRONE = 0.8  # how much palms face down, beside facing each other
_CURL = 0.4  # radians, of fingers whose joints were not recorded


@dataclass(frozen=True)
class Worn:
    """A motion that fits a body; every part is called with a time in seconds.

    Attributes:
        fps: of the rows.
        rows: shape (T, 27): torso (3), head (2), for the left and the right leg thigh and shin, as
            in `Leg`, and for the left and the right hand wrist (3, metres from the hip), fingers
            (3) and palm (3).
        seated: who sits.
        gaze: the sitter's own head: nod, tilt and turn.
    """

    fps: float
    rows: Array
    seated: Seated
    gaze: Callable[[float], Array]

    def torso(self, time: float) -> Array:
        """Lean, sway and twist."""
        return row_at(self.rows, time * self.fps)[:3]

    def head(self, time: float) -> Array:
        """Nod and tilt as recorded; turns are not, so they are the sitter's own."""
        return np.append(row_at(self.rows, time * self.fps)[3:5], self.gaze(time)[2])

    def hand(self, side: int, time: float) -> Hand:
        """The left (0) or the right (1) hand."""
        wrist, fingers, palm = row_at(self.rows, time * self.fps)[9:].reshape(2, 3, 3)[side]
        return Hand(self.seated.at(time).hip + wrist, unit(fingers), unit(palm), _CURL)

    def sits(self, time: float) -> Sitting:
        """How the person sits: the legs stir."""
        seat, legs = self.seated.at(time), row_at(self.rows, time * self.fps)[5:9]
        left, right = (
            replace(leg, thigh=thigh, shin=shin)
            for leg, (thigh, shin) in zip(
                (seat.left, seat.right), legs.reshape(2, 2).tolist(), strict=True
            )
        )
        return replace(seat, left=left, right=right)


def perform(
    seated: Seated, puppet: Puppet, takes: Sequence[Whole], duration: float, rng: Generator
) -> tuple[Motion, Callable[[float], Sitting], str]:
    """Let somebody move as one subject did, take after take; longer takes more often.

    Args:
        seated: who sits, ahead; must not have begun to do anything.
        puppet: the body.
        takes: to choose from.
        duration: seconds that are wanted.
        rng: draws which takes, and where hands rest.

    Returns:
        The motion, how the person sits at a time in seconds, and who moved so.
    """
    sitter = seated.sitter
    sitter.theme = "plain"
    motion = sitter.perform(duration)
    forget(seated)
    sitter.legs = (Plan(sitter.stature.legs[0]), Plan(sitter.stature.legs[1]))
    rows, take = _drawn(takes, duration, rng)
    rests = np.stack([sitter.spot(str(rng.choice(RESTS)), side)(0.0)[:9] for side in SIDES])
    worn = Worn(take.fps, _unhurried(_wear(rows, seated, puppet, rests), take.fps), seated,
                motion.head)  # fmt: skip
    motion = Motion(
        worn.torso, worn.head, lambda time: worn.hand(0, time), lambda time: worn.hand(1, time)
    )
    return motion, worn.sits, take.subject


def _drawn(takes: Sequence[Whole], duration: float, rng: Generator) -> tuple[Array, Whole]:
    """Rows of one subject that fill some seconds, (T, 21), and the first take."""
    first = _one(takes, rng)
    mine, rows = [take for take in takes if take.subject == first.subject], first.rows
    while len(rows) < duration * first.fps + 1.0:
        rows = joined(rows, _one(mine, rng).rows, first.fps)
    return rows, first


def _one(takes: Sequence[Whole], rng: Generator) -> Whole:
    lengths = np.array([len(take.rows) for take in takes])
    return takes[int(rng.choice(len(takes), p=lengths / lengths.sum()))]


def _wear(rows: Array, seated: Seated, puppet: Puppet, rests: Array) -> Array:
    """`Worn.rows` of `Whole.rows`; `rests` are wrist, fingers and palm of hands at rest, (2, 9)."""
    sitter, stature = seated.sitter, seated.sitter.stature
    torso = rows[:, Columns.TORSO] + sitter.still[0]
    head = rows[:, Columns.HEAD] + sitter.still[1][:2]
    shoulders = puppet.rig.shoulders(torso, seated.seat)
    share, fingers = (
        turned(rows[:, part].reshape(-1, 2, 3), torso[:, 2])
        for part in (Columns.WRIST, Columns.FINGERS)
    )
    lengths = (
        puppet.length("upperarm01.L", "lowerarm01.L"),
        puppet.length("lowerarm01.L", "wrist.L"),
    )
    hangs = _hanging(share[..., 2:])
    out = HANGING * [[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]]
    wrist = (1.0 - hangs) * (shoulders + sum(lengths) * share)
    wrist += hangs * (rests[:, :3] - stature.hip + sum(lengths) * (share - out))
    still = np.array([leg[:2] for leg in stature.legs])
    legs = stirred(still, rows[:, Columns.LEGS].reshape(-1, 2, 2), stature.limbs)
    chest = shoulders.mean(axis=1, keepdims=True)
    wrist = clear(wrist, chest, stature, legs[:, None, :, 0])
    palm = _palms(shoulders, wrist, lengths)
    ways = [(1.0 - hangs) * way + hangs * rests[:, place]
            for way, place in ((fingers, slice(3, 6)), (palm, slice(6, 9)))]  # fmt: skip
    hands = np.concatenate([wrist, *ways], axis=-1).reshape(-1, 18)
    return np.concatenate([torso, head, legs.reshape(-1, 4), hands], axis=1)


def _hanging(height: Array) -> Array:
    """How much an arm hangs, 0..1, from the wrist's height above the shoulder, share of the arm."""
    share = np.clip((height - HANGS[0]) / (HANGS[1] - HANGS[0]), 0.0, 1.0)
    return np.asarray(share**2 * (3.0 - 2.0 * share))


def _palms(shoulder: Array, wrist: Array, lengths: tuple[float, float]) -> Array:
    """Where palms face, (T, 2, 3): to each other across the plane of the arm, and down in it."""
    flip = np.array([[1.0], [-1.0]])
    pole = POLE * np.hstack([flip, np.ones((2, 2))])
    elbow, end = two_bone(shoulder, wrist, lengths, pole)
    upper, lower = elbow - shoulder, unit(end - elbow)
    inwards = unit(np.cross(upper, lower)) * flip
    return unit(inwards + _PRONE * unit(upper - lower * dot(lower, upper)))


def _unhurried(rows: Array, fps: float) -> Array:
    """The same way, at no more than `HASTE` and `TURNS`."""
    steps = np.abs(np.diff(rows, axis=0))
    wrists = steps[:, 9:].reshape(-1, 2, 9)[:, :, :3]
    far = np.linalg.norm(wrists, axis=-1).max(axis=1) / HASTE
    seconds = np.maximum.reduce([far, steps[:, :5].max(axis=1) / TURNS, np.full(len(far), 1 / fps)])
    times = np.append(0.0, np.cumsum(seconds))
    even = np.arange(0.0, times[-1], 1 / fps)
    return np.stack([np.interp(even, times, column) for column in rows.T], axis=1)


def stirred(still: Array, change: Array, limbs: tuple[float, float]) -> Array:
    """Thighs and shins of legs whose feet slide along the floor and rise, but are not lowered.

    Args:
        still: thigh and shin of each leg, as in `Leg`, shape (2, 2).
        change: by how much they point farther forwards, radians, shape (T, 2, 2); only a thigh
            that rises lifts the foot.
        limbs: lengths of thigh and shin, metres.

    Returns:
        Angles of shape (T, 2, 2).
    """
    thigh, shin = still[:, 0], still[:, 1] + change[..., 1]
    level = np.cos(thigh) + limbs[1] / limbs[0] * (np.cos(still[:, 1]) - np.cos(shin))
    raised = np.arccos(np.clip(level, -1.0, 1.0)) + np.maximum(change[..., 0], 0.0)
    return np.stack([np.clip(raised, thigh + LEGS[0], thigh + LEGS[1]), shin], axis=-1)
