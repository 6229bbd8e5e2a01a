"""How like real people the simulated ones are: angles beside mocap, what is seen beside sktDD."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.benchmark.joint_angles import (
    Angles,
    gathered,
    of_arms,
    of_take,
    of_whole_bodies,
)
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.data.sktdd import SktDD
from kpcomplete.data.take import Take, takes
from kpcomplete.errors import SourceError
from kpcomplete.output import whole as written
from kpcomplete.pose import Array

#: View of sktDD -> kind of simulated camera.
VIEWS = {"mirror": "mirror", "dashboard": "dash", "side": "door"}
#: Angle -> what it is.
TITLES = {
    "elbow": "elbow flexion", "arm": "upper arm from hanging",
    "lean": "trunk forward, from the median", "twist": "shoulders' twist, from the median",
}  # fmt: skip
_JOINTS = [f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee")
           for side in ("right", "left")]  # fmt: skip
_BINS = np.arange(-90, 181, 5)  # degrees
_EVERY = 5  # frames
_WHOLE = "cmu_"  # how sources of whole-body motion begin

Shares = Mapping[str, Mapping[str, float]]
Pair = tuple[Angles, Angles]


def run(
    *, simulated: str | Path, mocap: str | Path, sktdd: str | Path,
    whole: str | Path | None = None, plot: str | Path | None = None,
) -> dict[str, float]:  # fmt: skip
    """Compare, print the shares, and draw both.

    Args:
        simulated: File of ``kpcomplete simulate``.
        mocap: UE_ADL's seated upper bodies, ``.npz``.
        sktdd: Folder of sktDD.
        whole: CMU's whole bodies, ``.npz``, for those simulated who move as these; None: nobody.
        plot: Picture to write, ``.png``; None: none.

    Returns:
        ``elbow_overlap``, ``arm_overlap``: common area of the distributions of elbow flexion and of
        the upper arm's angle from hanging, simulated and UE_ADL, 0..1. ``whole_elbow_overlap``,
        ``whole_arm_overlap``: the same of raised arms, ``whole_lean_overlap``,
        ``whole_twist_overlap``: of the trunk, of people who move as CMU's whole bodies beside the
        same subjects; only where there are some. Arms that hang are left out: they rest in laps
        of those who sit. ``visible_gap``: mean difference of the share of frames in which a
        driver's joint is seen (simulated, truth) and found (sktDD, OpenPose), over views and
        joints: cars and cameras differ, so 0 is not to be expected.

    Raises:
        SourceError: If a file is not what it should be.
    """
    people = list(takes(simulated))
    pairs = {"": (_made(people), of_arms(mocap, _EVERY))}
    moved = {take.motion for take in people if take.motion.startswith(_WHOLE)}
    if whole is not None and moved:
        pairs["whole_"] = (
            gathered([of_take(take, _EVERY, True) for take in people if take.motion in moved]),
            of_whole_bodies(whole, moved, _EVERY),
        )
    seen, found = _seen(people, simulated), _found(sktdd)
    print(f"{'view':<11}{'joint':<16}{'simulated':>10}{'sktDD':>8}")
    for view, joints in found.items():
        for joint, share in joints.items():
            print(f"{view:<11}{joint:<16}{seen[view][joint]:>10.2f}{share:>8.2f}")
    if plot is not None:
        _plot(plot, list(pairs.values()), (seen, found))
    gaps = [
        abs(seen[view][joint] - share) for view in found for joint, share in found[view].items()
    ]
    overlaps = {
        f"{name}{angle}_overlap": _overlap(made[angle], real[angle])
        for name, (made, real) in pairs.items()
        for angle in real
    }
    return overlaps | {"visible_gap": float(np.mean(gaps))}


def _made(people: Sequence[Take]) -> Angles:
    """Arms of those who do not move as whole bodies."""
    rows = [of_take(take, _EVERY) for take in people if not take.motion.startswith(_WHOLE)]
    return {name: values for name, values in gathered(rows).items() if name in ("elbow", "arm")}


def _seen(people: Sequence[Take], file: str | Path) -> dict[str, dict[str, float]]:
    """View -> joint -> share of frames in which the driver's joint is seen."""
    shares = {}
    for view, kind in VIEWS.items():
        rows = [t.visible for t in people if t.seat == "driver" and t.camera.name == kind]
        if not rows:
            raise SourceError(
                f"{file} should have rides at which each of {sorted(VIEWS.values())} looks, but "
                f"has none with {kind}: simulate more rides or cameras"
            )
        share = np.concatenate(rows).mean(axis=0)
        shares[view] = {joint: float(share[NAMES.index(joint)]) for joint in _JOINTS}
    return shares


def _found(folder: str | Path) -> dict[str, dict[str, float]]:
    """View -> joint -> share of frames in which OpenPose found the driver's joint."""
    poses = SktDD(root=str(folder), parts=["training"], views=list(VIEWS)).load()
    known = np.isfinite(poses.keypoints[..., 0].numpy())
    view = np.repeat(np.array(poses.views), poses.clips[:, 1].numpy())
    return {
        name: {j: float(known[view == name, NAMES.index(j)].mean()) for j in _JOINTS}
        for name in VIEWS
    }


def _overlap(one: Array, other: Array) -> float:
    shares = [np.histogram(values, _BINS)[0] / len(values) for values in (one, other)]
    return float(np.minimum(shares[0], shares[1]).sum())


def _plot(path: str | Path, pairs: Sequence[Pair], shares: tuple[Shares, Shares]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(18, 4 + 3.5 * len(pairs)), layout="constrained")
    axes = figure.subplots(len(pairs) + 1, 4, squeeze=False)
    for row, pair, real in zip(axes, pairs, ("UE_ADL", "CMU"), strict=False):
        for ax, name in zip(row, pair[1], strict=False):
            _draw_angles(ax, name, pair, real)
    for ax, view in zip(axes[-1], VIEWS, strict=False):
        _draw_shares(ax, view, shares)
    for ax in axes.flat:
        ax.set_visible(ax.has_data())
    with written(path) as temporary:
        figure.savefig(temporary, dpi=90, format="png")


def _draw_angles(ax: Any, name: str, pair: Pair, real: str) -> None:
    for angles, label in zip(pair, ("simulated", real), strict=True):
        ax.hist(angles[name], _BINS, density=True, histtype="step", lw=2, label=label)
    ax.set_title(TITLES[name])
    ax.set_xlim(*((0, 180) if name in ("elbow", "arm") else (-60, 60)))
    ax.set_xlabel("degrees")
    ax.legend()


def _draw_shares(ax: Any, view: str, shares: tuple[Shares, Shares]) -> None:
    place = np.arange(len(_JOINTS))
    for shift, found, label in zip((-0.2, 0.2), shares, ("simulated", "sktDD"), strict=True):
        ax.bar(place + shift, [found[view][j] for j in _JOINTS], 0.4, label=label)
    ax.set_xticks(place, [j.replace("_", " ") for j in _JOINTS], rotation=60)
    ax.set_title(f"driver's joints seen, {view}")
    ax.legend()
