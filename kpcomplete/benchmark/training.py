"""How fast the shipped network learns on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kpcomplete import rank, training
from kpcomplete.benchmark import kernels
from kpcomplete.data import Data, PoseSet
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.sampler import Sampler
from kpcomplete.source.synthetic import Synthetic
from kpcomplete.trainer import Trainer


def run(
    *,
    objective: Reconstruct,
    trainer: Trainer,
    data: Mapping[str, Data] | None = None,
    shares: Mapping[str, float] | None = None,
    prior: str | Path | None = "gaussian",
    length: int = 160,
    frame_steps: Sequence[int] = (1,),
    moving: float = 0.0,
    remembered: float = 0.0,
    steps: int = 60,
    quick: bool = False,
    seed: int = 0,
    **recipe: Any,
) -> dict[str, float | str]:
    """Train for a few steps and look at the clock, then for some more through a profiler.

    Args:
        objective: What is learned, with the model.
        trainer: Of the whole recipe.
        data: What it learns from; None makes up people who move, which takes as long.
        shares: See `kpcomplete.training.run`, as all the rest.
        prior: Checkpoint of Gaussians, or None.
        length: Frames of a window.
        frame_steps: See `kpcomplete.sampler.Sampler`.
        moving: See `kpcomplete.sampler.Sampler`.
        remembered: See `kpcomplete.sampler.Sampler`.
        steps: That are timed, after a third as many more.
        quick: A sixth of them.
        seed: Of made-up people, and of training.
        recipe: What else `kpcomplete.training.run` takes; of no matter for speed.

    Returns:
        ``frames_per_s`` of training material, ``kernel_share`` the share of a step's time that is
        spent in kernels (on a CPU: in operations of torch), ``minutes`` that the whole recipe takes
        at that rate, and the ``device``. Operations a second beside those of large products of
        matrices on the device are printed.
    """
    del recipe
    part = max(1, steps // (12 if quick else 2))
    names = list(shares or {"made_up": 1.0})
    sets = {name: d.load() for name, d in data.items()} if data else _made_up(names, seed)
    device = rank.device(trainer.accelerator)
    sampler = Sampler(sets=sets, shares=shares, length=length, steps=frame_steps, moving=moving,
                      remembered=remembered, device=device)  # fmt: skip
    objective.prepare(sampler.draw(400, torch.Generator().manual_seed(seed)).to("cpu"))
    if prior is not None:
        training.adopt(objective.network, prior)
    short = replace(trainer, steps=3 * part, minutes=None, report_every=part, pretraining=None,
                    finishing=0, seed=seed, state=None, tensorboard=None)  # fmt: skip
    history = short.fit(objective, sampler).history
    first, last = history[0], history[-1]
    rate = (last["step"] - first["step"]) / (last["seconds"] - first["seconds"])
    minutes = trainer.steps / rate / 60
    frames = rate * trainer.batch_size * trainer.devices * length
    print(f"{rate:.2f} steps a second of {trainer.batch_size} windows of {length} frames")
    some = replace(short, steps=part, report_every=part, progress=False)
    counted = kernels.operations(lambda: _fit(some, objective, sampler)) / part * rate
    can = kernels.ceiling(device)
    print(f"{counted / 1e9:.3g} billion operations a second in products of matrices, of "
          f"{can / 1e9:.3g} that the device can do")  # fmt: skip
    return {
        "frames_per_s": frames,
        "kernel_share": kernels.share_inside(lambda: _fit(some, objective, sampler), device),
        "minutes": minutes if trainer.minutes is None else min(minutes, trainer.minutes),
        "device": kernels.name_of(device),
    }


def _fit(trainer: Trainer, objective: Reconstruct, sampler: Sampler) -> None:
    trainer.fit(objective, sampler)


def _made_up(names: Sequence[str], seed: int) -> dict[str, PoseSet]:
    """Return four people of a minute each for every name."""
    seats = [f"person{i}" for i in range(4)]
    return {
        name: PoseSet.from_clips(
            [torch.from_numpy(clip) for clip in Synthetic(
                length=1800, seats=seats, noise=0.5, seed=seed + i).truth.values()],
            people=seats, views=["front"] * len(seats), fps=30.0,
        )
        for i, name in enumerate(names)
    }  # fmt: skip
