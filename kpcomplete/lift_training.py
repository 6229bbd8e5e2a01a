"""From 3D motion to a finished lifter: one run, and what is worth knowing about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kpcomplete import checkpoint
from kpcomplete.data.mocap import Mocap
from kpcomplete.data.simulated import Simulated
from kpcomplete.data.solid import SolidMaterial, SolidSampler, SolidSet, SolidSource, starts
from kpcomplete.errors import SettingError
from kpcomplete.objective.lift import Lift
from kpcomplete.trainer import Trainer
from kpcomplete.training import write


def run(
    *,
    objective: Lift,
    data: Mapping[str, Mocap | Simulated | SolidSource],
    trainer: Trainer,
    output: str | Path,
    shares: Mapping[str, float],
    held_out: Sequence[str],
    excluded: Sequence[str] = (),
    lengths: Sequence[int] = (96,),
    windows: int = 200,
    quick: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train on everyone but some people, calibrate on those, and write the network.

    Args:
        objective: What is learned, with the network.
        data: The data sets, by name.
        trainer: How long and how fast.
        output: Checkpoint to write, in half precision.
        shares: Name of a data set to share of the windows.
        held_out: People who are not trained on, but calibrate.
        excluded: People who are neither trained nor calibrated on; the network is measured on them.
        lengths: See `SolidSampler`; the longest that fits into the clips of a data set is measured.
        windows: How many of held-out people calibrate, and measure each data set.
        quick: Ten steps on few windows, to see whether everything fits together.
        provenance: What else the checkpoint should say about itself.

    Returns:
        What the checkpoint says about itself.

    Raises:
        SettingError: If a person is in no data set, or nobody is held out.
    """
    if quick:
        windows, trainer = 8, replace(trainer, steps=10, report_every=5, warmup=2)
    sets: dict[str, SolidMaterial] = {
        name: part.material() if isinstance(part, SolidSource) else SolidSet.of(part)
        for name, part in data.items()
    }
    _check(sets, held_out, excluded)
    known, strangers = _split(sets, excluded)
    seen, unseen = _split(known, held_out)
    longest = [max(lengths)]
    train = SolidSampler(sets=seen, shares=shares, lengths=lengths)
    test = SolidSampler(sets=unseen, shares={n: shares[n] for n in unseen}, lengths=longest)
    tried = {name: _longest(s, lengths) for name, s in (strangers or unseen).items()}
    draw = torch.Generator().manual_seed(trainer.seed + 1)
    done = trainer.fit(objective, train, [test.draw(max(windows // 4, 1), draw)])
    objective.to("cpu")  # where the windows are
    calibration = objective.calibrate(test.draw(windows, draw))
    metrics = {
        name: objective.evaluate(sampler.draw(windows, draw)) for name, sampler in tried.items()
    }
    record = {
        "data": {name: sorted(set(s.people)) for name, s in seen.items()},
        "held_out": sorted(held_out),
        "excluded": sorted(excluded),
        "shares": dict(shares),
        "objective": objective.settings,
        "seed": trainer.seed,
        "steps": done.step,
        "seconds": round(done.seconds),
        "batch_size": trainer.batch_size * trainer.devices,
        "lengths": list(lengths),
        "history": done.history,
        "calibration": calibration,
        "metrics": metrics,
        "versions": checkpoint.versions(),
        **(provenance or {}),
    }
    write(output, objective.network, record)
    return record


def _longest(material: SolidMaterial, lengths: Sequence[int]) -> SolidSampler:
    """Return what draws the longest windows that there are."""
    fitting = [length for length in lengths if len(starts(material.clips, length))]
    longest = max(fitting, default=min(lengths))
    return SolidSampler(sets={"all": material}, shares={"all": 1.0}, lengths=[longest])


def _check(
    sets: Mapping[str, SolidMaterial], held_out: Sequence[str], excluded: Sequence[str]
) -> None:
    people = {person for s in sets.values() for person in s.people}
    unknown = sorted({*held_out, *excluded} - people)
    if unknown or not held_out:
        raise SettingError(
            f"held_out and excluded must name some of {', '.join(sorted(people))}, but name "
            f"{unknown or 'nobody'}: calibration needs unknown people"
        )


def _split(
    sets: Mapping[str, SolidMaterial], people: Sequence[str]
) -> tuple[dict[str, SolidMaterial], dict[str, SolidMaterial]]:
    """Return the clips of everyone else, and those of these people; sets of nobody left out."""
    pairs = {name: s.split(people) for name, s in sets.items()}
    rest = {name: pair[0] for name, pair in pairs.items() if len(pair[0])}
    return rest, {name: pair[1] for name, pair in pairs.items() if len(pair[1])}
