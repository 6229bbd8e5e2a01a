"""How far before joints the solids of bodies may be met, fitted to ray-cast surfaces."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpcomplete.benchmark.simulate import staged_actors
from kpcomplete.cabin import sight, strangers
from kpcomplete.cabin.cameras import CAMERAS, draw_camera
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.nearness import kind, relation
from kpcomplete.cabin.profile import FACE
from kpcomplete.cabin.puppet import Wardrobe
from kpcomplete.cabin.visibility import CAUSES, SELF, VISIBLE
from kpcomplete.pose import Array

_SIZE, _SECONDS = (640, 480), 3.0
_FEW = 60  # times that a solid must have been met before a kind of joint
_SHARE = 4  # every fourth ride is not fitted to
_FARTHEST = 1.0  # metres: never hidden
_TRIED = 200  # limits


@dataclass(frozen=True, kw_only=True)
class Met:
    """Joints before which a solid of the own body was met first.

    Attributes:
        before: metres, shape (N,).
        hidden: whether the surface hides the joint, shape (N,).
        fitted: whether the ride is one of those that are fitted to, shape (N,).
    """

    before: Array
    hidden: npt.NDArray[np.bool_]
    fitted: npt.NDArray[np.bool_]

    def wrong(self, limit: float, fitted: bool) -> int:
        """How many joints a limit misjudges."""
        mine = self.fitted == fitted
        return int(((self.before > limit) != self.hidden)[mine].sum())


def run(*, rides: int = 48, quick: bool = False, seed: int = 77) -> dict[str, float]:
    """Fit the limits, and print them as `kpcomplete.cabin.nearness.NEAR` wants them.

    Args:
        rides: How many are ray-cast from all cameras; every fourth is kept for the test.
        quick: Four rides.
        seed: Of the rides; not one that anything is reported of.

    Returns:
        ``joints``: how many were judged by a fitted limit; ``wrong``: share of those of rides that
        were not fitted to that limit and surface disagree on, and ``wrong_fitted``: of the others.
    """
    groups = _collect(4 if quick else rides, seed)
    limits: dict[str, dict[str, float]] = {}
    counts = np.zeros((2, 2))
    for (joint, solid), met in sorted(groups.items()):
        if met.fitted.sum() < _FEW:
            continue
        tried = np.quantile(met.before[met.fitted], np.linspace(0.0, 1.0, _TRIED + 1))
        tried = np.concatenate([[0.0, _FARTHEST], tried.clip(0.0, _FARTHEST)])
        limit = float(tried[np.argmin([met.wrong(t, True) for t in tried])])
        limits.setdefault(joint, {})[solid] = round(limit, 3)
        for row, fitted in enumerate((False, True)):
            counts[row] += met.wrong(limit, fitted), (met.fitted == fitted).sum()
    for joint, near in limits.items():
        print(f'    "{joint}": {{')
        for solid, limit in near.items():
            print(f'        "{solid}": {limit},')
        print("    },")
    shares = counts[:, 0] / np.maximum(counts[:, 1], 1)
    return {"joints": float(counts[:, 1].sum()), "wrong": shares[0], "wrong_fitted": shares[1]}


def _collect(rides: int, seed: int) -> Mapping[tuple[str, str], Met]:
    """Kind of joint and solid -> what was met."""
    wardrobe = Wardrobe()
    rows: dict[tuple[str, str], list[tuple[float, bool, bool]]] = {}
    times = np.linspace(0.0, _SECONDS, 13)
    codes = CAUSES.index(VISIBLE), CAUSES.index(SELF)
    for number in range(rides):
        rng = np.random.default_rng([seed, number])
        cameras = [draw_camera(name, _SIZE, rng) for name in CAMERAS]
        ride, people = strangers.draw_ride(number, _SECONDS, rng, relight=10)
        actors = staged_actors(wardrobe, ride, people, times)
        looks = [{s: sight.before(camera, a) for s, a in actors.items()} for camera in cameras]
        for frame in range(0, len(times), 3):
            now = ride.at(float(times[frame]))
            for camera, found in zip(cameras, looks, strict=True):
                for seat, causes in ride.causes(now, camera).items():
                    parts = actors[seat].padding.parts
                    before, part = (row[frame] for row in found[seat])
                    for joint, cause in enumerate(causes):
                        code = CAUSES.index(cause)
                        if code not in codes or not np.isfinite(before[joint]):
                            continue
                        if joint < FACE and parts[part[joint]] == "head":  # see Padding.profile
                            continue
                        name = NAMES[joint]
                        key = kind(name), relation(name, parts[part[joint]])
                        row = float(before[joint]), code == codes[1], number % _SHARE != 0
                        rows.setdefault(key, []).append(row)
    return {
        key: Met(before=np.array(b), hidden=np.array(h), fitted=np.array(f))
        for key, (b, h, f) in ((k, zip(*v, strict=True)) for k, v in rows.items())
    }
