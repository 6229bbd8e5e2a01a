"""How far 3D is from the truth, with joints hidden and without, beside other ways to get it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kpcomplete.benchmark import lift_pictures
from kpcomplete.benchmark.lift_drawn import drawn
from kpcomplete.benchmark.lift_fill import Gaussian3D
from kpcomplete.benchmark.lift_real import Chain, cabins, room
from kpcomplete.benchmark.lift_trials import (
    CLEAN,
    TRIALS,
    Figures,
    Method,
    by_joint,
    judge,
    parts_hidden,
    some_hidden,
    table,
    windows,
)
from kpcomplete.benchmark.lift_views import views
from kpcomplete.completer import Completer
from kpcomplete.data.mocap import Mocap
from kpcomplete.data.simulated import Simulated
from kpcomplete.data.solid import SolidBatch, SolidSet
from kpcomplete.errors import SettingError
from kpcomplete.gate import Gate
from kpcomplete.lifter import Lifter
from kpcomplete.lifter.learned import Learned
from kpcomplete.lifter.planar import Planar
from kpcomplete.lifter.sight import Sight

log = logging.getLogger(__name__)
OURS = "fill, then lift (shipped)"
_MISSING = (0, 2, 4, 6, 8)
_WHOLE = ("cmu", "simulated")  # data sets with legs
Cells = dict[tuple[str, str], Figures]


def run(
    *,
    data: Mapping[str, Mocap | Simulated],
    lifter: Lifter,
    completer: Completer,
    gate: Gate | None,
    test_people: Sequence[str],
    rivals: Mapping[str, str | None],
    media: str | Path | None,
    scenes: str | Path | None,
    rides: int = 9,
    frames: int = 45,
    count: int = 120,
    length: int = 81,
    output_dir: str | Path = "lifting",
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Measure a lifter on people that nobody here has learned from.

    Args:
        data: ``ue_adl``, ``cmu`` and ``simulated``.
        lifter: That is measured.
        completer: Fills in joints before.
        gate: As in `process`.
        test_people: Of all data sets.
        rivals: ``clean``: a temporal network trained on whole poses; ``robust``: one trained as
            shown in ``experiment=lift`` and as long as that; ``frame``: Martinez' network. Paths of
            checkpoints; None leaves a rival out, and what needs it.
        media: Folder of Pose2Sim's demonstration; None leaves it out.
        scenes: File of drawn drives, made if there is none; None leaves them out.
        rides: How many are drawn then, two people each.
        frames: Of each.
        count: Windows of each data set.
        length: Frames of a window.
        output_dir: Folder of ``missing.png`` and ``side_by_side.png``.
        quick: An eighth of the windows, two drives.
        seed: Same seed, same windows and drives.

    Returns:
        ``occluded_over_clean``: error with six joints hidden over that with none, where cameras of
        simulated people know their places in the car;
        ``clean_loss_pct``: by how much ``robust`` is worse than ``clean`` where nothing is hidden;
        ``cmu81_mm``, ``cmu1_mm``, ``ue_adl_mm``: error with the true places in the image, in
        windows and in single frames; the others as `cabins` and `room` tell.

    Raises:
        SettingError: If a network was trained on people that it is measured on.
    """
    if quick:
        count, rides, frames = max(8, count // 8), 2, 20
        print(f"quick: {count} windows, {rides} drives of {frames} frames: rough figures")
    sets = {name: SolidSet.of(part) for name, part in data.items()}
    networks = {name: Learned(weights=path) for name, path in rivals.items() if path is not None}
    for one in (lifter, *networks.values()):
        _check(one, test_people)
    tested = {name: s.split(test_people)[1] for name, s in sets.items()}
    material = {n: windows(s, count=count, length=length, seed=seed) for n, s in tested.items()}
    cells = {}
    for name, clean in material.items():
        fill = Gaussian3D.fit({name: sets[name].split(test_people)[0]}, seed=seed)
        methods = ways(lifter, networks, completer, fill)
        cells[name] = occluded(methods, clean, TRIALS if name in _WHOLE else _arms())
        print(f"\n{name}, {len(clean)} windows of {length} frames, mm")
        for figure in ("mpjpe", "hidden", "pa", "scaled", "jitter"):
            print(table(cells[name], figure) + "\n")
        points = methods[OURS](clean, torch.zeros_like(clean.observed))
        print(f"{OURS}, {CLEAN}, joint by joint:", by_joint(points, clean))
    figures = _figures(cells, networks)
    single = windows(tested["cmu"], count=8 * count, length=1, seed=seed)
    figures["cmu1_mm"] = _error(_plain(lifter), single)
    _draw_curves(Path(output_dir), material, lifter, networks, completer, seed)
    chain = Chain(completer=completer, lifter=lifter, gate=gate)
    if scenes is not None:
        people = drawn(scenes, rides=rides, frames=frames, seed=seed)
        figures |= cabins(people, chain)
        shown = [p for p in people if np.isfinite(p.keypoints).any()][:4]
        lift_pictures.side_by_side(Path(output_dir) / "side_by_side.png", shown, chain)
    if media is not None:
        figures["pose2sim_mm"] = room(views(media), chain)
    return figures


def ways(
    lifter: Lifter, networks: Mapping[str, Lifter], completer: Completer, fill: Gaussian3D
) -> dict[str, Method]:
    """Return all ways from what was seen to 3D, by name."""
    out = {
        OURS: Method(lift=_plain(lifter), completer=completer),
        "the same, camera anywhere": Method(lift=_unmounted(lifter), completer=completer),
        "one joint model (holes)": Method(lift=_plain(lifter)),
        "lift, then fill": Method(lift=_plain(lifter), afterwards=fill),
        "planar": Method(lift=_plain(Planar()), completer=completer),
    }
    for name, title in (("clean", "temporal, whole 2D"), ("frame", "single frame (Martinez)"),
                        ("robust", "temporal, robust, as long")):  # fmt: skip
        if name in networks:
            lift = _unaware(networks[name]) if name == "clean" else _plain(networks[name])
            out[title] = Method(lift=lift)
            out[f"{title}, completed"] = Method(lift=lift, completer=completer)
    return out


def occluded(
    methods: Mapping[str, Method], clean: SolidBatch, trials: Mapping[str, Sequence[str]]
) -> Cells:
    """Return the figures of each method in each trial."""
    cells = {}
    for trial, parts in trials.items():
        hidden = parts_hidden(clean, parts) & clean.observed
        for name, method in methods.items():
            cells[name, trial] = judge(method(clean, hidden), clean, hidden)
    return cells


def _figures(cells: Mapping[str, Cells], networks: Mapping[str, Lifter]) -> dict[str, float]:
    whole = [cells[name] for name in _WHOLE]
    ratios = [
        c[OURS, trial].mpjpe / c[OURS, CLEAN].mpjpe
        for c in whole for trial in TRIALS if trial != CLEAN
    ]  # fmt: skip
    loss = float("nan")
    if {"clean", "robust"} <= set(networks):
        pairs = [
            (c["temporal, robust, as long", CLEAN].mpjpe, c["temporal, whole 2D", CLEAN].mpjpe)
            for c in cells.values()
        ]
        loss = 100 * (sum(a / b for a, b in pairs) / len(pairs) - 1)
    return {
        "occluded_over_clean": sum(ratios) / len(ratios),
        "clean_loss_pct": loss,
        "cmu81_mm": cells["cmu"]["one joint model (holes)", CLEAN].mpjpe,
        "ue_adl_mm": cells["ue_adl"]["one joint model (holes)", CLEAN].mpjpe,
    }


def _draw_curves(
    folder: Path,
    material: Mapping[str, SolidBatch],
    lifter: Lifter,
    networks: Mapping[str, Lifter],
    completer: Completer,
    seed: int,
) -> None:
    """Draw errors over the number of missing joints, the mean of the data sets with legs."""
    ours = {
        OURS: Method(lift=_plain(lifter), completer=completer),
        "holes": Method(lift=_plain(lifter)),
    }
    if "clean" in networks:
        ours["whole 2D, completed"] = Method(lift=_unaware(networks["clean"]), completer=completer)
        ours["whole 2D, holes"] = Method(lift=_unaware(networks["clean"]))
    errors: dict[str, list[float]] = {name: [] for name in ours}
    for number in _MISSING:
        for name, method in ours.items():
            found = []
            for part in _WHOLE:
                clean = material[part]
                hidden = some_hidden(clean, number, seed) & clean.observed
                found.append(judge(method(clean, hidden), clean, hidden).mpjpe)
            errors[name].append(sum(found) / len(found))
    print("mm with so many joints of arms and legs missing:", *_MISSING)
    for name, values in errors.items():
        print(f"  {name:<28}", *(f"{value:7.1f}" for value in values))
    lift_pictures.curves(folder / "missing.png", errors, _MISSING)


def _error(lift: Callable[[Sight], Tensor], clean: SolidBatch) -> float:
    hidden = torch.zeros_like(clean.observed)
    return judge(Method(lift=lift)(clean, hidden), clean, hidden).mpjpe


def _plain(lifter: Lifter) -> Callable[[Sight], Tensor]:
    return lambda sight: lifter(sight).points


def _unmounted(lifter: Lifter) -> Callable[[Sight], Tensor]:
    """Return a lifter that is not told where in the car cameras are."""
    return lambda sight: lifter(replace(sight, mounting=torch.zeros_like(sight.mounting))).points


def _unaware(lifter: Lifter) -> Callable[[Sight], Tensor]:
    """Return a lifter that takes what was filled in for seen: it never learned the difference."""
    return lambda sight: (
        lifter(replace(sight, seen=sight.given, std=torch.zeros_like(sight.std))).points
    )


def _arms() -> dict[str, Sequence[str]]:
    return {CLEAN: (), "left forearm": ("left_forearm",), "right forearm": ("right_forearm",)}


def _check(lifter: Lifter, test_people: Sequence[str]) -> None:
    known = sorted(set(getattr(lifter, "people", ())) & set(test_people))
    if known:
        raise SettingError(f"a lifter was trained on {', '.join(known)}, who are to be tested")
