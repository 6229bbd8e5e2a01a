"""Arms that move as real ones did, retargeted to other bodies."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kpcomplete.cabin.motion import Hand, Motion, minimum_jerk
from kpcomplete.cabin.puppet import Puppet
from kpcomplete.cabin.reach import rotation, unit
from kpcomplete.cabin.seating import Seated
from kpcomplete.errors import SourceError

Array = NDArray[np.float64]

REACH = "reach"  # source of motion that was drawn at random
SIDES = ("left", "right")
_FIELDS = ("joints", "clip_frames", "subject", "joint_names", "fps")
_PARTS = ("shoulder", "elbow", "wrist", "index_tip", "thumb")
_BETWEEN = 0.6  # seconds from the end of one take to the beginning of the next
_CURL = 0.4  # radians, of fingers whose joints were not recorded


@dataclass(frozen=True)
class Arms:
    """Both arms of one person over T frames.

    Attributes:
        subject: who was recorded.
        fps: frames a second.
        hands: left and right: from the shoulder to the wrist, as a share of the arm's length, then
            directions of the fingers and of the palm, in the vehicle frame (x left, y back, z up)
            of a person who faces ahead, shape (2, T, 9).
    """

    subject: str
    fps: float
    hands: Array


def read_arms(path: str | Path, without: Collection[str] = ()) -> tuple[Arms, ...]:
    """Read seated upper bodies of UE_ADL, a take each.

    Args:
        path: ``.npz`` with ``joints [N, J, 3]`` in metres, Y up and facing -Z, ``clip_frames`` and
            ``subject`` a clip, ``joint_names`` and ``fps``.
        without: subjects to leave out.

    Raises:
        SourceError: If it is not of that form.
    """
    names = [f"{side[0]}_{part}" for side in SIDES for part in _PARTS]
    return tuple(
        Arms(subject, fps, _retarget(points.reshape(-1, len(SIDES), len(_PARTS), 3)))
        for subject, fps, points in read_points(path, names, without)
    )


def read_points(
    path: str | Path, joints: Sequence[str], without: Collection[str]
) -> list[tuple[str, float, Array]]:
    """Read where joints were: subject, frames a second and points in metres, (T, J, 3), a take.

    Takes of one frame, and those in which a joint was lost, are left out.

    Args:
        path: ``.npz`` as for `read_arms`, whatever its axes.
        joints: J of ``joint_names``.
        without: subjects to leave out.

    Raises:
        SourceError: If it is not of that form, or of nobody else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            values = {name: data[name] for name in _FIELDS}
        names, ends = values["joint_names"].tolist(), np.cumsum(values["clip_frames"])
        columns = [names.index(joint) for joint in joints]
        if ends[-1] != len(values["joints"]) or len(ends) != len(values["subject"]):
            raise ValueError(f"{ends[-1]} frames of clips, {len(values['joints'])} of joints")
    except (OSError, KeyError, BadZipFile, ValueError, IndexError) as error:
        raise SourceError(
            f"{path} should be an .npz with {', '.join(_FIELDS)}, and {', '.join(joints)} among "
            f"the joints, but is not: {error!r}"
        ) from error
    found = []
    for subject, end, count in zip(
        values["subject"].tolist(), ends, values["clip_frames"], strict=True
    ):
        points = values["joints"][end - count : end].astype(np.float64)[:, columns]
        if subject not in without and count > 1 and np.isfinite(points).all():
            found.append((subject, float(values["fps"]), points))
    if not found:
        raise SourceError(f"{path} should hold motion of somebody else than {sorted(without)}")
    return found


def _retarget(points: Array) -> Array:
    """`Arms.hands` of shoulders, elbows, wrists, fingertips and thumbs, metres, (T, 2, 5, 3)."""
    points = np.stack([-points[..., 0], points[..., 2], points[..., 1]], axis=-1)
    across = (points[:, 0, 0] - points[:, 1, 0]).mean(axis=0)  # to the left
    points = points @ rotation([0.0, 0.0, 1.0], np.arctan2(across[1], across[0]))  # and back
    shoulder, elbow, wrist, tip, thumb = np.moveaxis(points, 2, 0)
    length = np.linalg.norm(elbow - shoulder, axis=-1) + np.linalg.norm(wrist - elbow, axis=-1)
    fingers, flip = unit(tip - wrist), np.array([1.0, -1.0])[:, None]
    palm = unit(np.asarray(np.cross(fingers, thumb - wrist) * flip, dtype=np.float64))
    share = (wrist - shoulder) / np.median(length, axis=0)[:, None]
    return np.moveaxis(np.concatenate([share, fingers, palm], axis=-1), 1, 0)


@dataclass(frozen=True)
class RecordedHand:
    """A hand that goes where one was recorded; call it with a time in seconds.

    Attributes:
        shoulder: where the arm begins, metres, shape (3,).
        arm: its length, metres.
        fps: of the rows.
        rows: as in `Arms.hands`, shape (T, 9).
    """

    shoulder: Array
    arm: float
    fps: float
    rows: Array

    def __call__(self, time: float) -> Hand:
        """The hand at a time; as at the ends beyond them."""
        row = row_at(self.rows, time * self.fps)
        return Hand(self.shoulder + self.arm * row[:3], unit(row[3:6]), unit(row[6:9]), _CURL)


def perform(
    seated: Seated, puppet: Puppet, takes: Sequence[Arms], duration: float, rng: Generator
) -> tuple[Motion, str]:
    """Let somebody's arms do what one subject's did, take after take; head and trunk as they like.

    Args:
        seated: who sits; must not have begun to do anything.
        puppet: the body.
        takes: to choose from.
        duration: seconds that are wanted.
        rng: draws whose arms and which takes.

    Returns:
        The motion, and whose arms these are.
    """
    motion = seated.sitter.perform(duration)
    forget(seated)
    subject = str(rng.choice(sorted({take.subject for take in takes})))
    mine = [take for take in takes if take.subject == subject]
    rows = mine[rng.integers(len(mine))].hands
    while rows.shape[1] < duration * mine[0].fps + 1.0:
        rows = joined(rows, mine[rng.integers(len(mine))].hands, mine[0].fps)
    chest = seated.sitter.stature.chest
    arm = puppet.length("upperarm01.L", "lowerarm01.L", "wrist.L")
    half = (puppet.rig.rest("upperarm01.L") - puppet.rig.rest("upperarm01.R")) / 2.0
    left, right = (
        RecordedHand(chest + sign * half, arm, mine[0].fps, hand)
        for sign, hand in zip((1.0, -1.0), rows, strict=True)
    )
    return replace(motion, left=left, right=right), f"ue_adl_{subject}"


def forget(seated: Seated) -> None:
    """Whatever somebody's hands were about to do is recorded motion instead: nothing is held."""
    seated.sitter.spans[:] = [span for span in seated.sitter.spans if not span.side]
    seated.sitter.done[:] = ["recorded"]
    seated.sitter.theme = "plain"


def joined(one: Array, other: Array, fps: float) -> Array:
    """Two takes with a smooth way from the first to the second; (..., T, D), frames a second."""
    share = minimum_jerk(np.arange(1, round(_BETWEEN * fps)) / round(_BETWEEN * fps))
    last, first = one[..., -1:, :], other[..., :1, :]
    return np.concatenate([one, last + share[:, None] * (first - last), other], axis=-2)


def row_at(rows: Array, place: float) -> Array:
    """The row (D,) at a place between rows (T, D); as at the ends beyond them."""
    place = float(np.clip(place, 0.0, len(rows) - 1.0))
    start = min(int(place), len(rows) - 2)
    row: Array = rows[start] + (place - start) * (rows[start + 1] - rows[start])
    return row
