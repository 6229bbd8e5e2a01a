"""How fast the shipped network learns on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kpcomplete import training
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
) -> dict[str, float]:
    """Train for a few steps and look at the clock.

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
        ``frames_per_s`` of training material, ``minutes`` that the whole recipe takes at that rate.
    """
    del recipe
    part = max(1, steps // (12 if quick else 2))
    names = list(shares or {"made_up": 1.0})
    sets = {name: d.load() for name, d in data.items()} if data else _made_up(names, seed)
    sampler = Sampler(sets=sets, shares=shares, length=length, steps=frame_steps,
                      moving=moving, remembered=remembered)  # fmt: skip
    objective.prepare(sampler.draw(400, torch.Generator().manual_seed(seed)))
    if prior is not None:
        training.adopt(objective.network, prior)
    short = replace(trainer, steps=3 * part, minutes=None, report_every=part, pretraining=None,
                    seed=seed, state=None, tensorboard=None)  # fmt: skip
    history = short.fit(objective, sampler).history
    first, last = history[0], history[-1]
    rate = (last["step"] - first["step"]) / (last["seconds"] - first["seconds"])
    minutes = trainer.steps / rate / 60
    frames = rate * trainer.batch_size * trainer.devices * length
    print(f"{rate:.2f} steps a second of {trainer.batch_size} windows of {length} frames")
    return {
        "frames_per_s": frames,
        "minutes": minutes if trainer.minutes is None else min(minutes, trainer.minutes),
    }


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
