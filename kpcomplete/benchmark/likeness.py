"""How like real people the simulated ones are: arms beside mocap, what is seen beside sktDD."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.data.sktdd import SktDD
from kpcomplete.data.take import takes
from kpcomplete.output import whole
from kpcomplete.pose import Array

#: View of sktDD -> kind of simulated camera.
VIEWS = {"mirror": "mirror", "dashboard": "dash", "side": "door"}
_JOINTS = [f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee")
           for side in ("right", "left")]  # fmt: skip
_BINS = np.arange(0, 181, 5)  # degrees
_EVERY = 5  # frames


def run(
    *, simulated: str | Path, mocap: str | Path, sktdd: str | Path, plot: str | Path | None = None
) -> dict[str, float]:
    """Compare, print the shares, and draw both.

    Args:
        simulated: File of ``kpcomplete simulate``.
        mocap: UE_ADL's seated upper bodies, ``.npz``.
        sktdd: Folder of sktDD.
        plot: Picture to write, ``.png``; None: none.

    Returns:
        ``elbow_overlap``, ``arm_overlap``: common area of the distributions of elbow flexion and of
        the upper arm's angle from hanging, simulated and UE_ADL, 0..1. ``visible_gap``: mean
        difference of the share of frames in which a driver's joint is seen (simulated, truth) and
        found (sktDD, OpenPose), over views and joints: cars and cameras differ, so 0 is not to be
        expected.

    Raises:
        SourceError: If a file is not what it should be.
    """
    made, real = _made_arms(simulated), _real_arms(mocap)
    seen, found = _seen(simulated), _found(sktdd)
    print(f"{'view':<11}{'joint':<16}{'simulated':>10}{'sktDD':>8}")
    for view, joints in found.items():
        for joint, share in joints.items():
            print(f"{view:<11}{joint:<16}{seen[view][joint]:>10.2f}{share:>8.2f}")
    if plot is not None:
        _plot(plot, (made, real), (seen, found))
    gaps = [
        abs(seen[view][joint] - share) for view in found for joint, share in found[view].items()
    ]
    return {
        "elbow_overlap": _overlap(made["elbow"], real["elbow"]),
        "arm_overlap": _overlap(made["arm"], real["arm"]),
        "visible_gap": float(np.mean(gaps)),
    }


def _angles(shoulder: Array, elbow: Array, wrist: Array, down: Array) -> dict[str, Array]:
    """Elbow flexion (0 is stretched) and the upper arm's angle from hanging, degrees."""
    upper, lower = elbow - shoulder, wrist - elbow
    return {"elbow": _angle(upper, lower), "arm": _angle(upper, np.broadcast_to(down, upper.shape))}


def _angle(one: Array, other: Array) -> Array:
    length = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    cosine = (one * other).sum(axis=-1) / np.maximum(length, 1e-9)
    return np.asarray(np.degrees(np.arccos(cosine.clip(-1, 1))))


def _made_arms(file: str | Path) -> dict[str, Array]:
    rows: dict[str, list[Array]] = {"elbow": [], "arm": []}
    for take in takes(file):
        points = take.cabin[::_EVERY].astype(np.float64)
        for side in ("left", "right"):
            arm = [points[:, NAMES.index(f"{side}_{n}")] for n in ("shoulder", "elbow", "wrist")]
            for name, values in _angles(arm[0], arm[1], arm[2], np.array([0, 0, -1.0])).items():
                rows[name].append(values)
    return {name: np.concatenate(values) for name, values in rows.items()}


def _real_arms(file: str | Path) -> dict[str, Array]:
    with np.load(file, allow_pickle=False) as stored:
        names, joints = list(stored["joint_names"]), stored["joints"][::_EVERY].astype(np.float64)
    rows: dict[str, list[Array]] = {"elbow": [], "arm": []}
    for side in "lr":
        arm = [joints[:, names.index(f"{side}_{n}")] for n in ("shoulder", "elbow", "wrist")]
        for name, values in _angles(arm[0], arm[1], arm[2], np.array([0, -1.0, 0])).items():
            rows[name].append(values[np.isfinite(values)])
    return {name: np.concatenate(values) for name, values in rows.items()}


def _seen(file: str | Path) -> dict[str, dict[str, float]]:
    """View -> joint -> share of frames in which the driver's joint is seen."""
    rows: dict[str, list[Array]] = {view: [] for view in VIEWS}
    for take in takes(file):
        for view, kind in VIEWS.items():
            if take.seat == "driver" and take.camera.name == kind:
                rows[view].append(take.visible)
    shares = {view: np.concatenate(found).mean(axis=0) for view, found in rows.items() if found}
    return {view: {j: float(s[NAMES.index(j)]) for j in _JOINTS} for view, s in shares.items()}


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


def _plot(
    path: str | Path,
    arms: tuple[Mapping[str, Array], Mapping[str, Array]],
    shares: tuple[Mapping[str, Mapping[str, float]], Mapping[str, Mapping[str, float]]],
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    for ax, name in zip(axes[0], ("elbow", "arm"), strict=False):
        for values, label in zip(arms, ("simulated", "UE_ADL"), strict=True):
            ax.hist(values[name], _BINS, density=True, histtype="step", lw=2, label=label)
        ax.set_title({"elbow": "elbow flexion", "arm": "upper arm from hanging"}[name])
        ax.set_xlabel("degrees")
        ax.legend()
    axes[0, 2].axis("off")
    for ax, view in zip(axes[1], VIEWS, strict=True):
        place = np.arange(len(_JOINTS))
        for shift, found, label in zip((-0.2, 0.2), shares, ("simulated", "sktDD"), strict=True):
            ax.bar(place + shift, [found[view][j] for j in _JOINTS], 0.4, label=label)
        ax.set_xticks(place, [j.replace("_", " ") for j in _JOINTS], rotation=60)
        ax.set_title(f"driver's joints seen, {view}")
        ax.legend()
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=90, format="png")
