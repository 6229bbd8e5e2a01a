"""Whether simulated errors of the detector are as those measured, and how honest it is."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from scipy.stats import ks_2samp

from kpcomplete import metric, staged
from kpcomplete.benchmark.noise_fit import Pairs, fit, pairs
from kpcomplete.benchmark.noise_plot import plot_noise
from kpcomplete.corruption.mediapipe_noise import CAUSES, MediaPipeNoise, NoiseTables
from kpcomplete.errors import SettingError
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

log = logging.getLogger(__name__)
_ROW = "{:<14}" + " {:>9}" * 9
_SHARE = 4  # every fourth ride is tested on
_DRAWS = 8  # of the noise for each scene: it lasts, so that one says little of its distribution
_ENOUGH = 300  # joints of a kind under a cause, or they are not measured


def run(
    *,
    material: Sequence[str | Path],
    output: str | Path | None = None,
    plot: str | Path | None = None,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Fit the noise to three rides of four, and compare it with the fourth.

    Args:
        material: Files of ``kpcomplete stage``.
        output: Where the fitted tables go, ``.safetensors``; None: nowhere.
        plot: Picture of simulated and measured distributions, ``.png``; None: none.
        quick: At most 16 scenes.
        seed: Of the noise that is drawn.

    Returns:
        ``ks_max``: largest Kolmogorov-Smirnov distance between simulated and measured values of
        rides that were not fitted to, of distance and of visibility under each cause, all joints
        together; ``ks_joint``: the same joint by joint, the median; ``ks_rides``: as ``ks_max``,
        between the rides that were fitted to and those that were not, all measured: no simulation
        can be expected to be nearer. ``visibility_auroc``: how often
        MediaPipe's visibility of a joint that is seen is above that of a hidden one, all in the
        image. ``frames``: pictures of one person. ``invented``: share of hidden joints in the
        image that it is more than half sure of.

    Raises:
        SettingError: If there are not enough rides.
    """
    scenes = [scene for file in material for scene in staged.read(file)]
    scenes = scenes[:16] if quick else scenes
    rides = sorted({scene.person.rsplit("_", 1)[0] for scene in scenes})
    order = np.random.default_rng(0).permutation(len(rides))
    tested = {rides[i] for i in order[: len(rides) // _SHARE]}  # cameras come in turn: at random
    parts: tuple[list[Pairs], list[Pairs]] = ([], [])
    for scene in scenes:
        parts[scene.person.rsplit("_", 1)[0] in tested].append(pairs(scene))
    if not parts[0] or not parts[1]:
        raise SettingError(
            f"fitting the detector's noise needs at least {_SHARE} rides, but {len(material)} "
            f"files have {len(rides)}; draw more with `kpcomplete stage`"
        )
    tables = fit(parts[0])
    if output is not None:
        packed = {name: tensor.half() for name, tensor in vars(tables).items()}
        with whole(output) as temporary:
            Path(temporary).write_bytes(save(packed))
    simulated = [
        _simulate(tables, scene, seed + i + draw * len(parts[1]))
        for draw in range(_DRAWS)
        for i, scene in enumerate(parts[1])
    ]
    if plot is not None:
        plot_noise(plot, parts[1], simulated)
    everything = [*parts[0], *parts[1]]
    honest = _honesty(everything)
    frames = float(sum(len(scene.cause) for scene in everything))
    floor = _distances(parts[1], parts[0], "fitted rides")["ks_max"]
    found = _distances(parts[1], simulated, "simulation")
    return {**found, "ks_rides": floor, **honest, "frames": frames}


def _simulate(tables: NoiseTables, scene: Pairs, seed: int) -> Pairs:
    """The same scene with drawn errors, where any were measured."""
    noise = MediaPipeNoise(tables=tables, seed=seed)
    times = torch.arange(len(scene.cause)) / scene.fps
    offset, sure = noise.draw(torch.from_numpy(scene.cause).long()[None], times[None])
    moved = np.where(scene.found[..., None], offset[0].numpy(), np.nan)
    return Pairs(offset=moved, confidence=sure[0].numpy(), cause=scene.cause, fps=scene.fps)


def _stacked(scenes: Sequence[Pairs]) -> tuple[Array, Array, Array, Array]:
    """Distances, visibilities, causes and whether anything was found, ``[N, 33]`` each."""
    names = ("distance", "confidence", "cause", "found")
    one, two, three, four = (np.concatenate([getattr(s, n) for s in scenes]) for n in names)
    return one, two, three, four


def _distances(
    measured: Sequence[Pairs], simulated: Sequence[Pairs], name: str
) -> dict[str, float]:
    """Print Kolmogorov-Smirnov distances of held-out rides, and sum them up."""
    far, sure, cause, found = _stacked(measured)
    drawn_far, drawn_sure, drawn_cause, drawn_found = _stacked(simulated)
    largest, each = 0.0, []
    for what, hidden_by in enumerate(CAUSES):
        rows = (cause == what) & found
        drawn = (drawn_cause == what) & drawn_found
        if min(rows.sum(), drawn.sum()) < _ENOUGH:
            continue
        both = ((far, drawn_far), (sure, drawn_sure))
        gaps = [ks_2samp(a[rows], b[drawn]).statistic for a, b in both]
        largest = max(largest, *gaps)
        print(f"held-out rides against {name}, {hidden_by}: KS of distance {gaps[0]:.3f}, of "
              f"visibility {gaps[1]:.3f}, {rows.sum()} joints")  # fmt: skip
        for joint in range(33):
            mine, theirs = rows[:, joint], drawn[:, joint]
            if min(mine.sum(), theirs.sum()) >= _ENOUGH:
                each += [ks_2samp(a[mine, joint], b[theirs, joint]).statistic for a, b in both]
    return {"ks_max": float(largest), "ks_joint": float(np.median(each)) if each else float("nan")}


def _honesty(scenes: Sequence[Pairs]) -> dict[str, float]:
    """Print how well MediaPipe's visibility tells seen joints from hidden ones."""
    _, sure, cause, found = _stacked(scenes)
    inside = found & (cause != CAUSES.index("outside"))
    words = [name.replace("left", "").replace("right", "").strip("_")
             for name in Skeleton.load(CANONICAL).joints]  # fmt: skip
    kinds = np.array(words)
    hidden = [name for name in CAUSES if name != "visible"]
    print(_ROW.format("joints", "seen", *(x for name in hidden for x in (name, "auroc"))))
    for kind in [*dict.fromkeys(kinds), "all"]:
        mine = np.broadcast_to((kinds == kind) | (kind == "all"), cause.shape) & found
        print(_ROW.format(kind, *_line(sure[mine], cause[mine])))
    seen = cause[inside] == 0
    lost = ~seen
    return {
        "visibility_auroc": metric.auroc(sure[inside], seen),
        "invented": float((sure[inside][lost] > 0.5).mean()),
    }


def _line(sure: Array, cause: Array) -> list[str]:
    """Counts of seen joints and of those hidden by each cause, and how well these are told."""
    seen = cause == 0
    values = [str(int(seen.sum()))]
    for what in range(1, len(CAUSES)):
        mine = cause == what
        auroc = metric.auroc(sure[seen | mine], seen[seen | mine]) if mine.sum() > 30 else np.nan
        values += [str(int(mine.sum())), f"{auroc:.3f}"]
    return values
