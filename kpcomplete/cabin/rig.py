"""From a posture to the rotations of a body's bones: seat, spine, head, arms, fingers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.motion import Hand, Posture
from kpcomplete.cabin.reach import between, blend, frame, rotation, two_bone, unit, within

Array = NDArray[np.float64]

X, Y, Z = np.eye(3)
SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
#: How far the elbow's pole points outwards, back and down: elbows hang, they do not stick out.
POLE = np.array([0.45, 0.35, -1.0])
#: How far joints turn, radians: head against chest about any axis (80 degrees of rotation, and some
#: of the chest's own), hand against forearm (80 degrees of flexion), the forearm's roll either way
#: from rest (80 and 80 degrees, and some of the shoulder's); American Academy of Orthopaedic
#: Surgeons, Joint Motion, 1965.
LIMITS = {"neck": 1.5, "wrist": 1.4, "roll": 2.2}


@dataclass(frozen=True)
class Leg:
    """How one leg is held.

    Attributes:
        thigh: angle by which the thigh is raised from hanging, radians (pi / 2 = level).
        shin: angle by which the shin points forwards from hanging, radians.
        spread: outward turn of the whole leg, radians.
        foot: angle by which the toes point down, radians; negative is up.
    """

    thigh: float
    shin: float
    spread: float
    foot: float = -0.25


@dataclass(frozen=True)
class Seat:
    """How a person sits.

    Attributes:
        hip: where the pelvis is in the vehicle frame, metres, shape (3,).
        recline: of pelvis and back, backwards, radians.
        thigh: angle by which the thighs are raised from hanging, radians (pi / 2 = level).
        shin: angle by which the shins point forwards from hanging, radians.
        spread: outward turn of the thighs, radians.
        facing: turn of the whole person about the vertical through the pelvis, radians; the
            posture is told as if it were 0.
    """

    hip: Array
    recline: float = 0.36
    thigh: float = 1.45
    shin: float = 0.45
    spread: float = 0.08
    facing: float = 0.0

    def leg(self, side: str) -> Leg:
        """How the "L" or the "R" leg is held: both alike."""
        return Leg(self.thigh, self.shin, self.spread)


class Rig:
    """The bones of one body at rest, facing -y with z up.

    Args:
        names: of the bones, shape (B,), parents before children.
        parents: index of each bone's parent, -1 for the root, shape (B,).
        heads: where the bones begin at rest, metres, shape (B, 3).
    """

    def __init__(self, names: Sequence[str], parents: Sequence[int], heads: Array) -> None:
        self.names, self.parents, self.heads = list(names), list(parents), heads
        self.index = {name: i for i, name in enumerate(self.names)}

    def rest(self, name: str) -> Array:
        """Where a bone begins at rest, metres, shape (3,)."""
        head: Array = self.heads[self.index[name]]
        return head

    def solve(self, posture: Posture, seat: Seat) -> Array:
        """World rotation of each bone away from its rest, shape (..., B, 3, 3).

        Numbers of the posture and of the seat may each have any leading dimensions, such as time.
        Necks and wrists turn no further than `LIMITS`.
        """
        turns, chest = self._trunk(posture.torso, seat)
        nod, tilt, turn = np.moveaxis(posture.head, -1, 0)
        head = rotation(Z, turn) @ rotation(Y, tilt) @ rotation(X, nod)
        bent = within(_back(chest) @ head, LIMITS["neck"])
        for i, name in enumerate(NECK):
            turns[name] = chest @ blend(bent, (i + 1) / len(NECK))
        for side, sign in (("L", 1.0), ("R", -1.0)):
            turns |= self._leg(seat.leg(side), side, sign)
            hand = posture.left if side == "L" else posture.right
            turns |= self._arm(turns, seat, hand, side)
        whole = rotation(Z, np.asarray(seat.facing))
        return np.asarray(whole[..., None, :, :] @ self._spread(turns))

    def shoulders(self, torso: Array, seat: Seat) -> Array:
        """Where the left and the right arm begin, metres from the hip, shape (..., 2, 3).

        Args:
            torso: as in `Posture`, shape (..., 3).
            seat: how the person sits; as if it faced ahead.
        """
        turns, _ = self._trunk(torso, seat)
        starts = [self._start(turns, np.zeros(3), f"upperarm01.{side}") for side in "LR"]
        return np.stack(starts, axis=-2)

    def _trunk(self, torso: Array, seat: Seat) -> tuple[dict[str, Array], Array]:
        """Rotations of pelvis and spine, and that of the chest, where the spine ends."""
        pelvis = rotation(X, -np.asarray(seat.recline))
        lean, sway, twist = np.moveaxis(torso, -1, 0)
        chest = rotation(Z, twist) @ rotation(Y, sway) @ rotation(X, lean - 0.8 * seat.recline)
        turns = {"root": pelvis}
        for i, name in enumerate(SPINE):
            turns[name] = pelvis @ blend(_back(pelvis) @ chest, (i + 1) / len(SPINE))
        return turns, chest

    def place(self, turns: Array, hip: Array) -> Array:
        """Where the bones begin once posed, metres, shape (..., B, 3)."""
        heads = np.zeros((*turns.shape[:-3], *self.heads.shape))
        for i, parent in enumerate(self.parents):
            offset = self.heads[i] - self.heads[parent]
            heads[..., i, :] = (
                hip if parent < 0 else heads[..., parent, :] + turns[..., parent, :, :] @ offset
            )
        return heads

    def _spread(self, turns: dict[str, Array]) -> Array:
        """All bones'' rotations: a bone that was not named follows its parent."""
        leading = np.broadcast_shapes(*(turn.shape for turn in turns.values()))[:-2]
        every = np.zeros((*leading, len(self.names), 3, 3))
        for i, (name, parent) in enumerate(zip(self.names, self.parents, strict=True)):
            every[..., i, :, :] = turns[name] if name in turns else every[..., parent, :, :]
        return every

    def _leg(self, leg: Leg, side: str, sign: float) -> dict[str, Array]:
        outwards = rotation(Z, sign * np.asarray(leg.spread))
        thigh, shin = (
            outwards @ rotation(X, -np.asarray(angle)) for angle in (leg.thigh, leg.shin)
        )
        bones = {f"upperleg0{i}.{side}": thigh for i in (1, 2)}
        bones |= {f"lowerleg0{i}.{side}": shin for i in (1, 2)}
        return bones | {f"foot.{side}": outwards @ rotation(X, leg.foot)}

    def _arm(self, turns: dict[str, Array], seat: Seat, hand: Hand, side: str) -> dict[str, Array]:
        """Rotations of one arm whose wrist reaches the hand's place."""
        shoulder, elbow, wrist = (
            self.rest(f"{name}.{side}") for name in ("upperarm01", "lowerarm01", "wrist")
        )
        start = self._start(turns, seat.hip, f"upperarm01.{side}")
        pole = POLE * np.array([1.0 if side == "L" else -1.0, 1.0, 1.0])
        lengths = (float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(wrist - elbow)))
        bend, end = two_bone(start, hand.wrist, lengths, pole)
        hinge_rest = np.cross(elbow - shoulder, wrist - elbow)
        hinge = np.cross(bend - start, end - bend)
        upper = frame(bend - start, hinge) @ _back(frame(elbow - shoulder, hinge_rest))
        lower = frame(end - bend, hinge) @ _back(frame(wrist - elbow, hinge_rest))
        turned = _back(lower) @ self._hand(hand, side)
        twist = between(turned, wrist - elbow)
        rolled = lower @ rotation(wrist - elbow, np.clip(twist, -LIMITS["roll"], LIMITS["roll"]))
        palm = rolled @ within(_back(rolled) @ lower @ turned, LIMITS["wrist"])
        return {
            f"upperarm01.{side}": upper,
            f"upperarm02.{side}": upper,
            f"lowerarm01.{side}": lower,
            f"lowerarm02.{side}": lower @ rotation(wrist - elbow, 0.6 * twist),
            f"wrist.{side}": palm,
        } | self._fingers(hand, palm, side)

    def _start(self, turns: dict[str, Array], hip: Array, name: str) -> Array:
        """Where one bone begins, metres, shape (..., 3): `place` for the bones that lead to it."""
        way = [self.index[name]]
        while self.parents[way[-1]] >= 0:
            way.append(self.parents[way[-1]])
        at, turn = np.asarray(hip), turns["root"]
        for bone, parent in zip(way[-2::-1], way[:0:-1], strict=True):
            at = at + turn @ (self.heads[bone] - self.heads[parent])
            turn = turns.get(self.names[bone], turn)
        return at

    def _axes(self, side: str) -> tuple[Array, Array]:
        """Fingers' direction and palm's direction at rest."""
        wrist, middle, index, pinky = (
            self.rest(f"{name}.{side}") for name in ("wrist", "finger3-1", "finger2-1", "finger5-1")
        )
        sign = 1.0 if side == "L" else -1.0
        return unit(middle - wrist), sign * unit(np.cross(middle - wrist, index - pinky))

    def _hand(self, hand: Hand, side: str) -> Array:
        fingers, palm = self._axes(side)
        return frame(hand.fingers, hand.palm) @ _back(frame(fingers, palm))

    def _fingers(self, hand: Hand, palm: Array, side: str) -> dict[str, Array]:
        """The knuckles bend one after the other towards the palm; the thumb half as much."""
        axis = np.cross(*self._axes(side))
        bones = {}
        for finger in range(1, 6):
            bend = hand.curl * (0.35 if finger == 1 else 1.0)
            for knuckle in range(1, 4):
                name = f"finger{finger}-{knuckle}.{side}"
                bones[name] = palm @ rotation(axis, bend * knuckle * 0.75)
        return bones


def fold(thigh: float, shin: float, ahead: float, down: float) -> tuple[float, float]:
    """Angles of thigh and shin, as in `Leg`, that put the ankle before and below the hip.

    Args:
        thigh: its length, metres.
        shin: its length, metres.
        ahead: how far the ankle is before the hip, metres; cut to what the leg can reach.
        down: how far it is below it, metres.
    """
    far = np.clip(np.hypot(ahead, down), abs(thigh - shin) + 1e-3, 0.99 * (thigh + shin))
    towards = np.arctan2(ahead, down)
    hip = np.arccos((thigh**2 + far**2 - shin**2) / (2.0 * thigh * far))
    ankle = np.arccos((shin**2 + far**2 - thigh**2) / (2.0 * shin * far))
    return float(towards + hip), float(towards - ankle)


def _back(turn: Array) -> Array:
    """The rotations (..., 3, 3) the other way round."""
    return np.swapaxes(turn, -1, -2)
